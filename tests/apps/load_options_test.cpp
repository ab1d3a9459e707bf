#include "apps/load_options.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rollcall::apps {
namespace {

using Arguments = std::vector<std::string>;

std::optional<LoadOptions> parse(const Arguments& arguments) {
  auto parsed = parse_load_options(arguments);
  if (const auto* options = std::get_if<LoadOptions>(&parsed)) return *options;
  return std::nullopt;
}

TEST(LoadOptions, OfNoArgumentsAreAClosedLoopOfRegisters) {
  const LoadOptions options = parse({}).value();
  EXPECT_EQ(options.protocol, LoadProtocol::kRollcall);
  EXPECT_EQ(options.connections, 50u);
  EXPECT_EQ(options.in_flight, 16u);
  EXPECT_EQ(options.rate, 0u);
  EXPECT_EQ(options.peers, 50'000u);
  EXPECT_TRUE(options.registers_first);
  EXPECT_EQ(options.mix.weights, (std::array<std::uint32_t, 4>{1, 0, 0, 0}));
}

TEST(LoadOptions, LetAnOpenLoopHaveAsManyInFlightAsThereMayBe) {
  EXPECT_EQ(parse({"--rate", "1000"})->in_flight, kLoadInFlightMax);
  EXPECT_EQ(parse({"--rate", "1000", "--in-flight", "64"})->in_flight, 64u);
}

struct Bounds {
  std::string option;
  std::string least;
  std::string most;
  std::string below;
  std::string above;
};

TEST(LoadOptions, TakeValuesUpToTheirBoundsAndNoFurther) {
  const std::vector<Bounds> all = {
      {"--connections", "1", "100000", "0", "100001"},
      {"--in-flight", "1", "4096", "0", "4097"},
      {"--rate", "1", "100000000", "0", "100000001"},
      {"--seconds", "0", "86400", "-0.001", "86400.1"},
      {"--warmup", "0", "86400", "-0.001", "86400.1"},
      {"--peers", "50", "100000000", "49", "100000001"},
      {"--limit", "1", "1000", "0", "1001"},
      {"--nick-bytes", "6", "255", "5", "256"},  // of `49-999`
      {"--server-process", "1", "2147483647", "0", "2147483648"},
  };
  for (const Bounds& bounds : all) {
    // What takes more connections or peers needs longer nicks.
    const std::string nick_bytes = bounds.option == "--nick-bytes" ? "" : "--nick-bytes=200";
    const auto accepts = [&](const std::string& value) {
      Arguments arguments{bounds.option, value};
      if (!nick_bytes.empty()) arguments.push_back(nick_bytes);
      return parse(arguments).has_value();
    };
    EXPECT_TRUE(accepts(bounds.least)) << bounds.option;
    EXPECT_TRUE(accepts(bounds.most)) << bounds.option;
    EXPECT_FALSE(accepts(bounds.below)) << bounds.option;
    EXPECT_FALSE(accepts(bounds.above)) << bounds.option;
    EXPECT_FALSE(accepts("")) << bounds.option;
    EXPECT_FALSE(accepts("x")) << bounds.option;
  }
}

TEST(LoadOptions, ReadNames) {
  EXPECT_EQ(parse({"--protocol", "redis"})->protocol, LoadProtocol::kRedis);
  EXPECT_EQ(parse({"--nicks", "zipf"})->peer_order, PeerOrder::kZipf);
  EXPECT_FALSE(parse({"--protocol", "http"}));
  EXPECT_FALSE(parse({"--nicks", "random"}));
}

TEST(LoadOptions, RefuseWhatAProtocolDoesNotHave) {
  EXPECT_FALSE(parse({"--protocol", "redis", "--mix", "register=1,pquery=1"}));
  EXPECT_FALSE(parse({"--protocol", "memcached", "--mix", "pquery=1"}));
  EXPECT_TRUE(parse({"--protocol", "redis", "--mix", "register=1,keepalive=1,leave=1"}));
  EXPECT_TRUE(parse({"--protocol", "memcached", "--nick-bytes", "250"}));
  EXPECT_FALSE(parse({"--protocol", "memcached", "--nick-bytes", "251"}));
}

TEST(LoadOptions, RegisterNobodyWithAServerThatCountsLines) {
  EXPECT_FALSE(parse({"--protocol", "lines"})->registers_first);
  EXPECT_FALSE(parse({"--registered"})->registers_first);
  EXPECT_FALSE(parse({"--registered", "--seconds", "0"}));
}

TEST(LoadOptions, LetNoRequestsOfDifferentLengthGoToAServerThatCountsLines) {
  const auto accepts = [](const std::string& mix, const Arguments& more = {}) {
    Arguments arguments{"--protocol", "lines", "--mix", mix};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse(arguments).has_value();
  };
  EXPECT_TRUE(accepts("register=1"));
  EXPECT_TRUE(accepts("keepalive=1,pquery=1"));
  EXPECT_TRUE(accepts("register=1,pquery=1", {"--limit", "50"}));
  EXPECT_FALSE(accepts("register=1,pquery=1"));
  EXPECT_FALSE(accepts("register=1,keepalive=1"));
  EXPECT_FALSE(accepts("leave=1")) << "who left registers again";
}

}  // namespace
}  // namespace rollcall::apps
