#include "engine/held_answers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/limits.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/manual_log.h"
#include "tests/support/seeded_random.h"

// Answers that wait for the store.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::answer_line;
using tests::bytes_of;
using tests::kSuccessLine;

const HostAddress kHome = HostAddress::v4(10, 0, 0, 1);
const HostAddress kAway = HostAddress::v4(10, 0, 0, 2);

const std::string kRegister = "Register P2Pv1\n\nalice\n80\n";
const std::string kKeepAlive = "KeepAlive P2Pv1\n\nalice\n";
const std::string kQuery = "PQuery P2Pv1\n\nalice\n";
const std::string kList = "Response 20 P2Pv1\n\n['10.0.0.1:80']\n";
const std::string kUnknownLine = answer_line(Outcome::kStoreFailed);

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

class HeldAnswersTest : public testing::Test {
 protected:
  // A connection and its output, of which what is ready is sent when it is looked at.
  struct Connection {
    SessionId session;
    OutputBuffer out;
  };

  ~HeldAnswersTest() override {
    engine_.check_invariants();
    registry_.check_invariants();
  }

  Connection open(const HostAddress& host) { return {engine_.open(host, time_), {}}; }

  // Returns how many bytes were consumed.
  std::size_t receive(Connection& connection, std::string_view text) {
    return engine_.receive(connection.session, bytes_of(text), time_, connection.out);
  }

  std::string sent(Connection& connection) {
    const std::string text(connection.out.ready());
    connection.out.drop_front(text.size());
    return text;
  }

  // Returns whose answers were released, in order.
  std::vector<SessionId> resolve(Ticket up_to, Verdict verdict,
                                 std::initializer_list<Connection*> connections) {
    std::vector<SessionId> released;
    engine_.resolve(up_to, verdict);
    while (const auto session = engine_.releasable()) {
      released.push_back(*session);
      for (Connection* connection : connections) {
        if (connection->session == *session) engine_.release(*session, connection->out);
      }
    }
    return released;
  }

  std::uint64_t answers(Outcome outcome) const {
    return engine_.counters().answers[static_cast<std::size_t>(outcome)];
  }

  tests::SeededRandom random_{1};
  tests::ManualLog log_;
  Registry registry_{{}, random_};
  Engine engine_{registry_, {}, random_, &log_};
  Time time_{Instant(1000s), WallTime(std::chrono::days(20'000))};
};

TEST_F(HeldAnswersTest, LeaveWhenTheirChangesAreDurable) {
  Connection alice = open(kHome);
  receive(alice, kRegister);
  EXPECT_EQ(sent(alice), "");
  EXPECT_EQ(engine_.held_answers(alice.session), 1u);
  resolve(1, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), kSuccessLine);
  EXPECT_EQ(engine_.held_answers(alice.session), 0u);
}

TEST_F(HeldAnswersTest, WaitForTheirOwnTicket) {
  Connection alice = open(kHome);
  receive(alice, kRegister);
  receive(alice, kKeepAlive);
  EXPECT_TRUE(resolve(0, Verdict::kDurable, {&alice}).empty());
  resolve(1, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), kSuccessLine);
  resolve(2, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), kSuccessLine);
}

TEST_F(HeldAnswersTest, KeepWhatComesBehindThemWaiting) {
  Connection alice = open(kHome);
  receive(alice, kRegister + kQuery + "Register P2Pv1\n\n\n80\n");
  EXPECT_EQ(sent(alice), "");
  EXPECT_EQ(engine_.held_answers(alice.session), 1u);
  resolve(1, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), std::string(kSuccessLine) + kList + answer_line(Outcome::kBadNick));
}

TEST_F(HeldAnswersTest, KeepNoOtherConnectionWaiting) {
  Connection alice = open(kHome);
  Connection other = open(kHome);
  receive(alice, kRegister);
  receive(other, kQuery);
  EXPECT_EQ(sent(other), kList) << "others may see a change before it is durable";
}

TEST_F(HeldAnswersTest, AreNotMadeForRefusals) {
  Connection alice = open(kHome);
  Connection thief = open(kAway);
  receive(alice, kRegister);
  receive(thief, "Leave P2Pv1\n\nalice\nKeepAlive P2Pv1\n\nnobody\n");
  EXPECT_EQ(sent(thief), answer_line(Outcome::kOtherHost) + answer_line(Outcome::kNotRegistered));
  EXPECT_EQ(log_.last_ticket, 1u);
}

TEST_F(HeldAnswersTest, AreReleasedInTheOrderOfTheirTickets) {
  Connection alice = open(kHome);
  Connection bob = open(kAway);
  receive(alice, kRegister);
  receive(bob, "Register P2Pv1\n\nbob\n80\n");
  receive(alice, kKeepAlive);
  const auto released = resolve(3, Verdict::kDurable, {&alice, &bob});
  EXPECT_EQ(released, (std::vector{alice.session, bob.session, alice.session}));
  EXPECT_EQ(sent(alice), repeated(kSuccessLine, 2));
  EXPECT_EQ(sent(bob), kSuccessLine);
}

TEST_F(HeldAnswersTest, SayUnknownWhereTheStoreFailedAndTheSessionCloses) {
  Connection alice = open(kHome);
  receive(alice, kRegister + kQuery + kKeepAlive + "Nonsense P2Pv1\nContentLength: 0\n\n");
  resolve(log_.last_ticket, Verdict::kFailed, {&alice});
  EXPECT_EQ(sent(alice), kUnknownLine + kList + kUnknownLine +
                             "Response 405 P2Pv1\nContentLength: 18\n\nMethod not allowed");
  EXPECT_FALSE(engine_.is_open(alice.session));
  EXPECT_EQ(answers(Outcome::kSuccess), 1u) << "the list";
  EXPECT_EQ(answers(Outcome::kStoreFailed), 2u);
}

TEST_F(HeldAnswersTest, SayUnknownForEachOfThoseThatAreAlike) {
  Connection alice = open(kHome);
  receive(alice, repeated(kRegister, 3) + kQuery);
  resolve(log_.last_ticket, Verdict::kFailed, {&alice});
  EXPECT_EQ(sent(alice), repeated(kUnknownLine, 3) + kList);
  EXPECT_EQ(answers(Outcome::kSuccess), 1u) << "the list";
  EXPECT_EQ(answers(Outcome::kStoreFailed), 3u);
}

TEST_F(HeldAnswersTest, SayUnknownInTheFramingOfTheirRequests) {
  Connection alice = open(kHome);
  receive(alice, "Register P2Pv1\nContentLength: 8\nCookie: new\n\nalice\n80");
  receive(alice, "\nRegister P2Pv1\n\nbob\n80");
  engine_.end_of_stream(alice.session, time_, alice.out);
  resolve(log_.last_ticket, Verdict::kStopping, {&alice});
  EXPECT_EQ(sent(alice),
            "Response 999 P2Pv1\nContentLength: 27\n\nUnknown: server is stopping"
            "Response 999 P2Pv1\n\nUnknown: server is stopping");
}

TEST_F(HeldAnswersTest, ThatCameAfterAFailureStayHeldUntilTheirOwnVerdict) {
  Connection alice = open(kHome);
  receive(alice, kRegister);
  receive(alice, kKeepAlive + kQuery);
  resolve(1, Verdict::kFailed, {&alice});
  EXPECT_EQ(sent(alice), kUnknownLine);
  EXPECT_FALSE(engine_.is_open(alice.session));
  resolve(2, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), std::string(kSuccessLine) + kList);
  EXPECT_TRUE(alice.out.empty());
}

TEST_F(HeldAnswersTest, AreForgottenWithTheirConnection) {
  Connection alice = open(kHome);
  receive(alice, kRegister + kKeepAlive);
  engine_.close(alice.session);
  Connection bob = open(kHome);
  ASSERT_EQ(bob.session, alice.session) << "the number is given again";
  receive(bob, kKeepAlive);
  EXPECT_EQ(engine_.held_answers(bob.session), 1u);
  resolve(1, Verdict::kDurable, {&bob});
  EXPECT_EQ(sent(bob), "");
  resolve(2, Verdict::kDurable, {&bob});
  EXPECT_EQ(sent(bob), kSuccessLine);
}

TEST_F(HeldAnswersTest, AreSentAfterTheClientEndedItsStream) {
  Connection alice = open(kHome);
  receive(alice, "Register P2Pv1\n\nalice\n80");
  engine_.end_of_stream(alice.session, time_, alice.out);
  EXPECT_FALSE(engine_.is_open(alice.session));
  EXPECT_EQ(sent(alice), "");
  resolve(1, Verdict::kDurable, {&alice});
  EXPECT_EQ(sent(alice), "Response 20 P2Pv1\n\nSuccess");
}

TEST_F(HeldAnswersTest, StopExecutionAtTheirLimit) {
  Connection alice = open(kHome);
  const std::size_t rounds = limits::kHeldAnswersMax / limits::kBatchRequestsMax;
  const std::string batch = repeated(kRegister, limits::kBatchRequestsMax);
  // One fewer than the limit, then the one that reaches it, then nothing.
  EXPECT_EQ(receive(alice, repeated(batch, rounds).substr(kRegister.size())),
            (limits::kHeldAnswersMax - 1) * kRegister.size());
  EXPECT_EQ(engine_.held_answers(alice.session), limits::kHeldAnswersMax - 1);
  EXPECT_EQ(receive(alice, kRegister), kRegister.size());
  EXPECT_EQ(receive(alice, kRegister), 0u);
  EXPECT_EQ(receive(alice, kQuery), 0u);
  EXPECT_EQ(engine_.held_answers(alice.session), limits::kHeldAnswersMax);
  resolve(1, Verdict::kDurable, {&alice});
  EXPECT_EQ(receive(alice, kRegister), kRegister.size());
}

TEST_F(HeldAnswersTest, AreNotMadeWhileTheStoreIsUnavailable) {
  Connection alice = open(kHome);
  receive(alice, kRegister);
  resolve(1, Verdict::kDurable, {&alice});
  sent(alice);
  log_.is_accepting = false;
  time_.now += 100s;
  receive(alice, kRegister + kKeepAlive + "Leave P2Pv1\n\nalice\n" + kQuery);
  EXPECT_EQ(sent(alice), repeated(answer_line(Outcome::kStoreUnavailable), 3) + kList);
  EXPECT_EQ(log_.appended, 1u);
  // Nothing was renewed.
  time_.now += limits::kDefaultTtl - 100s;
  receive(alice, kQuery);
  EXPECT_EQ(sent(alice), answer_line(Outcome::kNotRegistered));
}

TEST_F(HeldAnswersTest, CostNoAllocationInSteadyState) {
  Connection alice = open(kHome);
  const std::string batch = repeated(kRegister, limits::kBatchRequestsMax);
  const auto round = [&] {
    receive(alice, batch);
    engine_.resolve(log_.last_ticket, Verdict::kDurable);
    while (engine_.releasable()) engine_.release(alice.session, alice.out);
    alice.out.drop_front(alice.out.size());
  };
  for (int i = 0; i < 10; ++i) round();
  const tests::AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(allocations.count(), 0u);
}

// ---- Series of answers ----

constexpr SessionId kOne{1};
constexpr SessionId kTwo{2};

// What is released next, as text: of which session, how many answers, how many bytes, and behind.
std::vector<std::string> take(HeldAnswers& held, Ticket up_to) {
  std::vector<std::string> all;
  held.check_invariants();
  while (const HeldAnswers::Series* series = held.next(up_to)) {
    std::string text = std::to_string(static_cast<std::uint32_t>(series->session)) + ": " +
                       std::to_string(series->answers) + " of " + std::to_string(series->bytes());
    if (series->behind_bytes > 0) text += " and " + std::to_string(series->behind_bytes);
    all.push_back(std::move(text));
    held.take_next();
    held.check_invariants();
  }
  return all;
}

TEST(HeldAnswersSeriesTest, HasAnswersOfOneSessionThatAreAlike) {
  HeldAnswers held;
  for (int i = 0; i < 3; ++i) held.add(kOne, 1, 20, AnswerFraming::kBare);
  held.add(kTwo, 1, 20, AnswerFraming::kBare);
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  EXPECT_EQ(held.count(kOne), 4u);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 3 of 60", "2: 1 of 20", "1: 1 of 20"}));
  EXPECT_EQ(held.count(kOne), 0u);
}

TEST(HeldAnswersSeriesTest, EndsWhereTheNextAnswerDiffers) {
  HeldAnswers held;
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  held.add(kOne, 1, 21, AnswerFraming::kBare);
  held.add(kOne, 1, 21, AnswerFraming::kLineFeed);
  held.add(kOne, 2, 21, AnswerFraming::kLineFeed);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 1 of 20", "1: 1 of 21", "1: 1 of 21"}));
  EXPECT_EQ(take(held, 2), (std::vector<std::string>{"1: 1 of 21"}));
}

TEST(HeldAnswersSeriesTest, EndsWithWhatComesBehind) {
  HeldAnswers held;
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  held.add_behind(kOne, 5);
  held.add_behind(kOne, 2);
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 2 of 40 and 7", "1: 1 of 20"}));
}

TEST(HeldAnswersSeriesTest, OfASessionThatIsGoneIsNotItsSuccessors) {
  HeldAnswers held;
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  held.forget(kOne);
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  EXPECT_EQ(held.count(kOne), 1u);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 1 of 20"}));
}

TEST(HeldAnswersSeriesTest, IsNotLongerForWhatWasTaken) {
  HeldAnswers held;
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 1 of 20"}));
  held.add(kOne, 1, 20, AnswerFraming::kBare);
  EXPECT_EQ(take(held, 1), (std::vector<std::string>{"1: 1 of 20"}));
}

TEST(HeldAnswersSeriesTest, KeepTheirOrderWhereThereAreMoreThanEverBefore) {
  HeldAnswers held;
  std::vector<std::string> expected;
  for (int round = 0; round < 8; ++round) {
    // What is taken in between lets the ring begin anywhere when it grows.
    for (int i = 0; i < 5; ++i) held.add(i % 2 == 0 ? kOne : kTwo, 1, 20, AnswerFraming::kBare);
    EXPECT_EQ(take(held, 1).size(), 5u);
    expected.clear();
    for (int i = 0; i < 20 * (round + 1); ++i) {
      const SessionId session = i % 2 == 0 ? kOne : kTwo;
      const auto bytes = static_cast<std::size_t>(i + 1);
      held.add(session, 1, bytes, AnswerFraming::kBare);
      expected.push_back((session == kOne ? "1: 1 of " : "2: 1 of ") + std::to_string(bytes));
    }
    EXPECT_EQ(take(held, 1), expected);
  }
}

}  // namespace
}  // namespace rollcall::engine
