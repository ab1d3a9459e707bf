#include "engine/session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "tests/support/engine_under_test.h"

// Where requests begin and end in the stream of one connection, and what silence means. Time stands
// still unless it is moved, and quiet is said explicitly.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::answer_line;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const std::string kBareSuccess = "Response 20 P2Pv1\n\nSuccess";
const std::string kCountedSuccess = "Response 20 P2Pv1\nContentLength: 7\n\nSuccess";
const std::string kRegister = "Register P2Pv1\n\nalice\n80";  // whole, without a terminator

// The answer without its line feed: what a client gets that ends its request by silence.
std::string bare(Outcome outcome) {
  std::string answer = answer_line(outcome);
  answer.pop_back();
  return answer;
}

class SessionTest : public testing::Test {
 protected:
  std::string say(std::string_view text) { return checked(under_test_.receive(session_, text)); }
  std::string quiet() { return checked(under_test_.quiet(session_)); }
  std::string end() { return checked(under_test_.end_of_stream(session_)); }
  bool is_open() { return under_test_.engine().is_open(session_); }
  bool awaits_quiet() { return under_test_.engine().awaits_quiet(session_); }

  // Lets time pass to just before `silence` and finds that nothing happens, then to it. Returns
  // what happened.
  std::string wait(Duration silence) {
    under_test_.advance(silence - 1ns);
    EXPECT_FALSE(under_test_.engine().due(under_test_.now()).has_value()) << "a timer came early";
    under_test_.advance(1ns);
    const auto due = under_test_.engine().due(under_test_.now());
    EXPECT_EQ(due, session_) << "no timer came";
    return due.has_value() ? checked(under_test_.time_out(session_)) : "nothing";
  }
  bool has_timer() { return under_test_.engine().due(under_test_.now() + 1min).has_value(); }

  EngineUnderTest under_test_;
  SessionId session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));

 private:
  std::string checked(std::string said) {
    under_test_.engine().check_invariants();
    return said;
  }
};

// ---- Ends of messages ----

TEST_F(SessionTest, AnswersEachOfManyRequestsInOrder) {
  EXPECT_EQ(
      say("Register P2Pv1\n\nalice\n80\nKeepAlive P2Pv1\n\nbob\nLeave P2Pv1\n\nalice\n"),
      std::string(kSuccessLine) + answer_line(Outcome::kNotRegistered) + std::string(kSuccessLine));
}

TEST_F(SessionTest, PutsTogetherARequestThatComesByteByByte) {
  std::string said;
  for (const char byte : "Register P2Pv1\n\nalice\n80\n" + kRegister + "\n") {
    said += say({&byte, 1});
  }
  EXPECT_EQ(said, std::string(kSuccessLine) + std::string(kSuccessLine));
}

TEST_F(SessionTest, FramesEachAnswerAsItsRequestWas) {
  EXPECT_EQ(
      say(kRegister + "\nKeepAlive P2Pv1\nContentLength: 5\n\naliceKeepAlive P2Pv1\n\nalice\n"),
      std::string(kSuccessLine) + kCountedSuccess + std::string(kSuccessLine));
}

TEST_F(SessionTest, SkipsOneLineEndAfterALength) {
  const std::string counted = "Register P2Pv1\nContentLength: 8\n\nalice\n80";
  for (const std::string line_end : {"", "\n", "\r\n"}) {
    EXPECT_EQ(say(counted + line_end + counted + line_end), kCountedSuccess + kCountedSuccess);
    EXPECT_TRUE(is_open());
  }
  EXPECT_EQ(say(counted + "\n\n"), kCountedSuccess + bare(Outcome::kMalformedFirstLine));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, SkipsALineEndThatIsCutInTwo) {
  const std::string counted = "Register P2Pv1\nContentLength: 8\n\nalice\n80";
  EXPECT_EQ(say(counted), kCountedSuccess);
  EXPECT_EQ(say("\r"), "");
  EXPECT_EQ(say("\n"), "");
  EXPECT_FALSE(has_timer()) << "no request has begun";
  EXPECT_EQ(say(kRegister + "\n"), kSuccessLine);
}

TEST_F(SessionTest, TakesACarriageReturnThatNoLineFeedFollowsForARequest) {
  EXPECT_EQ(say("Register P2Pv1\nContentLength: 8\n\nalice\n80"), kCountedSuccess);
  EXPECT_EQ(say("\r"), "");
  EXPECT_EQ(say("\r\n"), bare(Outcome::kMalformedFirstLine));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, DoesNotSkipALineEndAfterALineFeed) {
  const std::string request = kRegister + "\n";
  EXPECT_EQ(say(request + "\n"), std::string(kSuccessLine) + bare(Outcome::kMalformedFirstLine));
  EXPECT_FALSE(is_open());
  session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(say(request), kSuccessLine);
  EXPECT_EQ(say("\n"), bare(Outcome::kMalformedFirstLine));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, InterpretsNothingBehindAClosingAnswer) {
  EXPECT_EQ(say("Hello\n" + kRegister + "\n"), bare(Outcome::kMalformedFirstLine));
  EXPECT_FALSE(is_open());
  EXPECT_EQ(say(kRegister + "\n"), "");
  EXPECT_EQ(quiet(), "");
  EXPECT_EQ(end(), "");
  EXPECT_FALSE(awaits_quiet());
  EXPECT_TRUE(under_test_.changes().empty());
}

TEST_F(SessionTest, StaysOpenAfterAnErrorWhoseEndIsKnown) {
  EXPECT_EQ(say("Register P2Pv1\n\nalice\n0\n" + kRegister + "\n"),
            answer_line(Outcome::kBadPort) + std::string(kSuccessLine));
  EXPECT_EQ(say("Hello P2Pv1\nContentLength: 0\n\n"),
            "Response 405 P2Pv1\nContentLength: 18\n\nMethod not allowed");
  EXPECT_TRUE(is_open());
  EXPECT_EQ(say("Hello P2Pv1\n\n"), bare(Outcome::kMethodNotAllowed));
  EXPECT_FALSE(is_open());
}

// ---- The end of the stream ----

TEST_F(SessionTest, AnswersARequestThatTheEndOfTheStreamEnds) {
  EXPECT_EQ(say(kRegister), "");
  EXPECT_EQ(end(), kBareSuccess);
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, RefusesHalfARequestAtTheEndOfTheStream) {
  const std::vector<std::pair<std::string, Outcome>> halves = {
      {"R", Outcome::kIncompleteRequest},
      {"Register P2Pv1\n", Outcome::kIncompleteRequest},
      {"Register P2Pv1\nContentLength: 8\n\nalice\n8", Outcome::kIncompleteRequest},
      {"Register P2Pv1\n\n", Outcome::kMissingLine},
      {"Register P2Pv1\n\nalice", Outcome::kMissingLine},
      {"Register P2Pv1\n\nalice\n", Outcome::kMissingLine},
      {"Register P2Pv1\n\nalice\n80\r", Outcome::kBadPort},
  };
  for (const auto& [text, outcome] : halves) {
    session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
    EXPECT_EQ(say(text), "");
    EXPECT_EQ(end(), bare(outcome)) << text;
    EXPECT_FALSE(is_open());
  }
  EXPECT_TRUE(under_test_.changes().empty());
}

TEST_F(SessionTest, SaysNothingAtTheEndOfAStreamWithoutARequest) {
  EXPECT_EQ(end(), "");
  session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(say(kRegister + "\n"), kSuccessLine);
  EXPECT_EQ(end(), "");
  session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  EXPECT_EQ(say("Register P2Pv1\nContentLength: 8\n\nalice\n80\r"), kCountedSuccess);
  EXPECT_EQ(end(), "") << "the beginning of a line end is no request";
}

// ---- Quiet ----

TEST_F(SessionTest, TakesQuietForTheEndOfAWholeRequest) {
  EXPECT_EQ(say(kRegister), "");
  EXPECT_TRUE(awaits_quiet());
  EXPECT_EQ(quiet(), kBareSuccess);
  EXPECT_TRUE(is_open());
  EXPECT_FALSE(awaits_quiet());
  EXPECT_FALSE(has_timer());
}

TEST_F(SessionTest, AnswersTheOriginalClientsOneRequestAfterAnother) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(say(kRegister), "");
    EXPECT_EQ(quiet(), kBareSuccess);
    EXPECT_EQ(say("PQuery P2Pv1\n\nalice"), "");
    EXPECT_EQ(quiet(), "Response 20 P2Pv1\n\n['10.0.0.1:80']");
  }
}

TEST_F(SessionTest, TakesQuietForTheEndOfABadRequestAsWell) {
  say("Register P2Pv1\n\nalice\n65536");
  EXPECT_EQ(quiet(), bare(Outcome::kBadPort));
  EXPECT_TRUE(is_open());
}

TEST_F(SessionTest, SkipsOneLineEndAfterQuiet) {
  say(kRegister);
  EXPECT_EQ(quiet(), kBareSuccess);
  EXPECT_EQ(say("\n"), "") << "the line feed that came too late to end it";
  EXPECT_FALSE(has_timer());
  say(kRegister);
  EXPECT_EQ(quiet(), kBareSuccess);
}

TEST_F(SessionTest, HearsASilenceOnce) {
  say("Register P2Pv1\n\nalice\n");
  EXPECT_TRUE(awaits_quiet());
  EXPECT_EQ(quiet(), "");
  EXPECT_FALSE(awaits_quiet());
  EXPECT_EQ(quiet(), "");
  say("8");
  EXPECT_TRUE(awaits_quiet());
}

TEST_F(SessionTest, DoesNotAwaitQuietBetweenRequests) {
  EXPECT_FALSE(awaits_quiet());
  EXPECT_EQ(quiet(), "");
  say(kRegister + "\n");
  EXPECT_FALSE(awaits_quiet());
}

TEST_F(SessionTest, IgnoresQuietOnceARequestEndedByLineFeedOrLength) {
  const std::string framed[] = {kRegister + "\n", "Register P2Pv1\nContentLength: 8\n\nalice\n80"};
  for (const std::string& first : framed) {
    session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
    EXPECT_NE(say(first), "");
    EXPECT_EQ(say(kRegister), "");
    EXPECT_FALSE(awaits_quiet());
    EXPECT_EQ(quiet(), "");
    EXPECT_EQ(say("80\n"), kSuccessLine);
    EXPECT_EQ(under_test_.changes().back().change.port, 8080);
  }
}

TEST_F(SessionTest, StillTakesQuietAfterRequestsThatEndedByQuietOrTimer) {
  say("Leave P2Pv1\n\n");
  quiet();
  EXPECT_EQ(wait(limits::kIncompleteSilence), bare(Outcome::kMissingLine));
  say(kRegister);
  EXPECT_EQ(quiet(), kBareSuccess);
}

TEST_F(SessionTest, DoesNotEndACountedRequestByQuiet) {
  say("Register P2Pv1\nContentLength: 9\n\nalice\n80");
  EXPECT_EQ(quiet(), "");
  EXPECT_EQ(say("8"), "Response 20 P2Pv1\nContentLength: 7\n\nSuccess");
}

// ---- Timers ----

TEST_F(SessionTest, EndsATrickledRequestThatIsWholeAfterFiveSeconds) {
  say("Register P2Pv1\n\nalice\n");
  quiet();
  say("8");
  quiet();
  EXPECT_EQ(wait(5s), kBareSuccess);
  EXPECT_TRUE(is_open());
  EXPECT_EQ(under_test_.changes().back().change.port, 8);
}

TEST_F(SessionTest, BeginsTheFiveSecondsAnewWithEachByte) {
  say("Register P2Pv1\n\nalice\n");
  quiet();
  say("8");
  quiet();
  for (const char digit : {'0', '8', '0'}) {
    under_test_.advance(4999ms);
    EXPECT_FALSE(under_test_.engine().due(under_test_.now()).has_value());
    EXPECT_EQ(say({&digit, 1}), "");
    quiet();
  }
  EXPECT_EQ(wait(5s), kBareSuccess);
  EXPECT_EQ(under_test_.changes().back().change.port, 8080);
}

TEST_F(SessionTest, TakesARequestThatPausedBeforeItsBlankLineForTrickled) {
  say("Register P2P");
  quiet();
  say("v1\n\nalice\n80");
  EXPECT_EQ(quiet(), "") << "it had an earlier quiet";
  EXPECT_EQ(wait(5s), kBareSuccess);
}

TEST_F(SessionTest, EndsATrickledRequestByItsLineFeedAtOnce) {
  say("Register P2Pv1\n\nali");
  quiet();
  EXPECT_EQ(say("ce\n80\n"), kSuccessLine);
  EXPECT_FALSE(has_timer());
}

TEST_F(SessionTest, RefusesARequestThatLacksALineAfterASecond) {
  for (const std::string text : {"Register P2Pv1\n\nalice", "Register P2Pv1\n\nalice\n",
                                 "Register P2Pv1\n\n", "Leave P2Pv1\n\n"}) {
    say(text);
    quiet();
    EXPECT_EQ(wait(1s), bare(Outcome::kMissingLine)) << text;
    EXPECT_TRUE(is_open());
  }
}

TEST_F(SessionTest, RefusesOnlyWhatCameInOneGoAfterASecond) {
  say("Register P2Pv1\n\n");
  quiet();
  say("alice\n");
  quiet();
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, CountsPiecesThatFollowOneAnotherWithoutQuietAsOneGo) {
  say("Register P2");
  say("Pv1\n\nali");
  say("ce\n");
  quiet();
  EXPECT_EQ(wait(1s), bare(Outcome::kMissingLine));
}

TEST_F(SessionTest, WaitsThirtySecondsForABlankLine) {
  say("Register P2Pv1\n");
  quiet();
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, WaitsThirtySecondsForACountedBody) {
  say("Register P2Pv1\nContentLength: 9\n\nalice\n80");
  quiet();
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
  EXPECT_FALSE(is_open());
}

TEST_F(SessionTest, WaitsThirtySecondsFromTheFirstByteHoweverOftenAnotherComes) {
  say("R");
  for (int second = 1; second < 30; ++second) {
    under_test_.advance(1s);
    ASSERT_FALSE(under_test_.engine().due(under_test_.now()).has_value());
    EXPECT_EQ(say("e"), "");
    quiet();
  }
  EXPECT_EQ(wait(1s), bare(Outcome::kRequestTimeout));
  EXPECT_FALSE(is_open());
  EXPECT_FALSE(has_timer());
}

TEST_F(SessionTest, PrefersTheThirtySecondsWhereBothTimersAreDue) {
  say("Register P2Pv1\n\nalice\n");
  quiet();
  under_test_.advance(25s);
  say("80");
  quiet();
  EXPECT_EQ(wait(5s), bare(Outcome::kRequestTimeout));
}

TEST_F(SessionTest, CountsTheThirtySecondsForEachRequest) {
  say("Leave P2Pv1\n");
  under_test_.advance(29s);
  EXPECT_EQ(say("\nalice\nLeave"), answer_line(Outcome::kNotRegistered));
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
}

TEST_F(SessionTest, RunsOnlyTheThirtySecondsOnAFramedConnection) {
  say(kRegister + "\n");
  say(kRegister);
  quiet();
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
  session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  say(kRegister + "\nRegister P2Pv1\n\n");
  quiet();
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
}

TEST_F(SessionTest, RunsNoTimerBetweenRequests) {
  EXPECT_FALSE(has_timer());
  say(kRegister + "\n");
  EXPECT_FALSE(has_timer());
  say("Leave");
  EXPECT_TRUE(has_timer());
  say(" P2Pv1\n\nalice\n");
  EXPECT_FALSE(has_timer());
}

TEST_F(SessionTest, RunsNoOtherTimerBeforeTheFirstQuiet) {
  say("Register P2Pv1\n\nalice\n");
  EXPECT_EQ(wait(30s), bare(Outcome::kRequestTimeout));
}

}  // namespace
}  // namespace rollcall::engine
