#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/random.h"
#include "engine/registry/registry.h"
#include "store/commit_thread.h"
#include "store/registry_entries.h"
#include "tests/store/commit_under_test.h"
#include "tests/support/seeded_random.h"

// Several engines change a registry while the store's thread makes the changes durable on a device
// that fails now and then and a wall clock that steps. The thread sanitizer watches; what is
// checked here is that nothing is acknowledged that a crash at that moment would lose.

namespace rollcall::store {
namespace {

using namespace std::chrono_literals;
using engine::Ticket;
using engine::Verdict;

constexpr std::size_t kWorkers = 3;
constexpr int kRounds = 300;
constexpr std::uint64_t kNicks = 20;  // of a worker
const engine::HostAddress kHost = engine::HostAddress::v4(10, 0, 0, 1);
constexpr std::size_t kWaitingMax = 8;
constexpr auto kPatience = 30s;

// Fails one operation in twenty, in one of the three ways.
class UnreliableStore final : public Store {
 public:
  UnreliableStore(MemoryDevice& device, std::uint64_t seed)
      : device_(device), store_(device), generator_(seed) {}

  Loaded load(const Visit& visit) override { return store_.load(visit); }
  Result append(std::string_view batch) override {
    fail_sometimes();
    return store_.append(batch);
  }
  Result set_wall_offset(std::chrono::milliseconds offset) override {
    fail_sometimes();
    return store_.set_wall_offset(offset);
  }
  Result maintain(EntrySource& entries, bool& more) override {
    return store_.maintain(entries, more);
  }
  Result sync() override {
    fail_sometimes();
    return store_.sync();
  }
  Result replace(EntrySource& entries, std::chrono::milliseconds offset) override {
    fail_sometimes();
    return store_.replace(entries, offset);
  }

 private:
  void fail_sometimes() {
    const std::uint64_t kind = generator_.below(60);
    if (kind < 3) device_.fail_after(0, static_cast<Result>(1 + kind), false);
  }

  MemoryDevice& device_;
  MemoryStore store_;
  engine::SampleGenerator generator_;
};

// Time that goes on by a second whenever the store's thread looks, with steps of the wall
// clock.
class Clocks {
 public:
  ClockReading read() {
    const engine::Duration passed = 1s * ++reads_;
    const std::chrono::milliseconds step = 5000ms * (reads_ / 100 % 3);
    return {engine::Instant(1h) + passed,
            WallInstant(std::chrono::days(20'000)) + step +
                std::chrono::floor<std::chrono::milliseconds>(passed)};
  }

 private:
  int reads_ = 0;
};

// An engine's thread: what it changed, and what it was told of it.
class Worker {
 public:
  Worker(engine::Registry& registry, GroupCommit& group, std::size_t index)
      : registry_(registry), group_(group), index_(index), generator_(index) {}

  void run() {
    for (int round = 0; round < kRounds; ++round) {
      std::unique_lock lock(mutex_);
      const bool may_go_on = resolved_.wait_for(
          lock, kPatience, [this] { return group_.accepts() && waiting_.size() < kWaitingMax; });
      ASSERT_TRUE(may_go_on);
      lock.unlock();
      register_some();
    }
  }

  // On the store's thread. `found` is what a crash would leave.
  void resolve(const Resolved& resolved, const tests::Found& found) {
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty() && waiting_.front().ticket <= resolved.up_to) {
      const Waiting& waiting = waiting_.front();
      if (resolved.verdict == Verdict::kDurable) {
        acknowledged_[waiting.nick] = waiting.date;
        ++acknowledged_count_;
      }
      waiting_.pop_front();
    }
    check(found);
    resolved_.notify_all();
  }

  void check(const tests::Found& found) const {
    for (const auto& [nick, date] : acknowledged_) {
      const auto kept = found.registered_at.find(nick);
      ASSERT_NE(kept, found.registered_at.end()) << nick;
      ASSERT_GE(kept->second, date) << nick;
      ASSERT_EQ(found.versions.at(nick), ports_.at({nick, kept->second})) << nick << ": a mixture";
    }
  }

  bool is_waiting() const { return !waiting_.empty(); }
  std::size_t acknowledged() const { return acknowledged_count_; }

 private:
  struct Waiting {
    Ticket ticket;
    std::string nick;
    engine::WallTime date;
  };

  void register_some() {
    std::vector<Waiting> made;
    for (std::uint64_t i = 1 + generator_.below(3); i > 0; --i) {
      engine::Request request;
      request.method = engine::Method::kRegister;
      const std::string nick =
          std::to_string(index_) + "-" + std::to_string(generator_.below(kNicks));
      request.nick = nick;
      // Half of them only renew.
      request.port = static_cast<std::uint16_t>(1 + generator_.below(2));
      engine::Operation operation{&request, &kHost};
      const engine::Time time{engine::Instant(1h), date_ += 1s};
      {
        const std::lock_guard lock(mutex_);
        ports_[{nick, date_}] = request.port;
      }
      registry_.execute({&operation, 1}, false, time, &group_);
      EXPECT_EQ(operation.outcome, engine::Outcome::kSuccess);
      made.push_back({0, nick, date_});
    }
    const Ticket ticket = group_.ticket().value();
    group_.commit_soon();
    const std::lock_guard lock(mutex_);
    for (Waiting& waiting : made) {
      waiting.ticket = ticket;
      waiting_.push_back(waiting);
    }
  }

  engine::Registry& registry_;
  GroupCommit& group_;
  const std::size_t index_;
  engine::SampleGenerator generator_;
  engine::WallTime date_{std::chrono::days(20'000)};  // of a change: no two have the same

  std::mutex mutex_;
  std::map<std::pair<std::string, engine::WallTime>, std::uint16_t> ports_;
  std::condition_variable resolved_;
  std::deque<Waiting> waiting_;
  std::map<std::string, engine::WallTime> acknowledged_;
  std::size_t acknowledged_count_ = 0;
};

void race(std::uint64_t seed) {
  engine::RegistryOptions options;
  options.shards = 4;
  tests::SeededRandom random(seed);
  engine::Registry registry(options, random);
  MemoryDevice device;
  UnreliableStore store(device, seed);
  Clocks clocks;
  const LeaseClock clock(clocks.read(), 0ms);
  RegistryEntries entries(registry, clock);
  GroupCommit::Options group_options;
  group_options.shards = options.shards;
  GroupCommit group(group_options, store, entries, clock);

  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<Worker>(registry, group, i));
  }
  Ticket last = 0;
  CommitThread thread(
      group, [&clocks] { return clocks.read(); },
      [&](const Resolved& resolved) {
        EXPECT_GE(resolved.up_to, last);
        last = resolved.up_to;
        const tests::Found found = tests::found_on(device);
        for (const auto& worker : workers) worker->resolve(resolved, found);
      });
  std::vector<std::thread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  for (std::thread& engine : threads) engine.join();
  const bool is_durable = thread.stop();

  const tests::Found found = tests::found_on(device);
  std::size_t acknowledged = 0;
  for (const auto& worker : workers) {
    EXPECT_FALSE(worker->is_waiting()) << "a ticket without a verdict";
    worker->check(found);
    acknowledged += worker->acknowledged();
  }
  EXPECT_GT(acknowledged, 0u);
  EXPECT_GT(group.counters().failures, 0u);
  if (is_durable) {
    EXPECT_EQ(found.versions.size(), registry.active());
  }
}

TEST(CommitRace, AcknowledgesNothingThatACrashWouldLose) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) race(seed);
}

}  // namespace
}  // namespace rollcall::store
