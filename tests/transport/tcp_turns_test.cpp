#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/change.h"
#include "engine/limits.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/socket_client.h"
#include "tests/transport/tcp_test_server.h"

// What one turn of the TCP server's loop takes together, and what it leaves to the next.

namespace rollcall::tests::on_tcp {
namespace {

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

// A server with long lists, and clients whose requests arrive in one turn.
class TcpTurn : public testing::Test {
 protected:
  TcpTurn() { LongLists::fill(server_.serve()); }

  void connect(std::size_t clients) {
    while (clients_.size() < clients) clients_.push_back(server_.connect());
  }
  // What `send` sends arrives in one turn.
  template <typename Send>
  void in_one_turn(Send send) {
    if (!keeper_.has_value()) keeper_.emplace(server_.connect());
    gate_.close_by(*keeper_);
    send();
    gate_.open(*keeper_);
  }

  Gate gate_;
  TestServer server_{LongLists::options(), &gate_};
  const std::string list_ = LongLists::list();
  std::vector<SocketClient> clients_;

 private:
  std::optional<SocketClient> keeper_;
};

TEST_F(TcpTurn, ServesWhatArrivesOnManyConnections) {
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
        return {std::string(LongLists::kQuery), list_, "", ""};
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

  connect(kClients);
  in_one_turn([&] {
    for (std::size_t i = 0; i < kClients; ++i) {
      clients_[i].send(asked(i).request);
      if (i % 8 == 5) clients_[i].half_close();
    }
  });
  for (std::size_t i = 0; i < kClients; ++i) {
    const Asked expected = asked(i);
    EXPECT_TRUE(clients_[i].receive(expected.answer.size()) == expected.answer) << "client " << i;
  }
  server_.server().check_invariants();
  for (std::size_t i = 0; i < kClients; ++i) {
    const Asked expected = asked(i);
    if (expected.rest.empty()) continue;
    clients_[i].send(expected.rest);
    EXPECT_EQ(clients_[i].receive(expected.answer_to_rest.size()), expected.answer_to_rest);
  }
}

TEST_F(TcpTurn, OfManyInSteadyStateAllocatesNothingThoughListsWereLong) {
  connect(30);
  // All in one turn, so that there are as many buffers as there ever need be; and some that are
  // longer than what is kept.
  const auto ask_in_one_turn = [&](std::string_view request, std::string& answer) {
    in_one_turn([&] {
      for (SocketClient& client : clients_) client.send(request);
    });
    for (SocketClient& client : clients_) client.receive_exactly(answer);
  };
  std::string long_answer(list_.size(), ' ');
  std::string answer(kSuccessLine.size(), ' ');
  ask_in_one_turn(LongLists::kQuery, long_answer);
  EXPECT_TRUE(long_answer == list_);
  const std::string request = "KeepAlive P2Pv1\n\npeer1\n";
  for (int i = 0; i < 3; ++i) ask_in_one_turn(request, answer);

  const AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) {
    for (SocketClient& client : clients_) client.send(request);
    for (SocketClient& client : clients_) client.receive_exactly(answer);
  }
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(TcpTurns, AreLeftToOthersByAFlooder) {
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

TEST(TcpTurns, AreGatheredForACommitOnlySoLong) {
  StoreWithEagerClients store;
  TestServer server({}, &store);
  server.serve();
  store.start(server);
  store.finish();
  EXPECT_GT(store.commits(), 1u) << "it waited for all of them";
  EXPECT_LT(store.commits(), StoreWithEagerClients::kChanges) << "it never waited";
}

}  // namespace
}  // namespace rollcall::tests::on_tcp
