#include "store/recovery.h"

#include <array>
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

#include "engine/change.h"
#include "engine/limits.h"
#include "engine/wire/fields.h"
#include "store/record.h"
#include "store/registry_entries.h"

namespace rollcall::store {
namespace {

using engine::Change;
using engine::limits::kBatchRequestsMax;

// What one thread hands to the other: some thousand records, so that it costs next to nothing.
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

constexpr std::chrono::seconds kProgressInterval{1};

// Packed records into the registry.
class Restorer {
 public:
  Restorer(engine::Registry& registry, const LeaseClock& clock, engine::Instant now)
      : registry_(registry), clock_(clock), now_(now) {}

  // False if there is a damaged record.
  bool restore(std::string_view packed) {
    std::array<Change, kBatchRequestsMax> batch;
    while (!packed.empty()) {
      std::size_t size = 0;
      for (; size < batch.size() && !packed.empty(); ++size) {
        const std::optional<Record> record = unpack(packed);
        if (!record.has_value() || !engine::is_valid_nick(record->nick)) return false;
        batch[size] = change_of(*record, clock_);
      }
      registry_.restore(std::span(batch).first(size), now_, counts_);
      records_.store(counts_.changes, std::memory_order_relaxed);
    }
    return true;
  }

  const engine::RestoreCounts& counts() const { return counts_; }
  // May be asked on any thread.
  std::uint64_t records() const { return records_.load(std::memory_order_relaxed); }

 private:
  engine::Registry& registry_;
  const LeaseClock clock_;
  const engine::Instant now_;
  engine::RestoreCounts counts_;
  std::atomic<std::uint64_t> records_{0};
};

// Hands records to the restorer in blocks: on a thread of its own, which starts with the first
// block that is full, so that a small store is read without one.
class Overlap {
 public:
  explicit Overlap(Restorer& restorer) : restorer_(restorer) {}
  ~Overlap() { finish(); }
  Overlap(const Overlap&) = delete;
  Overlap& operator=(const Overlap&) = delete;

  // Whether to go on.
  bool add(std::string_view packed) {
    if (packed.size() > kBlockBytes) return hand_over() && drain() && restore(packed);
    filling_ += packed;
    return filling_.size() < kBlockBytes || hand_over();
  }

  // Whether everything was restored.
  bool finish() {
    if (thread_.joinable()) {
      hand_over();
      drain();
      {
        const std::lock_guard lock(mutex_);
        is_finished_ = true;
      }
      changed_.notify_all();
      thread_.join();
    }
    restore(std::exchange(filling_, {}));
    return !is_damaged_;
  }

 private:
  // Only while the thread has nothing to do.
  bool restore(std::string_view packed) {
    if (!is_damaged_) is_damaged_ = !restorer_.restore(packed);
    return !is_damaged_;
  }

  bool hand_over() {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    if (!drain()) return false;
    filling_.swap(block_);
    {
      const std::lock_guard lock(mutex_);
      is_handed_over_ = true;
    }
    changed_.notify_all();
    return true;
  }

  // Waits until the thread has nothing to do.
  bool drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !is_handed_over_; });
    return !is_damaged_;
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_handed_over_ || is_finished_; });
      if (!is_handed_over_) return;
      lock.unlock();
      restore(block_);
      block_.clear();
      lock.lock();
      is_handed_over_ = false;
      changed_.notify_all();
    }
  }

  Restorer& restorer_;
  std::string filling_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_handed_over_ = false;
  bool is_finished_ = false;
  // These belong to the thread while something is handed over, and to the caller otherwise.
  std::string block_;
  bool is_damaged_ = false;
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
  std::optional<Overlap> overlap;
  const Loaded loaded =
      store.load([&](std::chrono::milliseconds wall_offset, std::string_view packed) {
        if (!overlap.has_value()) {
          restorer.emplace(registry, LeaseClock(start, wall_offset), start.now);
          overlap.emplace(*restorer);
        }
        teller.note(restorer->records());
        return overlap->add(packed);
      });

  Recovered recovered{.result = loaded.result, .clock = LeaseClock(start, loaded.wall_offset)};
  const bool is_whole = !overlap.has_value() || overlap->finish();
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
