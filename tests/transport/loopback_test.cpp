#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/transport/loopback_under_test.h"

// What the in-process network does, and what the server makes of it.

namespace rollcall::tests {
namespace {

using namespace on_loopback;
using transport::ClientState;
using transport::Direction;
using namespace std::chrono_literals;
namespace limits = engine::limits;

// ---- Time ----

TEST(Loopback, NothingHappensBeforeItIsStepped) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.send("Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.delivered(), "");
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 1u);
  EXPECT_EQ(client.delivered(), kSuccess);
}

TEST(Loopback, TimePassesOnlyWhenTold) {
  LoopbackServer server({.start = {engine::Instant(5s), engine::WallTime(1000s)}});
  LoopbackClient client = server.loopback.connect(kAlice);
  server.exchange(client, "Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(server.loopback.time().now, engine::Instant(5s));
  server.loopback.advance(1500ms);
  EXPECT_EQ(server.loopback.time().now, engine::Instant(6500ms));
  EXPECT_EQ(server.loopback.time().wall, engine::WallTime(1001s));
}

TEST(Loopback, DeadlinesOnTheWayAreMetAtTheirTime) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.send("Register P2Pv1\n\nalice\n9999");
  server.loopback.settle();
  client.delay(Direction::kToClient, 1s);
  // The answer leaves after 10 ms of quiet, not when the hour is over.
  server.loopback.advance(limits::kDefaultQuiet + 1s - 1ns);
  EXPECT_EQ(client.delivered(), "");
  server.loopback.advance(1ns);
  EXPECT_EQ(client.delivered(), kBareSuccess);
}

TEST(Loopback, TheWallClockExpiresNobody) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  EXPECT_EQ(server.exchange(client, "Register P2Pv1\n\nalice\n9999\n"), kSuccess);
  for (const auto jump : {24h * 365, -24h * 700}) {
    server.loopback.jump_wall(jump);
    server.loopback.advance(1s);
    EXPECT_EQ(server.exchange(client, "KeepAlive P2Pv1\n\nalice\n"), kSuccess);
  }
}

TEST(Loopback, BytesThatArriveAtADeadlineAreInTime) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.send("Register P2Pv1\n\nalice\n99");
  server.loopback.settle();
  client.delay(Direction::kToServer, limits::kDefaultQuiet);
  client.send("99\n");
  server.loopback.advance(limits::kDefaultQuiet);
  EXPECT_EQ(client.delivered(), kSuccess);
}

// ---- The network ----

TEST(Loopback, BytesTakeTheirDelayInBothDirections) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice, 30ms);
  client.send("Leave P2Pv1\n\nalice\n");
  server.loopback.advance(30ms - 1ns);
  EXPECT_EQ(server.loopback.connections(), 0u);
  server.loopback.advance(30ms);
  EXPECT_EQ(server.loopback.connections(), 1u);
  EXPECT_EQ(client.delivered(), "");
  server.loopback.advance(1ns);
  EXPECT_EQ(client.delivered(), kNotRegistered);
}

TEST(Loopback, BytesStayInOrderWhenTheDelayShrinks) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.delay(Direction::kToServer, 50ms);
  client.send("Leave P2Pv1\n");
  client.delay(Direction::kToServer, 0ms);
  client.send("\nalice\n");
  server.loopback.settle();
  EXPECT_EQ(client.delivered(), "");
  server.loopback.advance(50ms);
  EXPECT_EQ(client.delivered(), kNotRegistered);
}

TEST(Loopback, AStreamIsCutIntoPiecesOfAnySize) {
  for (std::size_t bytes = 1; bytes < 30; ++bytes) {
    LoopbackServer server;
    LoopbackClient client = server.loopback.connect(kAlice);
    client.cut(Direction::kToServer, bytes);
    client.cut(Direction::kToClient, bytes);
    EXPECT_EQ(server.exchange(client, repeated("Leave P2Pv1\n\nalice\n", 20)),
              repeated(kNotRegistered, 20));
  }
}

TEST(Loopback, AStreamIsCutAtGivenOffsets) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.loopback.settle();
  client.cut_at(Direction::kToServer, 7);
  client.cut_at(Direction::kToServer, 3);
  client.send("Leave P2Pv1\n\nalice\n");
  EXPECT_TRUE(server.loopback.step());
  EXPECT_EQ(client.unread_by_server(), 16u);
  EXPECT_TRUE(server.loopback.step());
  EXPECT_EQ(client.unread_by_server(), 12u);
  EXPECT_TRUE(server.loopback.step());
  EXPECT_EQ(client.unread_by_server(), 0u);
}

TEST(Loopback, AnInterruptedNetworkLooksLikeSilence) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.send("Register P2Pv1\n\nalice\n99");
  server.loopback.settle();
  client.hold(Direction::kToServer);
  client.hold(Direction::kToClient);
  client.send("99");
  server.loopback.advance(limits::kDefaultQuiet);
  EXPECT_EQ(client.delivered(), "");
  client.let_through(Direction::kToClient);
  server.loopback.settle();
  EXPECT_EQ(client.delivered(), kBareSuccess);
  client.let_through(Direction::kToServer);
  client.send("\n");
  server.loopback.settle();
  EXPECT_EQ(client.take(), kBareSuccess + kMalformed);
}

// ---- Resets and ends ----

TEST(Loopback, AResetTakesWithItWhatIsUnderWay) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.loopback.settle();
  client.send("Register P2Pv1\n\nalice\n9999\n");
  client.reset(Direction::kToServer);
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(server.registry.active(), 0u);
}

TEST(Loopback, AServerLearnsOfAResetOfTheClientsSideWhenItAnswers) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.loopback.settle();
  client.send("Register P2Pv1\n\nalice\n99");
  client.reset(Direction::kToClient);
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.connections(), 1u);
  server.loopback.advance(limits::kDefaultQuiet);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.delivered(), "");
}

TEST(Loopback, AResetThatIsUnderWayToTheClientArrivesThoughTheServerIsResetToo) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.loopback.settle();
  client.hold(Direction::kToClient);
  client.reset(Direction::kToClient);
  server.exchange(client, "PQuery P2Pv1\n\nalice\n");
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.state(), ClientState::kOpen);
  client.let_through(Direction::kToClient);
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
}

TEST(Loopback, CountsTheRequestsOfAClientThatWereDecided) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  LoopbackClient other = server.loopback.connect(kBob);
  server.exchange(client, register_request(1) + register_request(2) + "PQuery P2Pv1\n\npe");
  EXPECT_EQ(client.answered(), 2u);
  EXPECT_EQ(other.answered(), 0u);
  server.exchange(client, "er1\n");
  server.exchange(other, "Other\n");
  EXPECT_EQ(client.answered(), 3u);
  EXPECT_EQ(other.answered(), 1u);
  EXPECT_EQ(server.loopback.answered(), 4u);
}

TEST(Loopback, SkipsToWhereSomethingHappens) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.loopback.settle();
  client.send("PQuery P2Pv1\n\nalice");
  server.loopback.settle();
  const engine::Instant quiet = server.loopback.time().now + limits::kDefaultQuiet;
  EXPECT_EQ(server.loopback.next_event(), quiet);
  server.loopback.skip_to(quiet);
  EXPECT_EQ(client.delivered(), "");
  server.loopback.settle();
  EXPECT_EQ(client.delivered(), "Response 400 P2Pv1\n\nBad message: not registered");
}

TEST(Loopback, AClientThatIsDestroyedClosesItsConnection) {
  LoopbackServer server;
  {
    LoopbackClient client = server.loopback.connect(kAlice);
    client.send("Register P2Pv1\n\nalice\n9999");
  }
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(server.registry.active(), 1u);
}

TEST(Loopback, AConnectionMovesWithItsClient) {
  LoopbackServer server;
  LoopbackClient first = server.loopback.connect(kAlice);
  first.send("Leave P2Pv1\n\nal");
  LoopbackClient second = std::move(first);
  EXPECT_EQ(server.exchange(second, "ice\n"), kNotRegistered);
  second = server.loopback.connect(kBob);
  EXPECT_EQ(server.exchange(second, "Leave P2Pv1\n\nbob\n"), kNotRegistered);
  EXPECT_EQ(server.loopback.connections(), 1u);
}

TEST(Loopback, AClientCanGoBeforeItsConnectionArrives) {
  LoopbackServer server;
  server.loopback.connect(kAlice, 1s);
  server.loopback.advance(2s);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(server.engine.counters().sessions_opened, 1u);
}

// ---- After a closing answer ----

TEST(Loopback, ItDrainsForASecond) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  EXPECT_EQ(server.exchange(client, "Nonsense\n"), kMalformed);
  EXPECT_EQ(client.state(), ClientState::kEnded);
  server.loopback.advance(limits::kDrainTime - 1ns);
  client.send("more");
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 1u);
  server.loopback.advance(1ns);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.state(), ClientState::kEnded);
}

TEST(Loopback, ItDrainsSixtyFourKibibytes) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  EXPECT_EQ(server.exchange(client, "Nonsense\n"), kMalformed);
  client.send(std::string(limits::kDrainBytesMax - 1, 'x'));
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 1u);
  client.send("xx");
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 0u);
}

TEST(Loopback, BytesForAConnectionThatIsGoneAreAnsweredWithAReset) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  server.exchange(client, "Nonsense\n");
  server.loopback.advance(limits::kDrainTime);
  EXPECT_EQ(client.state(), ClientState::kEnded);
  client.send("more");
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
}

// What draining is for: a client that is still sending would lose the answer to a reset.
TEST(Loopback, AResetOvertakesAnAnswerThatWasNotRead) {
  LoopbackServer server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.send("Nonsense\n" + std::string(3 * limits::kDrainBytesMax, 'x'));
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
  client.read_on();
  server.loopback.settle();
  EXPECT_EQ(client.delivered(), "");
}

}  // namespace
}  // namespace rollcall::tests
