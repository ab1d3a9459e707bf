#include "store/recovery.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/change.h"
#include "engine/limits.h"
#include "engine/wire/fields.h"
#include "store/journal.h"
#include "store/registry_entries.h"

namespace rollcall::store {
namespace {

using engine::Change;
using engine::limits::kBatchRequestsMax;

// What one thread hands to the other: some thousand records, so that it costs next to nothing.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

constexpr std::chrono::seconds kProgressInterval{1};

// Packed records, and what they say.
struct Block {
  std::string packed;
  std::vector<std::size_t> row_ends;  // in `packed`
  std::vector<Change> changes;        // their nicks borrow from `packed`

  void add(std::string_view row) {
    packed += row;
    row_ends.push_back(packed.size());
  }
  void clear() {
    packed.clear();
    row_ends.clear();
  }

  // False if there is a damaged record.
  bool decode(const LeaseClock& clock) {
    changes.clear();
    std::size_t begin = 0;
    for (const std::size_t end : row_ends) {
      if (!decode_row(std::string_view(packed).substr(begin, end - begin), clock)) return false;
      begin = end;
    }
    return true;
  }

 private:
  bool decode_row(std::string_view row, const LeaseClock& clock) {
    JournalUnpacker unpacker;
    while (!row.empty()) {
      const std::optional<Record> record = unpacker.unpack(row);
      if (!record.has_value() || !engine::is_valid_nick(record->nick)) return false;
      changes.push_back(change_of(*record, clock));
    }
    return true;
  }
};

// Decodes records on the caller's thread, a block at a time, and puts them into the registry on a
// thread of its own, which starts with the first block that is full, so that a small store is read
// without one.
class Restorer {
 public:
  Restorer(engine::Registry& registry, const LeaseClock& clock, engine::Instant now)
      : registry_(registry), clock_(clock), now_(now) {}
  ~Restorer() { finish(); }
  Restorer(const Restorer&) = delete;
  Restorer& operator=(const Restorer&) = delete;

  // A row of a list, or a batch of a journal. Whether to go on: nothing is damaged.
  bool add(std::string_view row) {
    filling_.add(row);
    return filling_.packed.size() < kBlockBytes || hand_over();
  }

  // Whether everything was restored.
  bool finish() {
    const bool is_whole = filling_.decode(clock_);
    if (thread_.joinable()) {
      wait_until_idle();
      {
        const std::lock_guard lock(mutex_);
        is_finished_ = true;
      }
      changed_.notify_all();
      thread_.join();
    }
    if (is_whole) restore(filling_.changes);
    filling_ = {};
    return is_whole;
  }

  // REQUIRES: finish() was called.
  const engine::RestoreCounts& counts() const { return counts_; }
  // So far.
  std::uint64_t records() const { return records_.load(std::memory_order_relaxed); }

 private:
  bool hand_over() {
    if (!filling_.decode(clock_)) return false;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    wait_until_idle();
    std::swap(filling_, restoring_);
    filling_.clear();
    {
      const std::lock_guard lock(mutex_);
      is_handed_over_ = true;
    }
    changed_.notify_all();
    return true;
  }

  void wait_until_idle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !is_handed_over_; });
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_handed_over_ || is_finished_; });
      if (!is_handed_over_) return;
      lock.unlock();
      restore(restoring_.changes);
      lock.lock();
      is_handed_over_ = false;
      changed_.notify_all();
    }
  }

  void restore(std::span<const Change> changes) {
    while (!changes.empty()) {
      const auto batch = changes.first(std::min(changes.size(), kBatchRequestsMax));
      registry_.restore(batch, now_, counts_);
      records_.store(counts_.changes, std::memory_order_relaxed);
      changes = changes.subspan(batch.size());
    }
  }

  engine::Registry& registry_;
  const LeaseClock clock_;
  const engine::Instant now_;
  Block filling_;
  std::atomic<std::uint64_t> records_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_handed_over_ = false;
  bool is_finished_ = false;
  // These belong to the thread while something is handed over, and to the caller otherwise.
  Block restoring_;
  engine::RestoreCounts counts_;
  std::thread thread_;
};

// Tells how far it is, but not too often.
class Progress {
 public:
  Progress(const std::function<ClockReading()>& read_clocks,
           const std::function<void(std::uint64_t)>& tell, engine::Instant start)
      : read_clocks_(read_clocks), tell_(tell), next_(start + kProgressInterval) {}

  void note(std::uint64_t records) {
    if (!tell_) return;
    const engine::Instant now = read_clocks_().now;
    if (now < next_) return;
    next_ = now + kProgressInterval;
    tell_(records);
  }

 private:
  const std::function<ClockReading()>& read_clocks_;
  const std::function<void(std::uint64_t)>& tell_;
  engine::Instant next_;
};

RecoveryOutcome outcome_of(Result result, bool is_whole, engine::RestoreOutcome restored) {
  if (result != Result::kDone) return RecoveryOutcome::kStoreFailed;
  if (!is_whole) return RecoveryOutcome::kDamaged;
  switch (restored) {
    case engine::RestoreOutcome::kDone:
      return RecoveryOutcome::kDone;
    case engine::RestoreOutcome::kTooManyPeers:
      return RecoveryOutcome::kTooManyPeers;
  }
  __builtin_unreachable();
}

}  // namespace

Recovered recover(Store& store, engine::Registry& registry,
                  const std::function<ClockReading()>& read_clocks,
                  const std::function<void(std::uint64_t records)>& progress,
                  RecoveryPurpose purpose) {
  const ClockReading start = read_clocks();
  Progress teller(read_clocks, progress, start.now);
  std::optional<Restorer> restorer;
  const Loaded loaded =
      store.load([&](std::chrono::milliseconds wall_offset, std::string_view packed) {
        if (!restorer.has_value()) {
          restorer.emplace(registry, LeaseClock(start, wall_offset), start.now);
        }
        teller.note(restorer->records());
        return restorer->add(packed);
      });

  Recovered recovered{.result = loaded.result, .clock = LeaseClock(start, loaded.wall_offset)};
  const bool is_whole = !restorer.has_value() || restorer->finish();
  if (restorer.has_value()) {
    recovered.records = restorer->counts().changes;
    recovered.shortened = restorer->counts().shortened;
  }
  const engine::RestoreOutcome restored = registry.finish_restore();
  const engine::RegistryCounters counters = registry.counters();
  recovered.active = counters.active;
  recovered.inactive = counters.inactive;
  recovered.forgotten = counters.forgotten;
  recovered.outcome = outcome_of(loaded.result, is_whole, restored);
  const bool are_leases_cut = recovered.shortened > 0 && purpose == RecoveryPurpose::kServe;
  if (recovered.outcome == RecoveryOutcome::kDone && are_leases_cut) {
    RegistryEntries entries(registry, recovered.clock);
    recovered.result = store.replace(entries, recovered.clock.wall_offset());
    recovered.outcome = outcome_of(recovered.result, is_whole, restored);
  }
  return recovered;
}

}  // namespace rollcall::store
