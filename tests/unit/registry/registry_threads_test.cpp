#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/seeded_random.h"

// Several engines, each with its own thread, sessions and idea of the time, share one registry. The
// thread sanitizer watches; what is checked here is that everything adds up in the end.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kThreads = 4;
constexpr int kRounds = 1500;
constexpr std::size_t kNicks = 400;

// One thread's engine, and what it was told.
class Worker {
 public:
  Worker(Registry& registry, RandomSource& random, unsigned index)
      : generator_(index), engine_(registry, options(index), random, &changes_) {
    for (std::uint8_t host = 1; host <= 3; ++host) {
      sessions_.push_back(engine_.open(HostAddress::v4(10, 0, 0, host), {}));
    }
  }

  void run() {
    for (int round = 0; round < kRounds; ++round) {
      now_ += std::chrono::milliseconds(generator_.below(60));
      const Time time{now_, WallTime(std::chrono::days(20'000))};
      const std::string requests = some_requests();
      OutputBuffer out;
      const SessionId session = sessions_[generator_.below(sessions_.size())];
      const std::size_t consumed = engine_.receive(session, tests::bytes_of(requests), time, out);
      EXPECT_EQ(consumed, requests.size());
      const auto answers = out.view();
      EXPECT_TRUE(answers.starts_with("Response "));
      EXPECT_TRUE(answers.ends_with('\n'));
      if (engine_.next_deadline() <= now_) engine_.tick(time);
    }
    engine_.check_invariants();
  }

  const std::vector<tests::ToldChange>& changes() const { return changes_.told; }
  Instant now() const { return now_; }

 private:
  static EngineOptions options(unsigned index) {
    EngineOptions options;
    options.index = index;
    options.count = kThreads;
    return options;
  }

  std::string some_requests() {
    const std::string methods[] = {"Register", "Register", "KeepAlive", "Leave", "PQuery"};
    std::string text;
    const std::size_t count = 1 + generator_.below(20);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& method = methods[generator_.below(std::size(methods))];
      text += method + " P2Pv1\n";
      if (method == "PQuery" && generator_.below(2) == 0) text += "Limit: 10\n";
      if (generator_.below(3) == 0) text += "Cookie: " + std::string(32, 'a') + "\n";
      text += "\nnick-" + std::to_string(generator_.below(kNicks)) + "\n";
      if (method == "Register") text += "80\n";
    }
    return text;
  }

  SampleGenerator generator_;
  tests::ChangeRecorder changes_;
  Engine engine_;
  std::vector<SessionId> sessions_;
  Instant now_{};
};

struct ThreadsCase {
  std::size_t shards;
  std::size_t peers_max;
  std::size_t peers_per_host_max;

  friend std::ostream& operator<<(std::ostream& out, const ThreadsCase& threads) {
    return out << threads.shards << " shards, peers up to " << threads.peers_max
               << ", of a host up to " << threads.peers_per_host_max;
  }
};

class RegistryThreads : public testing::TestWithParam<ThreadsCase> {};
// Near the limits, where batches are executed in order, and far from them.
INSTANTIATE_TEST_SUITE_P(Shards, RegistryThreads,
                         testing::Values(ThreadsCase{1, 60, 25}, ThreadsCase{1, 1000, 1000},
                                         ThreadsCase{8, 60, 25}, ThreadsCase{8, 1000, 1000}));

TEST_P(RegistryThreads, LeaveARegistryThatAddsUp) {
  RegistryOptions options;
  options.ttl = 2s;
  options.shards = GetParam().shards;
  options.peers_max = GetParam().peers_max;
  options.peers_per_host_max = GetParam().peers_per_host_max;
  // So few that entries are used anew between looking ahead and executing.
  options.inactive_max = 20;
  tests::SeededRandom random(1);
  Registry registry(options, random);

  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < kThreads; ++i) {
    workers.push_back(std::make_unique<Worker>(registry, random, i));
  }
  std::vector<std::thread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  for (std::thread& thread : threads) thread.join();

  registry.check_invariants();
  const RegistryCounters counters = registry.counters();
  EXPECT_EQ(counters.registered, counters.left + counters.expired + counters.active);
  EXPECT_LE(counters.active, options.peers_max);
  EXPECT_GT(counters.expired, 0u);
  EXPECT_GT(counters.left, 0u);

  // Together the engines were told everything once, in the order of each shard.
  std::map<std::uint32_t, std::set<std::uint64_t>> sequences;
  std::uint64_t told = 0;
  for (const auto& worker : workers) {
    std::map<std::uint32_t, std::uint64_t> last;
    for (const tests::ToldChange& change : worker->changes()) {
      EXPECT_GT(change.change.sequence, last[change.change.shard]);
      last[change.change.shard] = change.change.sequence;
      EXPECT_TRUE(sequences[change.change.shard].insert(change.change.sequence).second);
      ++told;
    }
  }
  for (const auto& [shard, numbers] : sequences) {
    EXPECT_EQ(*numbers.begin(), 1u);
    EXPECT_EQ(*numbers.rbegin(), numbers.size());
  }
  EXPECT_EQ(told, counters.registered + counters.renewed + counters.left);

  Instant end{};
  for (const auto& worker : workers) end = std::max(end, worker->now());
  for (std::size_t shard = 0; shard < registry.shards(); ++shard) {
    registry.sweep(shard, end + options.ttl + limits::kWheelSlot);
  }
  registry.check_invariants();
  EXPECT_EQ(registry.active(), 0u);
}

}  // namespace
}  // namespace rollcall::engine
