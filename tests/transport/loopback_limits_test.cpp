#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/transport/loopback_under_test.h"

// Bounds of the loopback's server: output that waits, places, and many clients at once.

namespace rollcall::tests {
namespace {

using namespace on_loopback;
using transport::ClientState;
using transport::Direction;
using namespace std::chrono_literals;
namespace limits = engine::limits;

// ---- Backpressure ----

TEST(Loopback, WaitingOutputIsBoundedByTheMarkAndOneAnswer) {
  constexpr std::size_t kRequests = 3000;
  const std::string request = "PQuery P2Pv1\n\npeer0\n";
  LoopbackServer server;
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
  LoopbackServer server;
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
  LoopbackServer server;
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
  LoopbackServer server;
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
  LoopbackServer server;
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
  LoopbackServer server;
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

TEST(Loopback, WaitingOutputIsBounded) {
  constexpr std::size_t kAnswers = 3;
  const std::size_t answer = LoopbackServer().fill_list(2000);
  for (const std::size_t spare : {0u, 1u}) {
    LoopbackServer server({.output_total_max = kAnswers * answer - spare});
    server.fill_list(2000);
    std::vector<LoopbackClient> clients;
    for (std::size_t i = 0; i < kAnswers; ++i) {
      clients.push_back(server.loopback.connect(kAlice));
      clients.back().stop_reading();
      clients.back().window(0);
      server.exchange(clients.back(), "PQuery P2Pv1\n\npeer0\n");
      server.loopback.advance(1s);
    }
    EXPECT_EQ(clients.front().state(), spare == 0 ? ClientState::kOpen : ClientState::kReset);
    EXPECT_EQ(server.loopback.connections(), kAnswers - spare);
    EXPECT_EQ(server.loopback.waiting_output_bytes(), (kAnswers - spare) * answer);
  }
}

TEST(Loopback, WhoAloneHasTooMuchOutputIsReset) {
  LoopbackServer server({.output_total_max = LoopbackServer().fill_list(5000) - 1});
  server.fill_list(5000);
  LoopbackClient client = server.loopback.connect(kAlice);
  server.exchange(client, "PQuery P2Pv1\n\npeer0\n");
  EXPECT_EQ(client.state(), ClientState::kReset);
  EXPECT_EQ(server.loopback.waiting_output_bytes(), 0u);
}

TEST(Loopback, AFlooderDelaysOthersByOneReadAtMost) {
  LoopbackServer server;
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
  LoopbackServer server;
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
  LoopbackServer server({.connections_per_host_max = 2});
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
  LoopbackServer server({.connections_max = 2});
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
  LoopbackServer server({.connections_max = 2});
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
  LoopbackServer server_;
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
