// A server that is killed again and again under load loses nothing that it acknowledged.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/wire/response_parser.h"
#include "tests/support/child_process.h"
#include "tests/support/server_process.h"
#include "tests/support/socket_client.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::tests {
namespace {

// Set ROLLCALL_KILLS for more.
constexpr std::size_t kKills = 50;

constexpr std::size_t kClients = 4;
constexpr std::size_t kNicksPerClient = 200;
constexpr std::size_t kNicks = kClients * kNicksPerClient;
// A port says which nick it belongs to, and which of its registrations this was.
constexpr unsigned kVersions = 80;
static_assert(kNicks * kVersions < 65535);

std::size_t kills() {
  const char* const wanted = std::getenv("ROLLCALL_KILLS");
  return wanted == nullptr ? kKills : std::stoul(wanted);
}

std::string nick_of(std::size_t number) { return "peer" + std::to_string(number); }

unsigned port_of(std::size_t number, unsigned version) {
  return static_cast<unsigned>(1 + number * kVersions + version % kVersions);
}

// What is known of one nick: the last state that was acknowledged, and those that were asked for
// since then, in order. After a crash the nick is in one of them. A state is the version that is
// registered, or empty where the nick left or never came.
class Ledger {
 public:
  using State = std::optional<unsigned>;

  State newest() const { return asked_.empty() ? acknowledged_ : asked_.back(); }
  void ask(State state) { asked_.push_back(state); }
  void acknowledge() {
    acknowledged_ = asked_.front();
    asked_.pop_front();
  }
  // The nick was found in this state; false if that cannot be.
  bool settle(State found) {
    const bool is_possible = found == acknowledged_ || std::ranges::count(asked_, found) > 0;
    acknowledged_ = found;
    asked_.clear();
    return is_possible;
  }

 private:
  State acknowledged_;
  std::deque<State> asked_;
};

// A client with nicks of its own: it registers, keeps alive and leaves in batches, one batch behind
// the other, until the server is gone.
class Load {
 public:
  Load(std::size_t first_nick, unsigned seed) : first_(first_nick), random_(seed) {}

  void run(const engine::Endpoint& server, std::atomic<std::size_t>& answers) {
    asked_.clear();
    try {
      SocketClient client(server);
      std::string first = prepare();
      client.send(first);
      while (true) {
        const std::vector<std::size_t> waiting = std::exchange(asked_, {});
        client.send(prepare());
        for (const std::size_t nick : waiting) {
          const std::string answer = client.receive(kSuccessLine.size());
          if (answer.size() < kSuccessLine.size()) return;
          if (answer != kSuccessLine) throw std::logic_error("answered `" + answer + '`');
          ledgers[nick].acknowledge();
          answers.fetch_add(1);
          answers.notify_all();
        }
      }
    } catch (const std::system_error&) {
      // The server is gone.
    }
  }

  std::vector<Ledger> ledgers = std::vector<Ledger>(kNicksPerClient);

 private:
  std::string prepare() {
    std::string requests;
    const std::size_t size = 1 + random_() % 32;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t nick = random_() % kNicksPerClient;
      Ledger& ledger = ledgers[nick];
      const std::string name = nick_of(first_ + nick) + '\n';
      const Ledger::State state = ledger.newest();
      const unsigned what = random_() % 4;
      if (!state.has_value() || what < 2) {
        versions_[nick] = (versions_[nick] + 1) % kVersions;
        ledger.ask(versions_[nick]);
        requests +=
            register_request(nick_of(first_ + nick), port_of(first_ + nick, versions_[nick]));
      } else if (what == 2) {
        ledger.ask(state);
        requests += "KeepAlive P2Pv1\n\n" + name;
      } else {
        ledger.ask(std::nullopt);
        requests += "Leave P2Pv1\n\n" + name;
      }
      asked_.push_back(nick);
    }
    return requests;
  }

  const std::size_t first_;
  std::minstd_rand random_;
  std::vector<std::size_t> asked_;  // whose answers come next
  std::vector<unsigned> versions_ = std::vector<unsigned>(kNicksPerClient);
};

class Killing {
 public:
  Killing() {
    for (unsigned i = 0; i < kClients; ++i) {
      loads_.push_back(std::make_unique<Load>(i * kNicksPerClient, i + 1));
    }
  }

  // Serves under load, and kills the server after some answers.
  void serve_and_kill() {
    ServerProcess server(arguments());
    verify(server.endpoint());
    std::atomic<std::size_t> answers = 0;
    std::vector<std::thread> clients;
    for (const auto& load : loads_) {
      clients.emplace_back([&] { load->run(server.endpoint(), answers); });
    }
    const std::size_t enough = 1 + random_() % 3000;
    for (std::size_t seen = 0; seen < enough; seen = answers.load()) answers.wait(seen);
    server.process().send(SIGKILL);
    EXPECT_EQ(server.process().await_end(), killed(SIGKILL));
    for (std::thread& client : clients) client.join();
    acknowledged_ += answers;
  }

  // Kills it while it starts.
  void start_and_kill() {
    ChildProcess server(ROLLCALLD_PATH, arguments());
    if (random_() % 2 == 0) server.await_error_line("rollcalld");
    server.send(SIGKILL);
    EXPECT_EQ(server.await_end(), killed(SIGKILL));
  }

  void verify_once_more() {
    ServerProcess server(arguments());
    verify(server.endpoint());
    EXPECT_EQ(server.stop(), exited(0));
  }

  std::size_t acknowledged() const { return acknowledged_; }

 private:
  std::vector<std::string> arguments() const {
    return {"--listen",
            "127.0.0.1:0",
            "--threads",
            "4",
            "--peers-per-host-max",
            "10000",
            "--data",
            directory_.path() + "/rollcall.db"};
  }

  void verify(const engine::Endpoint& server) {
    const std::map<std::size_t, unsigned> found = listed(server);
    for (std::size_t number = 0; number < kNicks; ++number) {
      const auto version = found.find(number);
      const Ledger::State state =
          version == found.end() ? Ledger::State() : Ledger::State(version->second);
      Ledger& ledger = loads_[number / kNicksPerClient]->ledgers[number % kNicksPerClient];
      EXPECT_TRUE(ledger.settle(state))
          << nick_of(number) << " is "
          << (state ? "registered as version " + std::to_string(*state) : "not registered");
    }
  }

  // The versions of the nicks that are on the list.
  static std::map<std::size_t, unsigned> listed(const engine::Endpoint& server) {
    SocketClient client(server);
    client.send(register_request("auditor", 65535) +
                "PQuery P2Pv1\n\nauditor\nLeave P2Pv1\n\nauditor\n");
    client.half_close();
    const std::string answers = client.receive_to_end();
    const std::size_t begin = answers.find('[');
    const std::size_t end = answers.find(']');
    if (begin == std::string::npos || end == std::string::npos) {
      throw std::runtime_error("no list in `" + answers + '`');
    }
    std::map<std::size_t, unsigned> found;
    engine::PeerListReader reader(std::string_view(answers).substr(begin, end - begin + 1));
    engine::Endpoint peer;
    while (reader.next(peer) == engine::PeerListStep::kPeer) {
      if (peer.port == 65535) continue;
      const std::size_t number = (peer.port - 1u) / kVersions;
      EXPECT_TRUE(found.emplace(number, (peer.port - 1u) % kVersions).second)
          << nick_of(number) << " is listed twice";
    }
    return found;
  }

  TemporaryDirectory directory_;
  std::vector<std::unique_ptr<Load>> loads_;
  std::minstd_rand random_{7};
  std::size_t acknowledged_ = 0;
};

TEST(KillSlow, NothingAcknowledgedIsLostAndNothingThatLeftComesBack) {
  Killing killing;
  for (std::size_t i = 0; i < kills() && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    if (i % 8 == 7) {
      killing.start_and_kill();
    } else {
      killing.serve_and_kill();
    }
  }
  killing.verify_once_more();
  EXPECT_GT(killing.acknowledged(), 100 * kills());
}

}  // namespace
}  // namespace rollcall::tests
