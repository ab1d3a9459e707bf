#include "fuzz/session_crowd.h"

#include <chrono>
#include <string>

#include "fuzz/property.h"
#include "tests/support/engine_under_test.h"

namespace rollcall::fuzz {
namespace {

using namespace std::chrono_literals;
using engine::AnswerFraming;
using engine::Duration;
using engine::HostAddress;
using engine::Method;
using transport::Direction;

constexpr Duration kTtl = 60s;
constexpr Duration kIdleTimeout = 90s;

// Whose lists take fifty bytes a peer.
constexpr HostAddress kCrowdHost{
    {0x20, 1, 0xd, 0xb8, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x66, 0x66}};
constexpr std::size_t kPeersMax = 60;
// A list of everyone, and a batch of other answers, may be written though the output is nearly at
// its mark.
constexpr std::size_t kOutputMax = engine::limits::kOutputHighMark +
                                   (kPeersMax + 8) * engine::limits::kPeerTextBytesMax +
                                   engine::limits::kBatchRequestsMax * 128;

constexpr std::array kNicks =
    std::to_array<std::string_view>({"a", "b", "a longer nick of 25 b", "Zo\xC3\xAB"});

engine::RegistryOptions registry_options() {
  engine::RegistryOptions options;
  options.ttl = kTtl;
  options.peers_per_host_max = kPeersMax;
  options.inactive_max = 2;
  return options;
}

engine::EngineOptions engine_options() {
  engine::EngineOptions options;
  options.idle_timeout = kIdleTimeout;
  return options;
}

KnownRequest refused(std::string_view text, std::string_view answer, bool closes = false) {
  KnownRequest request;
  request.text = text;
  request.refusal = answer;
  request.closes = closes;
  return request;
}

KnownRequest mistake(std::size_t which) {
  switch (which) {
    case 0:
      return refused("Register P2Pv1\n\na\n+80\n", "Response 400 P2Pv1\n\nBad message: bad port\n");
    case 1:
      return refused("Leave P2Pv1\nContentLength: 1\n\n\t",
                     "Response 400 P2Pv1\nContentLength: 21\n\nBad message: bad nick");
    case 2:
      return refused("Other P2Pv1\nContentLength: 2\n\nab",
                     "Response 405 P2Pv1\nContentLength: 18\n\nMethod not allowed");
    default:
      return refused("Leave\n", "Response 400 P2Pv1\n\nBad message: malformed first line", true);
  }
}

KnownRequest valid(Choices& choices) {
  constexpr std::array kMethods = {Method::kRegister, Method::kRegister, Method::kKeepAlive,
                                   Method::kLeave, Method::kPQuery};
  constexpr std::array kNames =
      std::to_array<std::string_view>({"Register", "Register", "KeepAlive", "Leave", "PQuery"});
  KnownRequest request;
  const std::size_t method = choices.below(kMethods.size());
  request.method = kMethods[method];
  std::string body(kNicks[choices.below(kNicks.size())]);
  if (request.method == Method::kRegister) body += "\n80";
  request.text.append(kNames[method]).append(" P2Pv1\n");
  const std::size_t headers = choices.below(8);
  if ((headers & 1) != 0) {
    request.framing = AnswerFraming::kLength;
    request.text.append("ContentLength: ").append(std::to_string(body.size())).append("\n");
  }
  if ((headers & 6) == 2) request.text.append("Cookie: 0123456789abcdef0123456789abcdef\n");
  if ((headers & 6) == 4 && request.method == Method::kPQuery) {
    request.has_limit = true;
    request.text.append("Limit: 1\n");
  }
  if ((headers & 6) == 6 && request.method == Method::kRegister) {
    request.asks_for_cookie = true;
    request.text.append("Cookie: new\n");
  }
  request.text.append("\n").append(body);
  if (request.framing == AnswerFraming::kLineFeed) request.text += "\n";
  return request;
}

}  // namespace

SessionCrowd::SessionCrowd(Choices choices)
    : registry_options_(registry_options()),
      registry_(registry_options_, random_),
      engine_(registry_, engine_options(), random_) {
  loopback_options_.start = {engine::Instant(1000s), engine::WallTime(std::chrono::days(20'000))};
  if (choices.below(4) == 1) loopback_options_.connections_max = 3;
  if (choices.below(4) == 1) loopback_options_.connections_per_host_max = 2;
  if (choices.below(4) == 1) register_peers(kPeersMax);
  clients_ = 2 + choices.below(kClientsMax - 1);
  loopback_.emplace(engine_, loopback_options_);
  for (std::size_t client = 0; client < clients_; ++client) connect(client);
}

// Lists become long by these.
void SessionCrowd::register_peers(std::size_t peers) {
  std::string text;
  for (std::size_t peer = 0; peer < peers; ++peer) {
    text.append("Register P2Pv1\n\npeer-").append(std::to_string(peer)).append("\n65535\n");
  }
  engine::OutputBuffer out;
  const engine::Time time = loopback_options_.start;
  const engine::SessionId session = engine_.open(kCrowdHost, time);
  const std::size_t consumed = engine_.receive(session, tests::bytes_of(text), time, out);
  if (consumed != text.size()) broken("peers are left over");
  engine_.close(session);
}

void SessionCrowd::connect(std::size_t client) {
  client_[client].reset();
  const auto host = static_cast<std::uint8_t>(client % 3);
  client_[client] = std::make_unique<SessionClient>(
      loopback_->connect(HostAddress::v4(10, 0, 0, host)), kIdleTimeout);
  // One that a client left may still count.
  const bool may_be_full = loopback_options_.connections_max <= kClientsMax ||
                           loopback_options_.connections_per_host_max <= kClientsMax;
  if (!may_be_full) return;
  for (const auto& other : client_) {
    if (other != nullptr) other->expect_anything();
  }
}

void SessionCrowd::step(Choices choices) {
  const std::size_t kind = choices.below(16);
  const std::size_t number = choices.below(clients_);
  SessionClient& client = *client_[number];
  switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      send_requests(client, choices);
      break;
    case 5: {
      KnownRequest query;
      query.method = Method::kPQuery;
      query.text = "PQuery P2Pv1\n\na\n";
      const std::size_t queries = std::size_t{4} << choices.below(4);
      for (std::size_t i = 0; i < queries; ++i) client.send(query, 0);
      break;
    }
    case 6:
      client.send_rest();
      break;
    case 7:
      client.set_reading(choices.below(2) == 0);
      break;
    case 8:
      client.half_close();
      break;
    case 9:
      client.reset();
      break;
    case 10:
      connect(number);
      break;
    case 11:
    case 12: {
      constexpr std::array<Duration, 16> kSteps = {
          0s,       1ns, 9ms,       10ms, 11ms, 250ms,      999ms,      1s,
          5s - 1ns, 5s,  30s - 1ns, 30s,  kTtl, kTtl - 1ns, kTtl + 1ns, kIdleTimeout};
      pass(kSteps[choices.below(kSteps.size())]);
      break;
    }
    case 13:
    case 14:
      disturb(client, choices);
      break;
    case 15:
      client.send(mistake(choices.below(4)), 0);
      break;
  }
  if (choices.below(4) == 3) {
    loopback_->step();
  } else {
    loopback_->settle();
  }
  check();
}

void SessionCrowd::send_requests(SessionClient& client, Choices& choices) {
  const std::size_t kept_bytes = choices.below(4) == 3 ? 1 + choices.below(16) : 0;
  const std::size_t requests = 1 + choices.below(3);
  for (std::size_t i = 0; i < requests; ++i) {
    client.send(valid(choices), i + 1 == requests ? kept_bytes : 0);
  }
}

void SessionCrowd::disturb(SessionClient& client, Choices& choices) {
  switch (choices.below(8)) {
    case 0:
      return client.connection().cut(Direction::kToServer, 1 + choices.below(16));
    case 1:
      return client.connection().cut(Direction::kToClient, 1 + choices.below(16));
    case 2:
      return client.connection().cut(Direction::kToServer, 4096);
    case 3:
      return client.connection().delay(Direction::kToClient,
                                       std::chrono::milliseconds(choices.below(16)));
    case 4:
      return client.set_held(true);
    case 5:
      return client.set_held(false);
    case 6:
      return client.connection().window(std::size_t{1} << choices.below(16));
    case 7:
      client.expect_anything();
      return client.connection().reset(Direction::kToClient);
  }
}

void SessionCrowd::pass(Duration duration) {
  for (std::size_t client = 0; client < clients_; ++client) client_[client]->note_time(duration);
  loopback_->advance(duration);
}

void SessionCrowd::check() {
  loopback_->check_invariants();
  registry_.check_invariants();
  for (std::size_t client = 0; client < clients_; ++client) client_[client]->check();
  if (loopback_->waiting_output_bytes() > loopback_->connections() * kOutputMax) {
    broken("more output waits than may");
  }
}

void SessionCrowd::finish() {
  for (std::size_t client = 0; client < clients_; ++client) {
    client_[client]->send_rest();
    client_[client]->set_held(false);
    client_[client]->set_reading(true);
    client_[client]->connection().window(std::size_t{1} << 24);  // more than all answers there are
    client_[client]->connection().cut(Direction::kToClient, SIZE_MAX);
  }
  // Bytes are under way for less than 20 ms; behind those that fill a window others may wait.
  for (int times = 0; times < 2; ++times) {
    pass(20ms);
    loopback_->settle();
    check();
  }
  for (std::size_t client = 0; client < clients_; ++client) client_[client]->check_settled();
  for (std::size_t client = 0; client < clients_; ++client) client_[client]->half_close();
  pass(1100ms);
  check();
  for (auto& client : client_) client.reset();
  // Of a client that left while the network was held the server hears nothing: its output stalls.
  loopback_->advance(engine::limits::kOutputStall);
  if (loopback_->connections() != 0) broken("connections that nobody has");
  if (engine_.sessions() != 0) broken("sessions without a connection");
}

}  // namespace rollcall::fuzz
