#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/change.h"
#include "engine/limits.h"
#include "engine/time.h"
#include "store/journal.h"
#include "store/lease_clock.h"
#include "store/store.h"

namespace rollcall::store {

enum class Durability : std::uint8_t {
  kSync,   // an answer waits until its change is on disk
  kAsync,  // answers do not wait, except while so much does that the disk cannot keep up
};

// What the engines are to be told, and why.
struct Resolved {
  engine::Ticket up_to;     // these, as far as they are not resolved yet
  engine::Verdict verdict;  // kDurable or kFailed
  Result result;            // what the store came to; where it was not tried again, its state
};

struct CommitCounters {
  std::uint64_t commits = 0;  // that wrote something
  std::uint64_t failures = 0;
  std::uint64_t replacements = 0;
  std::uint64_t changes = 0;  // durable ones
  std::uint64_t bytes = 0;    // of these, packed
  // Bucket b counts commits of fewer than 2^b changes and not fewer than half of that.
  std::array<std::uint64_t, 32> changes_a_commit{};
  Result state = Result::kDone;  // how the store's last commit ended
};

// Makes the changes of all engines durable, many with one sync: while one batch is being written,
// the next one gathers.
//
//   engine threads                                  the store's thread
//   append ─► lane 0  [r r r]  ─┐
//   append ─► lane 1  [r]       ├── gather ─► batch [r r r r r r] ── commit ─► Store ─► Resolved
//   append ─► lane 2  [r r]    ─┘
//   ticket = the epoch                epoch + 1, then the lanes
//
// *Nothing is acknowledged early.* A ticket is the epoch as it was read after the changes were
// appended. `gather` counts the epoch up, from e to e + 1, before it empties the first lane, and
// the commit that follows resolves e. Suppose a thread appended to a lane, then read e, but this
// gather found the lane without the change. Then it emptied the lane before the change was
// appended, as the lane's mutex orders the two; and as it had counted up even before that, the
// thread must have read e + 1. So whoever holds e or less has all its changes in this batch or an
// earlier one. The reverse is not so: a change may be durable one commit before its ticket says so.
// That ticket is resolved by the next commit, even if there is nothing to write in it.
//
// *Order is kept.* There is a lane for each shard. A nick belongs to one shard, which appends under
// its own lock: so a lane has the changes of a nick in their order, and batches follow each other.
//
// *After a failure memory is the truth.* What could not be made durable stays in the batch, what
// still arrives joins it, and all of it is written again, in order, before anything is
// acknowledged; meanwhile `accepts` is false. Where the file is distrusted, Store::replace writes
// all entries out of memory instead. It reads a shard under its lock, and a change is in its lane
// before that lock is free: so whatever was gathered before the reading began is in it.
//
// Nothing in here starts a thread, reads a clock or waits. `append`, `accepts`, `ticket`,
// `commit_soon`, `is_behind` and `counters` may be called on any thread, the rest on one, the
// store's.
class GroupCommit final : public engine::ChangeLog {
 public:
  // Of a lane. Two thousand renewals: to decide, pack and write so many takes longer than to sync
  // them. More of them at once save little, and everybody would wait for each other.
  static constexpr std::size_t kWorthASync = std::size_t{32} << 10;

  // Of `pending_bytes_max`: with more of it on its way answers wait in kAsync, too. So peers are
  // slowed down to what the disk takes before any of them is refused.
  static constexpr std::size_t kHeldPart = 4;

  // Of `pending_bytes_max`: what all lanes together may hold that is not counted yet. So few
  // changes touch what all threads share.
  static constexpr std::size_t kUncountedPart = 64;

  // Maintenance is done with commits that there are anyway. So long after the beginning of one it
  // goes on by itself: at once, it would make many commits with few changes each.
  static constexpr engine::Duration kMaintenancePause = std::chrono::milliseconds(1);

  struct Options {
    std::size_t shards = 1;  // of the registry
    Durability durability = Durability::kSync;
    std::size_t pending_bytes_max = engine::limits::kPendingBytesMax;  // in all lanes
  };

  // `store` is loaded, `entries` are those of the registry, `clock` is as of the recovery. The
  // first two must outlive this.
  GroupCommit(const Options& options, Store& store, EntrySource& entries, const LeaseClock& clock);

  // ---- Engine threads ----

  void append(const engine::Change& change) override;
  // False while the store has failed, and while too much is waiting for it.
  bool accepts() override;
  std::optional<engine::Ticket> ticket() override;
  // Calls `wake` unless that was done for the last ticket before. `ticket` does it by itself where
  // a lane has kWorthASync bytes, and in kAsync always.
  void commit_soon() override;
  // So much is on its way that answers wait in kAsync, too.
  bool is_behind() const { return pending_bytes_.load() > behind_bytes(); }

  CommitCounters counters() const;

  // ---- The store's thread ----

  // From here on `commit_soon` lets it know through `wake`, on any thread, that there is something
  // to gather; and `append` does where that makes `is_behind` true, under the lane's lock and
  // whatever locks its caller holds. REQUIRES: no engine is in use yet, or none is any more.
  void wake_with(std::function<void()> wake) { wake_ = std::move(wake); }

  // Takes over what was appended.
  void gather();
  // Its steps: the first, then one for each shard. For tests that let other things happen between.
  void begin_gather();
  void gather_lane(std::size_t shard);

  // Does a step of maintenance, writes what was gathered and what has come until then, and the wall
  // offset if the wall clock has stepped, and syncs. Does nothing where there is nothing to do, nor
  // before a store that failed is due to be tried again; the tickets are resolved all the same.
  Resolved commit(const ClockReading& reading);

  // Says of everything that was appended so far that it failed, without another try.
  Resolved give_up();

  // When there is something for `commit` to do though nobody asks for it. kNever if there is not.
  engine::Instant due() const;
  // A store that failed is due now.
  void retry_now() { retry_at_ = engine::Instant::min(); }

  Durability durability() const { return options_.durability; }

  // REQUIRES: the store's thread calls it.
  void check_invariants() const;

 private:
  struct alignas(64) Lane {
    std::mutex mutex;
    std::string packed;
    JournalPacker packer;
    std::size_t counted = 0;  // of these bytes, in `pending_bytes_`
    std::uint64_t changes = 0;
  };

  void gather_lanes();
  std::size_t behind_bytes() const { return options_.pending_bytes_max / kHeldPart; }
  bool has_work() const;
  Result write();
  void note_success();
  void note_failure(Result result, engine::Instant now);

  void count_pending(Lane& lane);

  const Options options_;
  const std::size_t counted_step_;     // of a lane's bytes
  const std::size_t kept_lane_bytes_;  // of an empty lane's memory
  Store& store_;
  EntrySource& entries_;
  LeaseClock clock_;
  std::function<void()> wake_;

  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<engine::Ticket> epoch_{1};
  std::atomic<engine::Ticket> asked_{0};  // the highest ticket that was asked for
  std::atomic<engine::Ticket> woken_{0};  // the highest one that `wake_` was called for
  std::atomic<bool> is_working_{true};
  std::atomic<bool> is_worth_a_sync_{false};
  std::atomic<std::size_t> pending_bytes_{0};  // in all lanes, as far as they are counted

  // The store's thread.
  engine::Ticket gathered_ = 0;  // the last epoch that was counted up from
  std::string batch_;            // in order, what is not durable yet
  std::uint64_t batch_changes_ = 0;
  std::string spare_;  // takes a lane's place while it is emptied
  bool offset_is_due_ = false;
  bool maintenance_is_due_ = false;
  engine::Instant last_commit_{};
  Result state_ = Result::kDone;
  engine::Instant retry_at_{};

  mutable std::mutex counters_mutex_;
  CommitCounters counters_;
};

}  // namespace rollcall::store
