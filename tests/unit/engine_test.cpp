#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "tests/support/engine_under_test.h"

// What the engine does with many requests, many sessions and the time.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::addresses_in;
using tests::answer_line;
using tests::bytes_of;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const HostAddress kHome = HostAddress::v4(10, 0, 0, 1);

std::string register_text(std::size_t peer) {
  return "Register P2Pv1\n\npeer-" + std::to_string(peer) + "\n80\n";
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

// ---- Batches ----

TEST(Engine, AnswersMoreThanABatchInOrder) {
  EngineUnderTest under_test;
  std::string requests;
  std::string answers;
  for (std::size_t i = 0; i < 5 * limits::kBatchRequestsMax + 3; ++i) {
    requests += i % 3 == 0 ? "KeepAlive P2Pv1\n\nnobody\n" : register_text(i);
    answers += i % 3 == 0 ? answer_line(Outcome::kNotRegistered) : kSuccessLine;
  }
  EXPECT_EQ(under_test.ask(kHome, requests), answers);
}

TEST(Engine, AnswersABatchOfEverySize) {
  for (std::size_t size = 1; size <= 2 * limits::kBatchRequestsMax + 1; ++size) {
    EngineUnderTest under_test;
    const SessionId session = under_test.open(kHome);
    EXPECT_EQ(under_test.receive(session, repeated(register_text(1), size)),
              repeated(kSuccessLine, size));
    EXPECT_EQ(under_test.changes().size(), size);
  }
}

TEST(Engine, ListsWhatTheChangesBeforeTheQueryMade) {
  EngineUnderTest under_test;
  const std::string answers = under_test.ask(
      kHome,
      "Register P2Pv1\n\nalice\n1\nPQuery P2Pv1\n\nalice\nRegister P2Pv1\n\nbob\n2\n"
      "PQuery P2Pv1\n\nalice\nLeave P2Pv1\n\nalice\nPQuery P2Pv1\n\nalice\nPQuery P2Pv1\n\nbob\n");
  const std::string both[] = {"['10.0.0.1:1', '10.0.0.1:2']", "['10.0.0.1:2', '10.0.0.1:1']"};
  const auto expected = [&](const std::string& list) {
    return std::string(kSuccessLine) + "Response 20 P2Pv1\n\n['10.0.0.1:1']\n" +
           std::string(kSuccessLine) + "Response 20 P2Pv1\n\n" + list + "\n" +
           std::string(kSuccessLine) + answer_line(Outcome::kNotRegistered) +
           "Response 20 P2Pv1\n\n['10.0.0.1:2']\n";
  };
  EXPECT_TRUE(answers == expected(both[0]) || answers == expected(both[1])) << answers;
}

TEST(Engine, AnswersBadRequestsAmongGoodOnesInTheirPlace) {
  EngineUnderTest under_test;
  EXPECT_EQ(under_test.ask(kHome,
                           "Register P2Pv1\n\n\n1\nRegister P2Pv1\n\nalice\n1\n"
                           "PQuery P2Pv1\nLimit: 0\n\nalice\nPQuery P2Pv1\n\nalice\n"
                           "Register P2Pv1\n\nalice\n0\nLeave P2Pv1\n\nalice\n"
                           "Hello P2Pv1\n\nLeave P2Pv1\n\nalice\n"),
            answer_line(Outcome::kBadNick) + std::string(kSuccessLine) +
                answer_line(Outcome::kBadLimit) + "Response 20 P2Pv1\n\n['10.0.0.1:1']\n" +
                answer_line(Outcome::kBadPort) + std::string(kSuccessLine) +
                "Response 405 P2Pv1\n\nMethod not allowed");
}

TEST(Engine, SaysSuccessAsItIsTold) {
  EngineOptions options;
  options.success_code = 200;
  EngineUnderTest under_test({}, options);
  EXPECT_EQ(under_test.ask(kHome, register_text(1)), "Response 200 P2Pv1\n\nSuccess\n");
  EXPECT_EQ(under_test.ask(kHome, "PQuery P2Pv1\n\npeer-1\n"),
            "Response 200 P2Pv1\n\n['10.0.0.1:80']\n");
}

// ---- Splits ----

// The same stream, whole and cut in different ways, on engines that draw the same random numbers.
TEST(Engine, AnswersTheSameHoweverTheStreamIsCut) {
  std::string stream;
  for (std::size_t i = 0; i < 12; ++i) stream += register_text(i);
  stream += "Register P2Pv1\nCookie: new\n\ncarol\n81\nPQuery P2Pv1\nLimit: 3\n\npeer-1\n";
  stream += "Register P2Pv1\nContentLength: 8\n\nalice\n82\r\nPQuery P2Pv1\r\n\r\nalice\r\n";
  stream += "Hello P2Pv1\nContentLength: 3\n\nabc\nLeave P2Pv1\n\npeer-2\nGET / HTTP/1.1\r\n";
  const auto answers_in_pieces = [&](std::size_t piece_bytes, std::size_t first_bytes) {
    EngineUnderTest under_test;
    const SessionId session = under_test.open(kHome);
    std::string answers = under_test.receive(session, stream.substr(0, first_bytes));
    for (std::size_t at = first_bytes; at < stream.size(); at += piece_bytes) {
      answers += under_test.receive(session, stream.substr(at, piece_bytes));
      under_test.engine().check_invariants();
    }
    return answers;
  };
  const std::string whole = answers_in_pieces(stream.size(), 0);
  EXPECT_TRUE(whole.ends_with("Bad message: malformed first line"));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ASSERT_EQ(answers_in_pieces(stream.size(), cut), whole) << cut;
  }
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{2}, std::size_t{17}}) {
    ASSERT_EQ(answers_in_pieces(piece_bytes, 0), whole);
  }
}

// ---- Backpressure ----

// Peers enough that one list is a good part of the high mark.
constexpr std::size_t kListed = 1000;

EngineUnderTest full_house() {
  RegistryOptions options;
  options.peers_per_host_max = 10 * kListed;
  return EngineUnderTest(options);
}

void fill(EngineUnderTest& under_test) {
  std::string text;
  for (std::size_t peer = 0; peer < kListed; ++peer) text += register_text(peer);
  under_test.ask(kHome, text);
}

TEST(Engine, StopsReceivingAboveTheHighMark) {
  EngineUnderTest under_test = full_house();
  fill(under_test);
  const SessionId session = under_test.open(kHome);
  const std::string requests = repeated("PQuery P2Pv1\n\npeer-1\n", 200);
  OutputBuffer out;
  const std::size_t consumed =
      under_test.engine().receive(session, bytes_of(requests), under_test.time(), out);
  EXPECT_LT(consumed, requests.size());
  EXPECT_EQ(consumed % std::string("PQuery P2Pv1\n\npeer-1\n").size(), 0u);
  EXPECT_GT(out.size(), limits::kOutputHighMark);
  // The one answer that went over the mark, and nothing more.
  EXPECT_LT(out.size(), limits::kOutputHighMark + kListed * limits::kPeerTextBytesMax);
}

TEST(Engine, ExecutesNothingWhileTheOutputIsAboveTheHighMark) {
  EngineUnderTest under_test;
  const SessionId session = under_test.open(kHome);
  OutputBuffer out;
  out.append(std::string(limits::kOutputHighMark + 1, 'x'));
  const std::string request = register_text(1);
  EXPECT_EQ(under_test.engine().receive(session, bytes_of(request), under_test.time(), out), 0u);
  EXPECT_TRUE(under_test.changes().empty());
  EXPECT_FALSE(under_test.engine().due(under_test.now() + 1min).has_value())
      << "no timer runs while nothing is read";

  out.drop_front(1);
  EXPECT_EQ(under_test.engine().receive(session, bytes_of(request), under_test.time(), out),
            request.size());
  EXPECT_EQ(under_test.changes().size(), 1u);
}

TEST(Engine, KeepsNothingOfWhatItDidNotConsume) {
  EngineUnderTest under_test = full_house();
  fill(under_test);
  const SessionId session = under_test.open(kHome);
  std::string requests = repeated("PQuery P2Pv1\n\npeer-1\n", 10) + "Leave P2Pv1\n\npeer-2\nLeave";
  OutputBuffer out;
  const std::size_t consumed =
      under_test.engine().receive(session, bytes_of(requests), under_test.time(), out);
  ASSERT_LT(consumed, requests.size());
  EXPECT_FALSE(under_test.engine().due(under_test.now() + 1min).has_value());
  // Something else may follow in place of the rest: it was never seen.
  EXPECT_EQ(under_test.receive(session, "Leave P2Pv1\n\npeer-3\n"), kSuccessLine);
  EXPECT_EQ(under_test.registry().counters().left, 1u);
}

TEST(Engine, GivesTheSameBytesInPortionsAsAllAtOnce) {
  // Queries and changes mixed, among them errors and a closing one, far beyond the mark.
  std::string requests;
  for (std::size_t i = 0; i < 60; ++i) {
    requests += "PQuery P2Pv1\n\npeer-1\nPQuery P2Pv1\nLimit: 7\n\npeer-1\n";
    requests += "Leave P2Pv1\n\npeer-" + std::to_string(10 + i) + "\n";
    requests += "Register P2Pv1\nCookie: new\n\nnew-" + std::to_string(i) + "\n80\n";
    requests += "PQuery P2Pv1\nLimit: 0\n\npeer-1\nPQuery P2Pv1\n\nnobody\n";
  }
  requests += "Hello\n";

  // Draining after each byte that may be sent, against draining only when nothing moves any more.
  const auto answers = [&](std::size_t sent_at_once, std::size_t presented_at_once) {
    EngineUnderTest under_test = full_house();
    fill(under_test);
    const SessionId session = under_test.open(kHome);
    OutputBuffer out;
    std::string sent;
    std::string_view rest = requests;
    while (!rest.empty() || !out.empty()) {
      rest.remove_prefix(under_test.engine().receive(
          session, bytes_of(rest.substr(0, presented_at_once)), under_test.time(), out));
      const std::size_t bytes = std::min(out.size(), sent_at_once);
      sent += out.view().substr(0, bytes);
      out.drop_front(bytes);
      under_test.engine().check_invariants();
    }
    EXPECT_FALSE(under_test.engine().is_open(session));
    return sent;
  };
  const std::string expected = answers(SIZE_MAX, requests.size());
  EXPECT_GT(expected.size(), 10 * limits::kOutputHighMark);
  EXPECT_EQ(answers(SIZE_MAX, 100), expected);
  EXPECT_EQ(answers(1000, requests.size()), expected);
  EXPECT_EQ(answers(50'000, 333), expected);
}

TEST(Engine, CountsAnAnswerOnceThoughItsRequestWasPresentedTwice) {
  EngineUnderTest under_test = full_house();
  fill(under_test);
  const SessionId session = under_test.open(kHome);
  const EngineCounters before = under_test.engine().counters();
  under_test.receive(session, repeated("PQuery P2Pv1\n\npeer-1\n", 200));
  const EngineCounters& after = under_test.engine().counters();
  const auto queries = static_cast<std::size_t>(Method::kPQuery);
  EXPECT_EQ(after.requests[queries] - before.requests[queries], 200u);
  EXPECT_EQ(after.answers[0] - before.answers[0], 200u);
}

// ---- Sessions ----

TEST(Engine, GivesTheNumberOfAClosedSessionToAnother) {
  EngineUnderTest under_test;
  const SessionId first = under_test.open(kHome);
  under_test.receive(first, "Register P2P");
  under_test.engine().close(first);
  EXPECT_EQ(under_test.engine().sessions(), 0u);

  const SessionId second = under_test.open(HostAddress::v4(10, 0, 0, 2));
  EXPECT_EQ(second, first);
  EXPECT_TRUE(under_test.engine().is_open(second));
  EXPECT_FALSE(under_test.engine().due(under_test.now() + 1min).has_value())
      << "the other's timer is gone";
  EXPECT_EQ(under_test.receive(second, register_text(1)), kSuccessLine);
  EXPECT_EQ(under_test.changes()[0].change.host, HostAddress::v4(10, 0, 0, 2));
}

TEST(Engine, ClosesASessionInEveryState) {
  const std::string states[] = {"",
                                "Register P2P",
                                "Register P2Pv1\n\nalice\n80",
                                "Register P2Pv1\nContentLength: 100\n\nalice",
                                "Register P2Pv1\n\nalice\n80\n",
                                "Hello\n"};
  EngineUnderTest under_test;
  for (const std::string& state : states) {
    for (const bool is_quiet : {false, true}) {
      for (const bool has_ended : {false, true}) {
        const SessionId other = under_test.open(kHome);
        const SessionId session = under_test.open(kHome);
        under_test.receive(session, state);
        if (is_quiet) under_test.quiet(session);
        if (has_ended) under_test.end_of_stream(session);
        under_test.engine().check_invariants();
        under_test.engine().close(session);
        under_test.engine().check_invariants();
        EXPECT_EQ(under_test.engine().sessions(), 1u);
        EXPECT_EQ(under_test.engine().longest_idle(), other);
        under_test.engine().close(other);
        EXPECT_FALSE(under_test.engine().longest_idle().has_value());
        EXPECT_FALSE(under_test.engine().due(under_test.now() + 24h).has_value());
      }
    }
  }
}

TEST(Engine, KeepsSessionsApart) {
  EngineUnderTest under_test;
  const SessionId alice = under_test.open(kHome);
  const SessionId bob = under_test.open(HostAddress::v4(10, 0, 0, 2));
  EXPECT_EQ(under_test.receive(alice, "Register P2Pv1\n\nal"), "");
  EXPECT_EQ(under_test.receive(bob, "Register P2Pv1\n\nbob\n81"), "");
  EXPECT_EQ(under_test.receive(alice, "ice\n80\n"), kSuccessLine);
  EXPECT_EQ(under_test.quiet(bob), "Response 20 P2Pv1\n\nSuccess");
  EXPECT_EQ(under_test.receive(alice, "Leave P2Pv1\n\nbob\n"), answer_line(Outcome::kOtherHost));
}

// ---- Idleness ----

EngineOptions short_idleness() {
  EngineOptions options;
  options.idle_timeout = 60s;
  return options;
}

TEST(Engine, ClosesASessionOnWhichNothingCame) {
  EngineUnderTest under_test({}, short_idleness());
  const SessionId session = under_test.open(kHome);
  under_test.advance(60s - 1ns);
  EXPECT_FALSE(under_test.engine().due(under_test.now()).has_value());
  EXPECT_LE(under_test.engine().next_deadline(), under_test.now() + 1ns);
  under_test.advance(1ns);
  EXPECT_EQ(under_test.engine().due(under_test.now()), session);
  EXPECT_EQ(under_test.time_out(session), "");
  EXPECT_FALSE(under_test.engine().is_open(session));
  EXPECT_FALSE(under_test.engine().due(under_test.now()).has_value());
  EXPECT_EQ(under_test.engine().counters().sessions_idle_closed, 1u);
  under_test.engine().check_invariants();
}

TEST(Engine, BeginsTheIdleTimeAnewWithEachByte) {
  EngineUnderTest under_test({}, short_idleness());
  const SessionId session = under_test.open(kHome);
  for (int i = 0; i < 5; ++i) {
    under_test.advance(60s - 1ns);
    under_test.receive(session, register_text(1));
  }
  EXPECT_FALSE(under_test.engine().due(under_test.now()).has_value());
}

TEST(Engine, DoesNothingWhenASessionTimesOutThatIsNotDue) {
  EngineUnderTest under_test({}, short_idleness());
  const SessionId session = under_test.open(kHome);
  under_test.receive(session, "Register P2Pv1\n\nali");
  under_test.advance(20s);
  EXPECT_EQ(under_test.time_out(session), "");
  EXPECT_TRUE(under_test.engine().is_open(session));
  EXPECT_EQ(under_test.receive(session, "ce\n80\n"), kSuccessLine);
}

TEST(Engine, KnowsWhoWasIdleForTheLongestTime) {
  EngineUnderTest under_test;
  EXPECT_FALSE(under_test.engine().longest_idle().has_value());
  std::vector<SessionId> sessions;
  for (int i = 0; i < 4; ++i) {
    sessions.push_back(under_test.open(kHome));
    under_test.advance(1s);
  }
  const Instant second_opened = under_test.now() - 3s;
  EXPECT_EQ(under_test.engine().longest_idle(), sessions[0]);
  under_test.receive(sessions[0], "R");
  EXPECT_EQ(under_test.engine().longest_idle(), sessions[1]);
  EXPECT_EQ(under_test.engine().longest_idle_since(), second_opened);
  under_test.receive(sessions[1], "Hello\n");  // closing, so no longer idle
  EXPECT_EQ(under_test.engine().longest_idle(), sessions[2]);
  under_test.quiet(sessions[2]);
  EXPECT_EQ(under_test.engine().longest_idle(), sessions[2]) << "silence is no activity";
  under_test.engine().close(sessions[2]);
  EXPECT_EQ(under_test.engine().longest_idle(), sessions[3]);
  under_test.engine().check_invariants();
}

TEST(Engine, HandsOutEverySessionThatIsDueEarliestFirst) {
  EngineUnderTest under_test;
  std::vector<SessionId> sessions;
  for (int i = 0; i < 5; ++i) {
    sessions.push_back(under_test.open(kHome));
    under_test.receive(sessions.back(), "Register P2P");
    under_test.advance(1s);
  }
  under_test.advance(60s);
  for (const SessionId session : sessions) {
    EXPECT_EQ(under_test.engine().due(under_test.now()), session);
    under_test.time_out(session);
    under_test.engine().check_invariants();
  }
  EXPECT_FALSE(under_test.engine().due(under_test.now()).has_value());
}

// ---- Counters ----

TEST(Engine, CountsAnswersByOutcomeAndRequestsByMethod) {
  EngineUnderTest under_test;
  under_test.ask(kHome,
                 "Register P2Pv1\n\nalice\n80\nKeepAlive P2Pv1\n\nalice\n"
                 "PQuery P2Pv1\n\nalice\nLeave P2Pv1\n\nalice\nLeave P2Pv1\n\nalice\n"
                 "Register P2Pv1\n\nalice\n0\nHello\n");
  const EngineCounters& counters = under_test.engine().counters();
  const auto answers = [&](Outcome outcome) {
    return counters.answers[static_cast<std::size_t>(outcome)];
  };
  const auto requests = [&](Method method) {
    return counters.requests[static_cast<std::size_t>(method)];
  };
  EXPECT_EQ(answers(Outcome::kSuccess), 4u);
  EXPECT_EQ(answers(Outcome::kNotRegistered), 1u);
  EXPECT_EQ(answers(Outcome::kBadPort), 1u);
  EXPECT_EQ(answers(Outcome::kMalformedFirstLine), 1u);
  EXPECT_EQ(requests(Method::kRegister), 1u);
  EXPECT_EQ(requests(Method::kKeepAlive), 1u);
  EXPECT_EQ(requests(Method::kLeave), 2u);
  EXPECT_EQ(requests(Method::kPQuery), 1u);
  EXPECT_EQ(counters.sessions_opened, 1u);
  EXPECT_EQ(counters.sessions_idle_closed, 0u);
}

// ---- Ticks ----

constexpr Duration kTtl = 10s;

RegistryOptions sharded(std::size_t shards) {
  RegistryOptions options;
  options.ttl = kTtl;
  options.shards = shards;
  options.peers_per_host_max = 1'000'000;
  return options;
}

void register_peers(EngineUnderTest& under_test, std::size_t count) {
  std::string text;
  for (std::size_t peer = 0; peer < count; ++peer) text += register_text(peer);
  under_test.ask(kHome, text);
}

TEST(Engine, TicksOnceASlotWhenNothingIsDue) {
  EngineUnderTest under_test(sharded(4));
  register_peers(under_test, 100);
  EXPECT_LE(under_test.engine().next_deadline(), under_test.now());
  under_test.engine().tick(under_test.time());
  EXPECT_EQ(under_test.engine().next_deadline(), under_test.now() + limits::kWheelSlot);
}

TEST(Engine, TicksAgainAtOnceWhileMoreIsDue) {
  EngineUnderTest under_test(sharded(1));
  constexpr std::size_t kPeers = 2 * limits::kSweepEntriesMax + 10;
  register_peers(under_test, kPeers);
  under_test.advance(kTtl + limits::kWheelSlot);
  std::size_t ticks = 0;
  while (under_test.engine().next_deadline() <= under_test.now()) {
    const std::uint64_t before = under_test.registry().counters().expired;
    under_test.engine().tick(under_test.time());
    EXPECT_LE(under_test.registry().counters().expired - before, limits::kSweepEntriesMax);
    ASSERT_LE(++ticks, 10u);
  }
  EXPECT_EQ(under_test.registry().counters().expired, kPeers);
}

TEST(Engine, SweepsTheShardsInTurns) {
  constexpr std::size_t kShards = 4;
  EngineUnderTest under_test(sharded(kShards));
  register_peers(under_test, kShards * 3 * limits::kSweepEntriesMax);
  under_test.advance(kTtl + limits::kWheelSlot);
  // Each shard has about three steps to do. A tick stops behind the first shard that is not done
  // after one, and the next tick goes on there.
  for (std::size_t tick = 1; tick <= kShards; ++tick) {
    under_test.engine().tick(under_test.time());
    EXPECT_EQ(under_test.registry().counters().expired, tick * limits::kSweepEntriesMax);
  }
  // Every shard had its turn, so none is done and each has less than all of its work left.
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    const std::uint64_t before = under_test.registry().counters().expired;
    while (under_test.registry().sweep(shard, under_test.now())) {
    }
    const std::uint64_t left = under_test.registry().counters().expired - before;
    EXPECT_GT(left, limits::kSweepEntriesMax);
    EXPECT_LT(left, 5 * limits::kSweepEntriesMax / 2);
  }
}

TEST(Engine, SharesTheShardsOutAmongEngines) {
  EngineUnderTest under_test(sharded(8));
  register_peers(under_test, 800);
  under_test.advance(kTtl + limits::kWheelSlot);
  tests::SeededRandom random(1);
  std::uint64_t expired = 0;
  for (unsigned index = 0; index < 3; ++index) {
    EngineOptions options;
    options.index = index;
    options.count = 3;
    Engine engine(under_test.registry(), options, random);
    engine.tick(under_test.time());
    const std::uint64_t now_expired = under_test.registry().counters().expired;
    EXPECT_GT(now_expired, expired);
    EXPECT_LT(now_expired, index < 2 ? 800u : 801u);
    expired = now_expired;
  }
  EXPECT_EQ(expired, 800u);
}

TEST(Engine, HasNothingToSweepWhereThereAreMoreEnginesThanShards) {
  EngineUnderTest under_test(sharded(1));
  register_peers(under_test, 10);
  under_test.advance(kTtl + limits::kWheelSlot);
  tests::SeededRandom random(1);
  EngineOptions options;
  options.index = 1;
  options.count = 2;
  Engine engine(under_test.registry(), options, random);
  engine.tick(under_test.time());
  EXPECT_EQ(under_test.registry().counters().expired, 0u);
  EXPECT_GT(engine.next_deadline(), under_test.now());
}

TEST(Engine, ForeseesTheEarliestOfItsDeadlines) {
  EngineUnderTest under_test({}, short_idleness());
  const SessionId session = under_test.open(kHome);
  const auto ticked = [&] {
    under_test.engine().tick(under_test.time());
    return under_test.engine().next_deadline();
  };
  EXPECT_EQ(ticked(), under_test.now() + limits::kWheelSlot);
  under_test.receive(session, "Register P2P");
  under_test.advance(29s + 900ms);
  EXPECT_EQ(ticked(), under_test.now() + 100ms) << "the request's 30 s";
  under_test.receive(session, "v1\n\nalice\n80\n");
  under_test.advance(60s - 100ms);
  EXPECT_EQ(ticked(), under_test.now() + 100ms) << "the session's idle time";
}

}  // namespace
}  // namespace rollcall::engine
