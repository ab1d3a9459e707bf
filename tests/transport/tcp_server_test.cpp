#include "transport/tcp_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
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
#include "engine/limits.h"
#include "engine/outcome.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/seeded_random.h"
#include "tests/support/socket_client.h"

// What only the TCP transport does. What every transport does is in the conformance suite.

namespace rollcall::tests {
namespace {

using engine::Endpoint;
using engine::HostAddress;
using transport::TcpEvent;
using namespace std::chrono_literals;

constexpr HostAddress kLoopback = HostAddress::v4(127, 0, 0, 1);
constexpr HostAddress kOtherLoopback = HostAddress::v4(127, 0, 0, 2);
constexpr HostAddress kIpv6Loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// Only a test that fails waits that long.
constexpr auto kPatience = 20s;

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
bool is_served(SocketClient& client, std::string_view nick = "someone") {
  client.send(register_request(nick, 3333));
  return client.receive(kSuccessLine.size()) == kSuccessLine;
}

bool has_ipv6() {
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

// A store that has everything at once when it is asked for a commit. Until it was told of all
// changes, each makes a client send the next request, so that there is always one that is ready.
class StoreWithEagerClients final : public engine::ChangeLog {
 public:
  // More than a server makes while it lets a commit wait, and fewer than hold a connection up.
  static constexpr std::size_t kChangesOfAClient = engine::limits::kHeldAnswersMax - 1;
  static constexpr std::size_t kClients = 8;
  static constexpr std::size_t kChanges = kClients * kChangesOfAClient;

  void start(TestServer& server) {
    server_ = &server.server();
    for (std::size_t i = 0; i < kClients; ++i) clients_.push_back(server.connect());
    clients_[0].send(kRequest);
  }
  // All clients get their answers and go.
  void finish() {
    constexpr std::size_t kBytes = kChangesOfAClient * kSuccessLine.size();
    for (SocketClient& client : clients_) EXPECT_EQ(client.receive(kBytes).size(), kBytes);
    clients_.clear();
  }
  // How often it was asked.
  std::size_t commits() const { return commits_; }

  void append(const engine::Change&) override {}
  bool accepts() override { return true; }
  std::optional<engine::Ticket> ticket() override {
    if (++changes_ < kChanges) clients_[changes_ % kClients].send(kRequest);
    return changes_.load();
  }
  void commit_soon() override {
    ++commits_;
    server_->resolve(changes_, engine::Verdict::kDurable);
  }

 private:
  static constexpr std::string_view kRequest = "Register P2Pv1\n\neager\n80\n";

  transport::TcpServer* server_ = nullptr;
  std::vector<SocketClient> clients_;
  std::atomic<std::size_t> changes_ = 0;
  std::atomic<std::size_t> commits_ = 0;
};

// Holds the server's thread up in a change until it is let go: whatever clients send meanwhile
// arrives in one turn.
class Gate final : public engine::ChangeLog {
 public:
  void append(const engine::Change&) override {
    if (!is_closed_) return;
    is_reached_ = true;
    is_reached_.notify_all();
    is_closed_.wait(true);
  }
  bool accepts() override { return true; }
  std::optional<engine::Ticket> ticket() override { return std::nullopt; }

  // Until `open` the server's thread waits for it.
  void close_by(SocketClient& client) {
    is_reached_ = false;
    is_closed_ = true;
    client.send(kRequest);
    is_reached_.wait(false);
  }
  void open(SocketClient& client) {
    is_closed_ = false;
    is_closed_.notify_all();
    EXPECT_EQ(client.receive(kSuccessLine.size()), kSuccessLine);
  }

 private:
  // Changes no list of `LongLists`.
  static constexpr std::string_view kRequest = "Register P2Pv1\n\npeer0\n60000\n";

  std::atomic<bool> is_closed_ = false;
  std::atomic<bool> is_reached_ = false;
};

// ---- Listening ----

TEST(TcpServer, ReportsThePortsThatWerePicked) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}, {kOtherLoopback, 0}}}});
  server.serve();
  const auto& endpoints = server.server().endpoints();
  ASSERT_EQ(endpoints.size(), 2u);
  EXPECT_EQ(endpoints[0].host, kLoopback);
  EXPECT_EQ(endpoints[1].host, kOtherLoopback);
  for (const Endpoint& endpoint : endpoints) {
    EXPECT_NE(endpoint.port, 0);
    SocketClient client(endpoint);
    EXPECT_TRUE(is_served(client));
  }
}

TEST(TcpServer, SaysWhichEndpointIsTaken) {
  TestServer first;
  first.serve();
  TestServer second({.tcp = {.listen = {{kLoopback, 0}, first.endpoint()}}});
  const auto error = second.server().listen();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->endpoint, first.endpoint());
  EXPECT_EQ(error->error, std::errc::address_in_use);
}

TEST(TcpServer, Ipv6ListenerLeavesThePortToIpv4) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  TestServer ipv4;
  ipv4.serve();
  TestServer ipv6({.tcp = {.listen = {{HostAddress{}, ipv4.endpoint().port}}}});
  ipv6.serve();
  SocketClient client({kIpv6Loopback, ipv4.endpoint().port});
  EXPECT_TRUE(is_served(client));
}

TEST(TcpServer, ListsIpv6PeersInBrackets) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  TestServer server({.tcp = {.listen = {{kIpv6Loopback, 0}}}});
  server.serve();
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "six"));
  client.send("PQuery P2Pv1\n\nsix\n");
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), "Response 20 P2Pv1\n\n['[::1]:3333']\n");
}

// ---- Serving ----

TEST(TcpServer, AnswersAnUnterminatedRequestWithExactlyTheOriginalBytes) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  for (const std::string_view request :
       {"Register P2Pv1\n\nalice\n3333", "KeepAlive P2Pv1\n\nalice", "Leave P2Pv1\n\nalice"}) {
    client.send(request);
    EXPECT_EQ(client.receive(kSuccess.size()), kSuccess) << request;
  }
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), "") << "something followed the last answer";
}

TEST(TcpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server({.registry = {.peers_per_host_max = 2000}});
  server.serve();
  SocketClient client = server.connect();
  // Every third has a bad port, so that the answers differ.
  constexpr int kRequests = 2000;
  std::string requests;
  std::string answers;
  for (int i = 0; i < kRequests; ++i) {
    const bool is_bad = i % 3 == 0;
    requests += register_request("peer" + std::to_string(i), is_bad ? 0 : 3333);
    answers += is_bad ? "Response 400 P2Pv1\n\nBad message: bad port\n" : kSuccessLine;
  }
  client.send(requests);
  EXPECT_EQ(client.receive(answers.size()), answers);
}

TEST(TcpServer, ServesFiveHundredConnectionsAtOnce) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .threads = 4}});
  server.serve();
  std::vector<SocketClient> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(server.connect());
  for (SocketClient& client : clients) client.send(register_request("everyone", 3333));
  for (SocketClient& client : clients) {
    EXPECT_EQ(client.receive(kSuccessLine.size()), kSuccessLine);
  }
  EXPECT_EQ(server.server().counters().connections_open, clients.size());
}

TEST(TcpServer, ServesWhatArrivesOnManyConnectionsInOneTurn) {
  Gate gate;
  TestServer server(LongLists::options(), &gate);
  server.serve();
  LongLists::fill(server);
  const std::string list = LongLists::list();
  SocketClient keeper = server.connect();

  // Many small requests, among them some of all kinds: more than a batch has, a list so long that
  // it is sent before the others, an unfinished request, one that is refused, one that closes, and
  // a stream that ends.
  constexpr std::size_t kClients = 40;
  constexpr std::size_t kMany = engine::limits::kBatchRequestsMax + 1;
  struct Asked {
    std::string request;
    std::string answer;
    std::string rest;
    std::string answer_to_rest;
  };
  const auto asked = [&](std::size_t client) -> Asked {
    const std::string keep_alive = "KeepAlive P2Pv1\n\npeer" + std::to_string(client) + "\n";
    const std::string success(kSuccessLine);
    switch (client % 8) {
      case 0: {
        Asked many;
        for (std::size_t i = 0; i < kMany; ++i) {
          many.request += keep_alive;
          many.answer += success;
        }
        return many;
      }
      case 1:
        return {std::string(LongLists::kQuery), list, "", ""};
      case 2:
        return {keep_alive + keep_alive.substr(0, 12), success, keep_alive.substr(12), success};
      case 3:
        return {"Leave P2Pv1\n\nnobody\n", "Response 400 P2Pv1\n\nBad message: not registered\n",
                "", ""};
      case 4:
        return {keep_alive + "Hello\n" + keep_alive,
                success + "Response 400 P2Pv1\n\nBad message: malformed first line", "", ""};
      default:
        return {keep_alive, success, "", ""};
    }
  };

  std::vector<SocketClient> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(server.connect());
  gate.close_by(keeper);
  for (std::size_t i = 0; i < kClients; ++i) {
    clients[i].send(asked(i).request);
    if (i % 8 == 5) clients[i].half_close();
  }
  gate.open(keeper);
  for (std::size_t i = 0; i < kClients; ++i) {
    const Asked expected = asked(i);
    EXPECT_TRUE(clients[i].receive(expected.answer.size()) == expected.answer) << "client " << i;
  }
  server.server().check_invariants();
  for (std::size_t i = 0; i < kClients; ++i) {
    const Asked expected = asked(i);
    if (expected.rest.empty()) continue;
    clients[i].send(expected.rest);
    EXPECT_EQ(clients[i].receive(expected.answer_to_rest.size()), expected.answer_to_rest);
  }
}

TEST(TcpServer, HalfCloseEndsARequestAndTheAnswerStillComes) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("Register P2Pv1\n\nalice\n3333");
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), kSuccess);
  EXPECT_FALSE(client.was_reset());
}

TEST(TcpServer, ResetInMidRequestRegistersNobody) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  ASSERT_TRUE(is_served(client, "before"));
  client.send("Register P2Pv1\n\nafter\n33");
  client.reset();
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 0; }));
  EXPECT_EQ(server.answers(engine::Outcome::kSuccess), 1u);
}

TEST(TcpServer, ClosingAnswerSurvivesWhatTheClientStillSends) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("GET / HTTP/1.1\r\n" + std::string(32 << 10, 'x'));
  EXPECT_EQ(client.receive_to_end(), "Response 400 P2Pv1\n\nBad message: malformed first line");
  EXPECT_FALSE(client.was_reset());
}

TEST(TcpServer, ClientThatSendsOnAfterAClosingAnswerIsClosed) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("nonsense\n");
  const std::string junk(64 << 10, 'x');
  EXPECT_TRUE(eventually([&] {
    client.send_some(junk);
    return server.server().counters().connections_open == 0;
  }));
}

TEST(TcpServer, ClientThatReadsLateGetsEveryAnswer) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  // Far more than the system takes for a client that does not read.
  constexpr int kQueries = 200;
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  std::string queries;
  for (int i = 0; i < kQueries; ++i) queries += LongLists::kQuery;
  client.send(queries);
  const std::string list = LongLists::list();
  for (int i = 0; i < kQueries; ++i) {
    ASSERT_TRUE(client.receive(list.size()) == list) << "answer " << i;
    server.server().check_invariants();
  }
}

TEST(TcpServer, FlooderLeavesTurnsToOthers) {
  TestServer server;
  server.serve();
  SocketClient flooder = server.connect();
  ASSERT_TRUE(is_served(flooder, "flooder"));
  std::string requests;
  while (requests.size() < engine::limits::kReadBytesMax) {
    requests += "KeepAlive P2Pv1\n\nflooder\n";
  }
  std::atomic<bool> is_over = false;
  std::thread flood([&] {
    while (!is_over) flooder.send(requests);
  });
  std::thread reading([&] { flooder.receive_to_end(); });

  SocketClient client = server.connect(kOtherLoopback);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(is_served(client, "patient"));
  is_over = true;
  flood.join();
  flooder.half_close();
  reading.join();
}

TEST(TcpServer, CommitWaitsOnlySoLongForThoseWhoSendMeanwhile) {
  StoreWithEagerClients store;
  TestServer server({}, &store);
  server.serve();
  store.start(server);
  store.finish();
  EXPECT_GT(store.commits(), 1u) << "it waited for all of them";
  EXPECT_LT(store.commits(), StoreWithEagerClients::kChanges) << "it never waited";
}

TEST(TcpServer, SteadyStateAllocatesNothing) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  ASSERT_TRUE(is_served(client, "steady"));
  const std::string request = "KeepAlive P2Pv1\n\nsteady\n";
  std::array<char, kSuccessLine.size()> answer;
  const auto keep_alive = [&] {
    client.send(request);
    client.receive_exactly(answer);
  };
  for (int i = 0; i < 100; ++i) keep_alive();

  const AllocationCounter allocations;
  for (int i = 0; i < 1000; ++i) keep_alive();
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(TcpServer, ManyInSteadyStateAllocateNothingThoughListsWereLong) {
  Gate gate;
  TestServer server(LongLists::options(), &gate);
  server.serve();
  LongLists::fill(server);
  const std::string list = LongLists::list();
  SocketClient keeper = server.connect();
  std::vector<SocketClient> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(server.connect());

  // All in one turn, so that there are as many buffers as there ever need be; and some that are
  // longer than what is kept.
  const auto in_one_turn = [&](std::string_view request, std::string& answer) {
    gate.close_by(keeper);
    for (SocketClient& client : clients) client.send(request);
    gate.open(keeper);
    for (SocketClient& client : clients) client.receive_exactly(answer);
  };
  std::string long_answer(list.size(), ' ');
  std::string answer(kSuccessLine.size(), ' ');
  in_one_turn(LongLists::kQuery, long_answer);
  EXPECT_TRUE(long_answer == list);
  const std::string request = "KeepAlive P2Pv1\n\npeer1\n";
  for (int i = 0; i < 3; ++i) in_one_turn(request, answer);

  const AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) {
    for (SocketClient& client : clients) client.send(request);
    for (SocketClient& client : clients) client.receive_exactly(answer);
  }
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(TcpServer, UnterminatedRequestsInSteadyStateAllocateNothing) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .quiet = 1ms}});
  server.serve();
  SocketClient client = server.connect();
  const std::string request = "Register P2Pv1\n\nsteady\n3333";
  std::array<char, kSuccess.size()> answer;
  const auto ask = [&] {
    client.send(request);
    client.receive_exactly(answer);
  };
  for (int i = 0; i < 10; ++i) ask();

  const AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) ask();
  EXPECT_EQ(allocations.count(), 0u);
}

// ---- Limits ----

TEST(TcpServer, ClosesOneConnectionTooManyOfAHost) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .connections_per_host_max = 2}});
  server.serve();
  SocketClient first = server.connect();
  SocketClient second = server.connect();
  ASSERT_TRUE(is_served(first));
  ASSERT_TRUE(is_served(second));

  SocketClient third = server.connect();
  EXPECT_EQ(third.receive_to_end(), "");
  EXPECT_TRUE(server.observer().await(TcpEvent::kHostFull, kLoopback));
  SocketClient other = server.connect(kOtherLoopback);
  EXPECT_TRUE(is_served(other, "other")) << "another host has connections of its own";

  first.reset();
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 2; }));
  SocketClient fourth = server.connect();
  EXPECT_TRUE(is_served(fourth)) << "one has left";
  const transport::TcpCounters counters = server.server().counters();
  EXPECT_EQ(counters.connections_accepted, 5u);
  EXPECT_EQ(counters.events[static_cast<std::size_t>(TcpEvent::kHostFull)], 1u);
}

class MakingRoom : public testing::TestWithParam<unsigned> {};

TEST_P(MakingRoom, TakesTheLongestIdleConnection) {
  TestServer server(
      {.tcp = {.listen = {{kLoopback, 0}}, .threads = GetParam(), .connections_max = 3}});
  server.serve();
  SocketClient first = server.connect();
  SocketClient second = server.connect(kOtherLoopback);
  SocketClient third = server.connect();
  ASSERT_TRUE(is_served(first));
  ASSERT_TRUE(is_served(second, "other"));
  ASSERT_TRUE(is_served(third));
  ASSERT_TRUE(is_served(first)) << "so the second is the longest idle one";

  SocketClient fourth = server.connect();
  EXPECT_TRUE(is_served(fourth));
  EXPECT_EQ(second.receive_to_end(), "");
  EXPECT_TRUE(server.observer().await(TcpEvent::kMadeRoom, kOtherLoopback));
  EXPECT_TRUE(is_served(first));
  EXPECT_TRUE(is_served(third));
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 3; }));
}

TEST_P(MakingRoom, GoesOnForAsManyAsCome) {
  constexpr std::size_t kConnectionsMax = 4;
  TestServer server(
      {.tcp = {
           .listen = {{kLoopback, 0}}, .threads = GetParam(), .connections_max = kConnectionsMax}});
  server.serve();
  constexpr std::size_t kClients = 100;
  std::vector<SocketClient> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(server.connect());
    ASSERT_TRUE(is_served(clients.back())) << "client " << i;
  }
  for (std::size_t i = 0; i < kClients - kConnectionsMax; ++i) {
    EXPECT_EQ(clients[i].receive_to_end(), "") << "client " << i;
  }
  EXPECT_TRUE(
      eventually([&] { return server.server().counters().connections_open == kConnectionsMax; }));
}

INSTANTIATE_TEST_SUITE_P(TcpServer, MakingRoom, testing::Values(1u, 3u),
                         [](const auto& of) { return std::to_string(of.param) + "Threads"; });

TEST(TcpServer, ClientThatNeverReadsIsBoundedAndDropped) {
  Options options = LongLists::options();
  options.tcp.output_stall = 100ms;
  TestServer server(options);
  server.serve();
  LongLists::fill(server);
  std::string queries;
  for (int i = 0; i < 1000; ++i) queries += LongLists::kQuery;
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  EXPECT_TRUE(eventually([&] {
    client.send_some(queries);
    server.server().check_invariants();
    return server.observer().has(TcpEvent::kOutputStalled);
  }));
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 0; }));
  // What the system takes for both ends is some megabytes, and each list is a fifth of one.
  const auto lists = server.answers(engine::Outcome::kSuccess) - LongLists::kPeers;
  EXPECT_LT(lists * LongLists::list().size(), std::size_t{32} << 20);
  client.receive_to_end();
  EXPECT_TRUE(client.was_reset());
}

// ---- Stopping ----

TEST(TcpServer, CanBeStoppedAtAnyTime) {
  TestServer never_listened;
  never_listened.server().stop();
  TestServer never_started;
  EXPECT_FALSE(never_started.server().listen().has_value());
  never_started.server().stop();
  TestServer served;
  served.serve();
  served.server().stop();
  served.server().stop();
  EXPECT_EQ(served.server().counters().connections_open, 0u);
}

TEST(TcpServer, StopEndsTheStreamOfIdleClients) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .threads = 2}});
  server.serve();
  std::vector<SocketClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(server.connect());
    ASSERT_TRUE(is_served(clients.back()));
  }
  server.server().stop();
  for (SocketClient& client : clients) {
    EXPECT_EQ(client.receive_to_end(), "");
    EXPECT_FALSE(client.was_reset());
  }
  EXPECT_THROW(server.connect(), std::system_error) << "it still listens";
}

TEST(TcpServer, StopSendsTheAnswersOnTheirWay) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  client.send(LongLists::kQuery);
  constexpr auto kQueries = static_cast<std::size_t>(engine::Method::kPQuery);
  ASSERT_TRUE(
      eventually([&] { return server.server().counters().engine.requests[kQueries] == 1; }));
  std::thread stopping([&] { server.server().stop(); });
  const std::string received = client.receive_to_end();
  stopping.join();
  EXPECT_TRUE(received == LongLists::list()) << received.size() << " bytes came";
}

TEST(TcpServer, StopDoesNotWaitForAClientThatNeverReads) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  for (int i = 0; i < 100; ++i) client.send(LongLists::kQuery);
  constexpr auto kQueries = static_cast<std::size_t>(engine::Method::kPQuery);
  ASSERT_TRUE(eventually([&] { return server.server().counters().engine.requests[kQueries] > 0; }));
  const auto begin = std::chrono::steady_clock::now();
  server.server().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, engine::limits::kOutputStall);
  EXPECT_EQ(server.server().counters().connections_open, 0u);
}

}  // namespace
}  // namespace rollcall::tests
