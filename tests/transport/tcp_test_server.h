#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "engine/change.h"
#include "engine/engine.h"
#include "engine/outcome.h"
#include "engine/registry/registry.h"
#include "tests/support/seeded_random.h"
#include "tests/support/socket_client.h"
#include "transport/tcp_server.h"

// In a namespace of its own: other tests call other things by the same names.
namespace rollcall::tests::on_tcp {

using engine::Endpoint;
using engine::HostAddress;
using transport::TcpEvent;
using namespace std::chrono_literals;

inline constexpr HostAddress kLoopback = HostAddress::v4(127, 0, 0, 1);
inline constexpr HostAddress kOtherLoopback = HostAddress::v4(127, 0, 0, 2);
inline constexpr HostAddress kIpv6Loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// Only a test that fails waits that long.
inline constexpr auto kPatience = 20s;

class RecordingObserver final : public transport::TcpObserver {
 public:
  void observe(TcpEvent event, const std::optional<HostAddress>& host, std::error_code) override {
    const std::lock_guard lock(mutex_);
    events_.emplace_back(event, host);
    changed_.notify_all();
  }

  // Whether the event happens about that host, or has happened.
  bool await(TcpEvent event, const HostAddress& host) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] {
      return std::ranges::count(events_, std::pair(event, std::optional(host))) > 0;
    });
  }

  bool has(TcpEvent event) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(events_, [&](const auto& seen) { return seen.first == event; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<TcpEvent, std::optional<HostAddress>>> events_;
};

struct Options {
  engine::RegistryOptions registry;
  engine::EngineOptions engine;
  transport::TcpOptions tcp{.listen = {{kLoopback, 0}}};
};

class TestServer {
 public:
  explicit TestServer(const Options& options = {}, engine::ChangeLog* changes = nullptr)
      : registry_(options.registry, random_),
        server_(registry_, options.engine, options.tcp, random_, &observer_, changes) {}
  ~TestServer() {
    server_.check_invariants();
    server_.stop();
    server_.check_invariants();
    registry_.check_invariants();
  }

  // Listens and starts.
  TestServer& serve() {
    const auto error = server_.listen();
    if (error.has_value()) throw std::system_error(error->error);
    server_.start();
    return *this;
  }

  transport::TcpServer& server() { return server_; }
  RecordingObserver& observer() { return observer_; }
  Endpoint endpoint() const { return server_.endpoints().front(); }
  SocketClient connect(const HostAddress& from = kLoopback) {
    return SocketClient(endpoint(), {.from = from});
  }
  std::uint64_t answers(engine::Outcome outcome) const {
    return server_.counters().engine.answers[static_cast<std::size_t>(outcome)];
  }

 private:
  SeededRandom random_{1};
  RecordingObserver observer_;
  engine::Registry registry_;
  transport::TcpServer server_;
};

// Whether something that is under way comes about.
template <typename Condition>
bool eventually(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

// One request and its answer: whoever gets it has been accepted, and was just active.
inline bool is_served(SocketClient& client, std::string_view nick = "someone") {
  client.send(register_request(nick, 3333));
  return client.receive(kSuccessLine.size()) == kSuccessLine;
}

inline bool has_ipv6() {
  TestServer server({.tcp = {.listen = {{kIpv6Loopback, 0}}}});
  return !server.server().listen().has_value();
}

// A server whose list is so long that no socket takes many of them.
class LongLists {
 public:
  static constexpr std::size_t kPeers = 10'000;

  static Options options() {
    Options options;
    options.registry.peers_per_host_max = kPeers;
    options.engine.answer_peers_max = kPeers;
    return options;
  }

  static void fill(TestServer& server) {
    std::string requests;
    for (std::size_t i = 0; i < kPeers; ++i) {
      requests += register_request("peer" + std::to_string(i), 60'000);
    }
    SocketClient client = server.connect();
    client.send(requests);
    EXPECT_EQ(client.receive(kPeers * kSuccessLine.size()).size(), kPeers * kSuccessLine.size());
  }

  static constexpr std::string_view kQuery = "PQuery P2Pv1\n\npeer0\n";

  // The answer to it.
  static std::string list() {
    std::string list = "Response 20 P2Pv1\n\n[";
    for (std::size_t i = 0; i < kPeers; ++i) list += "'127.0.0.1:60000', ";
    list.resize(list.size() - 2);
    return list + "]\n";
  }
};

}  // namespace rollcall::tests::on_tcp
