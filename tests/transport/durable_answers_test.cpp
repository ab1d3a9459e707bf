#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/outcome.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/manual_log.h"
#include "tests/support/transport_under_test.h"

// What every transport must do with answers that wait for a store.

namespace rollcall::tests {
namespace {

using engine::HostAddress;
using engine::Outcome;
using engine::Verdict;
using namespace std::chrono_literals;
namespace limits = engine::limits;

constexpr HostAddress kHere = HostAddress::v4(127, 0, 0, 1);

const std::string kSuccess(kSuccessLine);
const std::string kRegister = "Register P2Pv1\n\nalice\n9999\n";
const std::string kQuery = "PQuery P2Pv1\n\nalice\n";
const std::string kList = "Response 20 P2Pv1\n\n['127.0.0.1:9999']\n";

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

class DurableAnswers : public testing::TestWithParam<NamedTransport> {
 protected:
  void serve(ServerOptions options = {}) {
    options.changes = &log_;
    transport_ = GetParam().make(options);
  }

  std::unique_ptr<ClientUnderTest> connect() { return transport_->connect(kHere); }

  bool eventually(const std::function<bool()>& happens) {
    for (int i = 0; i < 500; ++i) {
      if (happens()) return true;
      transport_->pass(10ms);
    }
    return false;
  }

  // Waits until so many changes were made, and their answers are held.
  void await_changes(std::size_t changes) {
    EXPECT_TRUE(eventually([&] { return log_.covered == changes; })) << log_.appended;
  }

  void expect_nothing_comes(ClientUnderTest& client) {
    transport_->pass(20ms);
    client.look();
    EXPECT_EQ(client.received(), "");
  }

  ManualLog log_;
  std::unique_ptr<TransportUnderTest> transport_;
};

TEST_P(DurableAnswers, LeaveOnlyWhenTheirChangesAreDurable) {
  serve();
  const auto client = connect();
  client->send(kRegister);
  await_changes(1);
  expect_nothing_comes(*client);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
  transport_->check_invariants();
}

TEST_P(DurableAnswers, OfOneConnectionKeepNoOtherWaiting) {
  serve();
  const auto client = connect();
  const auto other = connect();
  client->send(kRegister);
  await_changes(1);
  other->send(kQuery);
  EXPECT_EQ(other->await(kList.size()), kList);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
}

TEST_P(DurableAnswers, OfManyConnectionsAreReleasedByOneVerdict) {
  serve();
  std::vector<std::unique_ptr<ClientUnderTest>> clients;
  for (std::size_t i = 0; i < 300; ++i) {
    clients.push_back(connect());
    clients.back()->send(kRegister + kQuery);
  }
  await_changes(clients.size());
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  for (const auto& client : clients) {
    EXPECT_EQ(client->await(kSuccess.size() + kList.size()), kSuccess + kList);
  }
  transport_->check_invariants();
}

TEST_P(DurableAnswers, SayUnknownAfterAFailureAndTheConnectionCloses) {
  serve();
  const auto client = connect();
  client->send(kRegister + kQuery + kRegister);
  await_changes(2);
  transport_->resolve(log_.last_ticket, Verdict::kFailed);
  const std::string unknown = answer_line(Outcome::kStoreFailed);
  EXPECT_EQ(client->await_end(), unknown + kList + unknown);
  EXPECT_EQ(client->state(), ClientState::kEnded);
}

TEST_P(DurableAnswers, ReachAClientThatHasEndedItsStream) {
  serve();
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n9999");
  client->half_close();
  await_changes(1);
  expect_nothing_comes(*client);
  EXPECT_EQ(client->state(), ClientState::kOpen);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  EXPECT_EQ(client->await_end(), kSuccess.substr(0, kSuccess.size() - 1));
}

TEST_P(DurableAnswers, OfAConnectionThatWasResetAreDropped) {
  serve();
  const auto client = connect();
  client->send(kRegister);
  await_changes(1);
  client->reset();
  EXPECT_TRUE(eventually([this] { return transport_->connections() == 0; }));
  const auto next = connect();
  next->send(kQuery);
  EXPECT_EQ(next->await(kList.size()), kList);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  expect_nothing_comes(*next);
  transport_->check_invariants();
}

TEST_P(DurableAnswers, AtTheirLimitPauseTheConnectionAndNoOther) {
  serve();
  const auto client = connect();
  const std::size_t requests = 3 * limits::kHeldAnswersMax;
  client->send(repeated(kRegister, requests));
  await_changes(limits::kHeldAnswersMax);
  const auto other = connect();
  other->send(kQuery);
  EXPECT_EQ(other->await(kList.size()), kList);
  EXPECT_EQ(log_.appended, limits::kHeldAnswersMax);

  std::string answers;
  for (std::size_t round = 1; round <= 3; ++round) {
    await_changes(round * limits::kHeldAnswersMax);
    transport_->resolve(log_.last_ticket, Verdict::kDurable);
    answers += client->await(limits::kHeldAnswersMax * kSuccess.size());
    transport_->check_invariants();
  }
  EXPECT_EQ(answers, repeated(kSuccess, requests));
}

TEST_P(DurableAnswers, ThatTakeLongAreNoStalledOutput) {
  serve({.output_stall = 50ms});
  const auto client = connect();
  client->send(kRegister);
  await_changes(1);
  transport_->pass(200ms);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
}

TEST_P(DurableAnswers, AreNotPromisedWhileTheStoreIsUnavailable) {
  serve();
  const auto client = connect();
  log_.is_accepting = false;
  const std::string unavailable = answer_line(Outcome::kStoreUnavailable);
  client->send(kRegister);
  EXPECT_EQ(client->await(unavailable.size()), unavailable);
  log_.is_accepting = true;
  client->send(kRegister);
  await_changes(1);
  transport_->resolve(log_.last_ticket, Verdict::kDurable);
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
}

INSTANTIATE_TEST_SUITE_P(, DurableAnswers, testing::ValuesIn(all_transports()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace rollcall::tests
