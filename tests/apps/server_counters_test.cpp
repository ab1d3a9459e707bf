#include "apps/server_counters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/outcome.h"

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;
using engine::Outcome;
using nlohmann::json;

std::size_t index(Outcome outcome) { return static_cast<std::size_t>(outcome); }

TEST(ServerCounters, AreOneLineOfJson) {
  const std::string text = counters_json({.uptime = 1500ms});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(json::parse(text).at("uptime_ms"), 1500);
}

TEST(ServerCounters, HaveAMemberForEveryOutcome) {
  const json counters = json::parse(counters_json({}));
  EXPECT_EQ(counters.at("answers").size(), engine::kOutcomes) << "two outcomes share a message";
  for (const auto& [message, count] : counters.at("answers").items())
    EXPECT_EQ(count, 0) << message;
}

TEST(ServerCounters, SumAnswersByStatus) {
  ServerCounters server;
  transport::TcpCounters& tcp = server.tcp;
  tcp.engine.answers[index(Outcome::kSuccess)] = 1;
  tcp.engine.answers[index(Outcome::kBadNick)] = 2;
  tcp.engine.answers[index(Outcome::kBadPort)] = 3;
  tcp.engine.answers[index(Outcome::kOtherHost)] = 4;
  tcp.engine.answers[index(Outcome::kMethodNotAllowed)] = 5;
  tcp.engine.answers[index(Outcome::kRegistryFull)] = 6;
  const json counters = json::parse(counters_json(server));
  EXPECT_EQ(counters.at("statuses"), json({{"success", 1},
                                           {"bad_message", 5},
                                           {"forbidden", 4},
                                           {"method_not_allowed", 5},
                                           {"internal_error", 6},
                                           {"unknown", 0}}));
  EXPECT_EQ(counters.at("answers").at("Bad message: bad port"), 3);
}

TEST(ServerCounters, ShowTheBucketsOfTheExpiryLagThatHoldAnything) {
  ServerCounters server;
  server.registry.expiry_lag[0] = 7;
  server.registry.expiry_lag[10] = 9;
  const json counters = json::parse(counters_json(server));
  EXPECT_EQ(counters.at("expiry_lag_us"), json({{"1", 7}, {"1024", 9}}));
}

TEST(ServerCounters, SpeakOfTheStoreWhereThereIsOne) {
  ServerCounters server;
  EXPECT_FALSE(json::parse(counters_json(server)).contains("store"));
  server.store.emplace();
  server.store->commits.changes = 12;
  server.store->commits.state = store::Result::kFull;
  const json store = json::parse(counters_json(server)).at("store");
  EXPECT_EQ(store.at("changes"), 12);
  EXPECT_EQ(store.at("state"), "full");
}

}  // namespace
}  // namespace rollcall::apps
