#include "transport/loopback.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {
namespace {

using engine::HostAddress;
using transport::ClientState;
using transport::Direction;
using transport::Loopback;
using transport::LoopbackClient;
using transport::LoopbackOptions;
using namespace std::chrono_literals;
namespace limits = engine::limits;

constexpr HostAddress kAlice = HostAddress::v4(10, 0, 0, 1);
constexpr HostAddress kBob = HostAddress::v4(10, 0, 0, 2);

const std::string kSuccess = "Response 20 P2Pv1\n\nSuccess\n";
const std::string kBareSuccess = "Response 20 P2Pv1\n\nSuccess";
const std::string kNotRegistered = "Response 400 P2Pv1\n\nBad message: not registered\n";
const std::string kMalformed = "Response 400 P2Pv1\n\nBad message: malformed first line";

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string register_request(std::size_t peer) {
  return "Register P2Pv1\n\npeer" + std::to_string(peer) + "\n" + std::to_string(peer + 1) + "\n";
}

// An engine behind a loopback. What is declared first goes last: clients of a test are declared
// after this, and go before it.
struct Server {
  explicit Server(const LoopbackOptions& options = {},
                  const engine::RegistryOptions& registry_options = {.peers_per_host_max = 100'000},
                  const engine::EngineOptions& engine_options = {})
      : registry(registry_options, random),
        engine(registry, engine_options, random),
        loopback(engine, options) {}
  ~Server() {
    loopback.check_invariants();
    registry.check_invariants();
  }

  std::string exchange(LoopbackClient& client, const std::string& request) {
    client.send(request);
    loopback.settle();
    return client.take();
  }

  // Registers so many peers and returns the length of the list with all of them.
  std::size_t fill_list(std::size_t peers) {
    LoopbackClient client = loopback.connect(kAlice);
    std::string requests;
    for (std::size_t i = 0; i < peers; ++i) requests += register_request(i);
    EXPECT_EQ(exchange(client, requests), repeated(kSuccess, peers));
    return exchange(client, "PQuery P2Pv1\n\npeer0\n").size();
  }

  SeededRandom random{1};
  engine::Registry registry;
  engine::Engine engine;
  Loopback loopback;
};

// ---- Time ----

TEST(Loopback, NothingHappensBeforeItIsStepped) {
  Server server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.send("Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.delivered(), "");
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 1u);
  EXPECT_EQ(client.delivered(), kSuccess);
}

TEST(Loopback, TimePassesOnlyWhenTold) {
  Server server({.start = {engine::Instant(5s), engine::WallTime(1000s)}});
  LoopbackClient client = server.loopback.connect(kAlice);
  server.exchange(client, "Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(server.loopback.time().now, engine::Instant(5s));
  server.loopback.advance(1500ms);
  EXPECT_EQ(server.loopback.time().now, engine::Instant(6500ms));
  EXPECT_EQ(server.loopback.time().wall, engine::WallTime(1001s));
}

TEST(Loopback, DeadlinesOnTheWayAreMetAtTheirTime) {
  Server server;
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
  Server server;
  LoopbackClient client = server.loopback.connect(kAlice);
  EXPECT_EQ(server.exchange(client, "Register P2Pv1\n\nalice\n9999\n"), kSuccess);
  for (const auto jump : {24h * 365, -24h * 700}) {
    server.loopback.jump_wall(jump);
    server.loopback.advance(1s);
    EXPECT_EQ(server.exchange(client, "KeepAlive P2Pv1\n\nalice\n"), kSuccess);
  }
}

TEST(Loopback, BytesThatArriveAtADeadlineAreInTime) {
  Server server;
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
  Server server;
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
  Server server;
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
    Server server;
    LoopbackClient client = server.loopback.connect(kAlice);
    client.cut(Direction::kToServer, bytes);
    client.cut(Direction::kToClient, bytes);
    EXPECT_EQ(server.exchange(client, repeated("Leave P2Pv1\n\nalice\n", 20)),
              repeated(kNotRegistered, 20));
  }
}

TEST(Loopback, AStreamIsCutAtGivenOffsets) {
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
  {
    LoopbackClient client = server.loopback.connect(kAlice);
    client.send("Register P2Pv1\n\nalice\n9999");
  }
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(server.registry.active(), 1u);
}

TEST(Loopback, AConnectionMovesWithItsClient) {
  Server server;
  LoopbackClient first = server.loopback.connect(kAlice);
  first.send("Leave P2Pv1\n\nal");
  LoopbackClient second = std::move(first);
  EXPECT_EQ(server.exchange(second, "ice\n"), kNotRegistered);
  second = server.loopback.connect(kBob);
  EXPECT_EQ(server.exchange(second, "Leave P2Pv1\n\nbob\n"), kNotRegistered);
  EXPECT_EQ(server.loopback.connections(), 1u);
}

TEST(Loopback, AClientCanGoBeforeItsConnectionArrives) {
  Server server;
  server.loopback.connect(kAlice, 1s);
  server.loopback.advance(2s);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(server.engine.counters().sessions_opened, 1u);
}

// ---- After a closing answer ----

TEST(Loopback, ItDrainsForASecond) {
  Server server;
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
  Server server;
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
  Server server;
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
  Server server;
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.send("Nonsense\n" + std::string(3 * limits::kDrainBytesMax, 'x'));
  server.loopback.settle();
  EXPECT_EQ(client.state(), ClientState::kReset);
  client.read_on();
  server.loopback.settle();
  EXPECT_EQ(client.delivered(), "");
}

// ---- Backpressure ----

TEST(Loopback, WaitingOutputIsBoundedByTheMarkAndOneAnswer) {
  constexpr std::size_t kRequests = 3000;
  const std::string request = "PQuery P2Pv1\n\npeer0\n";
  Server server;
  const std::size_t answer = server.fill_list(500);
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(1000);
  client.send(repeated(request, kRequests));
  while (server.loopback.step()) {
    ASSERT_LE(server.loopback.waiting_output_bytes(), limits::kOutputHighMark + answer);
  }
  EXPECT_GT(server.loopback.waiting_output_bytes(), limits::kOutputHighMark);

  client.read_on();
  std::size_t delivered = 0;
  while (server.loopback.step()) {
    delivered += client.take().size();
    ASSERT_LE(server.loopback.waiting_output_bytes(), limits::kOutputHighMark + answer);
  }
  EXPECT_EQ(delivered, kRequests * answer);
}

TEST(Loopback, WhatIsSentMeanwhileIsNotRead) {
  Server server;
  server.fill_list(8000);  // one list is longer than the mark
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(1);
  server.exchange(client, "PQuery P2Pv1\n\npeer0\n");
  client.send("Leave P2Pv1\n\npeer1\n");
  server.loopback.advance(10s);
  EXPECT_EQ(client.unread_by_server(), 19u);
  EXPECT_EQ(server.registry.active(), 8000u);

  client.window(100'000);
  client.read_on();
  server.loopback.settle();
  EXPECT_EQ(client.unread_by_server(), 0u);
  EXPECT_TRUE(client.take().ends_with("]\n" + kSuccess));
}

TEST(Loopback, NoSilenceIsMeasuredWhileTheServerDoesNotRead) {
  Server server;
  server.fill_list(8000);
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(1);
  client.send("PQuery P2Pv1\n\npeer0");
  server.loopback.advance(limits::kDefaultQuiet);
  client.send("Leave P2Pv1\n\npeer");
  server.loopback.advance(20s);

  // The silence begins when the bytes are read.
  client.window(1'000'000);
  client.read_on();
  server.loopback.settle();
  EXPECT_TRUE(client.take().ends_with("]"));
  server.loopback.advance(limits::kDefaultQuiet - 1ns);
  EXPECT_EQ(client.delivered(), "");
  client.send("1");
  server.loopback.advance(limits::kDefaultQuiet);
  EXPECT_EQ(client.delivered(), kBareSuccess);
}

TEST(Loopback, OutputThatMakesNoProgressForThirtySecondsIsReset) {
  Server server;
  server.fill_list(5000);
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(1000);
  server.exchange(client, "PQuery P2Pv1\n\npeer0\n");
  server.loopback.advance(limits::kOutputStall - 1ns);
  EXPECT_EQ(server.loopback.connections(), 1u);
  EXPECT_EQ(client.state(), ClientState::kOpen);
  server.loopback.advance(1ns);
  EXPECT_EQ(server.loopback.connections(), 0u);
  EXPECT_EQ(client.state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.waiting_output_bytes(), 0u);
}

TEST(Loopback, AByteOfProgressIsProgress) {
  Server server;
  const std::size_t answer = server.fill_list(50);
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(1);
  server.exchange(client, "PQuery P2Pv1\n\npeer0\n");
  for (std::size_t i = 2; i <= answer; ++i) {
    server.loopback.advance(limits::kOutputStall - 1ns);
    client.window(i);
    server.loopback.settle();
  }
  EXPECT_EQ(server.loopback.waiting_output_bytes(), 0u);
  client.read_on();
  server.loopback.settle();
  EXPECT_EQ(client.delivered().size(), answer);
}

TEST(Loopback, AClosingAnswerIsFlushedBeforeTheEnd) {
  Server server;
  const std::size_t answer = server.fill_list(1000);
  LoopbackClient client = server.loopback.connect(kAlice);
  client.stop_reading();
  client.window(100);
  server.exchange(client, "PQuery P2Pv1\n\npeer0\nNonsense\n");
  server.loopback.advance(10s);
  EXPECT_EQ(server.loopback.connections(), 1u);
  client.read_on();
  server.loopback.settle();
  EXPECT_EQ(client.delivered().size(), answer + kMalformed.size());
  EXPECT_TRUE(client.delivered().ends_with(kMalformed));
  EXPECT_EQ(client.state(), ClientState::kEnded);
}

TEST(Loopback, TheConnectionThatTakesTheOutputOverItsTotalIsReset) {
  Server server({.output_total_max = 100'000});
  const std::size_t answer = server.fill_list(2000);
  std::vector<LoopbackClient> clients;
  std::size_t waiting = 0;
  do {
    clients.push_back(server.loopback.connect(kAlice));
    clients.back().stop_reading();
    clients.back().window(1);
    server.exchange(clients.back(), "PQuery P2Pv1\n\npeer0\n");
    waiting += answer;
  } while (waiting <= 100'000);
  EXPECT_EQ(clients.back().state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.connections(), clients.size() - 1);
  EXPECT_LE(server.loopback.waiting_output_bytes(), 100'000u);
  EXPECT_EQ(clients.front().state(), ClientState::kOpen);
}

TEST(Loopback, AFlooderDelaysOthersByOneReadAtMost) {
  Server server;
  LoopbackClient flooder = server.loopback.connect(kAlice);
  LoopbackClient other = server.loopback.connect(kBob);
  server.loopback.settle();
  flooder.send(repeated("Leave P2Pv1\n\nalice\n", 200'000));
  EXPECT_TRUE(server.loopback.step());
  other.send("Leave P2Pv1\n\nbob\n");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(server.loopback.step());
  EXPECT_GT(flooder.unread_by_server(), 3'000'000u);
  server.loopback.advance(0s);
  EXPECT_EQ(other.delivered(), kNotRegistered);
  EXPECT_EQ(flooder.unread_by_server(), 0u);
}

TEST(Loopback, WhoSendsMoreDoesNotLoseItsTurn) {
  Server server;
  LoopbackClient flooder = server.loopback.connect(kAlice);
  LoopbackClient other = server.loopback.connect(kBob);
  server.loopback.settle();
  flooder.send(repeated("Leave P2Pv1\n\nalice\n", 400'000));
  const std::string request = "Leave P2Pv1\n\nbob\n";
  for (const char byte : request) {
    other.send({&byte, 1});
    EXPECT_TRUE(server.loopback.step());
    EXPECT_LE(other.unread_by_server(), 2u);
  }
  EXPECT_GT(flooder.unread_by_server(), 0u);
}

// ---- Places ----

TEST(Loopback, AHostsConnectionsAreCountedByNetworkForIpv6) {
  Server server({.connections_per_host_max = 2});
  HostAddress first{{0x20, 0x01, 0x0d, 0xb8}};
  HostAddress second = first;
  second.bytes[15] = 1;
  HostAddress other = first;
  other.bytes[7] = 1;
  LoopbackClient a = server.loopback.connect(first);
  LoopbackClient b = server.loopback.connect(second);
  LoopbackClient c = server.loopback.connect(second);
  LoopbackClient d = server.loopback.connect(other);
  server.loopback.settle();
  EXPECT_EQ(server.loopback.connections(), 3u);
  EXPECT_EQ(server.loopback.refused(), 1u);
  EXPECT_EQ(c.state(), ClientState::kEnded);
  EXPECT_EQ(d.state(), ClientState::kOpen);
}

TEST(Loopback, RoomIsMadeEvenWhereAllAreClosing) {
  Server server({.connections_max = 2});
  std::vector<LoopbackClient> closing;
  for (int i = 0; i < 2; ++i) {
    closing.push_back(server.loopback.connect(kAlice));
    server.exchange(closing.back(), "Nonsense\n");
  }
  LoopbackClient client = server.loopback.connect(kBob);
  EXPECT_EQ(server.exchange(client, "Leave P2Pv1\n\nbob\n"), kNotRegistered);
  EXPECT_EQ(server.loopback.connections(), 2u);
  EXPECT_EQ(server.loopback.made_room(), 1u);
}

TEST(Loopback, AConnectionWithWaitingOutputMakesRoomByAReset) {
  Server server({.connections_max = 2});
  server.fill_list(5000);
  LoopbackClient idle = server.loopback.connect(kAlice);
  idle.stop_reading();
  idle.window(1);
  server.exchange(idle, "PQuery P2Pv1\n\npeer0\n");
  LoopbackClient second = server.loopback.connect(kBob);
  server.loopback.advance(1s);
  LoopbackClient third = server.loopback.connect(kBob);
  server.loopback.settle();
  EXPECT_EQ(idle.state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.waiting_output_bytes(), 0u);
  EXPECT_EQ(second.state(), ClientState::kOpen);
}

// ---- Many at once ----

// Clients that connect, talk, stall, vanish and come back at random, over a network that delays,
// cuts and interrupts. Returns everything they received and saw.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed)
      : generator_(seed),
        server_({.connections_max = 40, .connections_per_host_max = 15},
                {.ttl = 20s, .peers_max = 60, .peers_per_host_max = 30, .inactive_max = 20},
                {.idle_timeout = 15s}) {
    clients_.resize(50);
  }

  std::string run(int steps) {
    for (int i = 0; i < steps; ++i) {
      act(clients_[generator_.below(clients_.size())]);
      if (generator_.below(3) == 0) server_.loopback.step();
      if (generator_.below(20) == 0) pass();
      if (generator_.below(50) == 0) server_.loopback.check_invariants();
    }
    for (Participant& each : clients_) note(each);
    clients_.clear();
    server_.loopback.advance(1h);
    EXPECT_EQ(server_.loopback.connections(), 0u);
    EXPECT_EQ(server_.registry.active(), 0u);
    return std::move(seen_);
  }

 private:
  struct Participant {
    LoopbackClient client;
    bool is_connected = false;
    bool has_ended = false;
  };

  void pass() {
    constexpr engine::Duration kSteps[] = {1ms, 10ms, 300ms, 1s, 7s, 31s};
    server_.loopback.advance(kSteps[generator_.below(std::size(kSteps))]);
  }

  void act(Participant& who) {
    if (!who.is_connected) return connect(who);
    switch (generator_.below(14)) {
      case 0:
        who.client.half_close();
        who.has_ended = true;
        break;
      case 1:
        note(who);
        who = {};
        break;
      case 2:
        who.client.reset(random_direction());
        break;
      case 3:
        who.client.stop_reading();
        break;
      case 4:
        who.client.read_on();
        break;
      case 5:
        who.client.hold(random_direction());
        break;
      case 6:
        who.client.let_through(Direction::kToServer);
        who.client.let_through(Direction::kToClient);
        break;
      case 7:
        who.client.cut(random_direction(), 1 + generator_.below(100));
        break;
      default:
        if (!who.has_ended) who.client.send(random_bytes());
        break;
    }
    note(who);
  }

  void connect(Participant& who) {
    const auto last = static_cast<std::uint8_t>(1 + generator_.below(4));
    const auto delay = std::chrono::milliseconds(generator_.below(40));
    who = {server_.loopback.connect(HostAddress::v4(10, 0, 0, last), delay), true, false};
    who.client.window(200);
  }

  void note(Participant& who) {
    if (!who.is_connected) return;
    seen_ += who.client.take();
    seen_ += static_cast<char>('0' + static_cast<int>(who.client.state()));
  }

  Direction random_direction() {
    return generator_.below(2) == 0 ? Direction::kToServer : Direction::kToClient;
  }

  std::string random_bytes() {
    const std::string nick = "peer" + std::to_string(generator_.below(80));
    switch (generator_.below(8)) {
      case 0:
        return "Register P2Pv1\n\n" + nick + "\n1\n";
      case 1:
        return "Register P2Pv1\n\n" + nick + "\n2";
      case 2:
        return "KeepAlive P2Pv1\nContentLength: 5\n\npeer1";
      case 3:
        return "Leave P2Pv1\n\n" + nick + "\n";
      case 4:
        return "PQuery P2Pv1\n\n" + nick + "\n";
      case 5:
        return repeated("PQuery P2Pv1\nLimit: 9\n\n" + nick + "\n", 30);
      case 6:
        return nick.substr(generator_.below(5));
      default:
        return "Register P2Pv1\nCookie: new\n\n" + nick + "\n3\n";
    }
  }

  engine::SampleGenerator generator_;
  Server server_;
  std::vector<Participant> clients_;
  std::string seen_;
};

TEST(Loopback, ACrowdLeavesNothingBehind) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_FALSE(Crowd(seed).run(5000).empty());
  }
}

TEST(Loopback, TheSameCallsGiveTheSameRun) {
  const std::string seen = Crowd(7).run(10'000);
  EXPECT_GT(seen.size(), 10'000u);
  EXPECT_TRUE(seen == Crowd(7).run(10'000));
  EXPECT_FALSE(seen == Crowd(8).run(10'000));
}

}  // namespace
}  // namespace rollcall::tests
