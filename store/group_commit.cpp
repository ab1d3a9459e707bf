#include "store/group_commit.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/assert.h"

namespace rollcall::store {

using engine::Instant;
using engine::Ticket;
using engine::Verdict;

namespace {

// Brings it up to `ticket`. Whether it was below.
bool raise(std::atomic<Ticket>& to, Ticket ticket) {
  for (Ticket is = to.load(std::memory_order_relaxed); is < ticket;) {
    if (to.compare_exchange_weak(is, ticket)) return true;
  }
  return false;
}

}  // namespace

GroupCommit::GroupCommit(const Options& options, Store& store, EntrySource& entries,
                         const LeaseClock& clock)
    : options_(options),
      counted_step_(options.pending_bytes_max / kUncountedPart / options.shards),
      kept_lane_bytes_(options.pending_bytes_max / options.shards),
      store_(store),
      entries_(entries),
      clock_(clock) {
  for (std::size_t i = 0; i < options.shards; ++i) lanes_.push_back(std::make_unique<Lane>());
}

void GroupCommit::append(const engine::Change& change) {
  // Of the clock only what never changes is used here.
  const Record record = record_of(change, clock_);
  Lane& lane = *lanes_[change.shard];
  const std::lock_guard lock(lane.mutex);
  lane.packer.pack(record, lane.packed);
  ++lane.changes;
  if (lane.packed.size() >= kWorthASync) is_worth_a_sync_.store(true, std::memory_order_relaxed);
  if (lane.packed.size() - lane.counted >= counted_step_) count_pending(lane);
}

void GroupCommit::count_pending(Lane& lane) {
  const std::size_t more = lane.packed.size() - std::exchange(lane.counted, lane.packed.size());
  const std::size_t before = pending_bytes_.fetch_add(more);
  if (before <= behind_bytes() && before + more > behind_bytes() && wake_) wake_();
}

bool GroupCommit::accepts() {
  return is_working_.load(std::memory_order_relaxed) &&
         pending_bytes_.load(std::memory_order_relaxed) <= options_.pending_bytes_max;
}

std::optional<Ticket> GroupCommit::ticket() {
  const Ticket ticket = epoch_.load();
  raise(asked_, ticket);
  // Where no answer waits, nobody else asks for the commit.
  const bool is_async = options_.durability == Durability::kAsync;
  if (is_async || is_worth_a_sync_.load(std::memory_order_relaxed)) commit_soon();
  if (is_async && !is_behind()) return std::nullopt;
  return ticket;
}

void GroupCommit::commit_soon() {
  if (raise(woken_, asked_.load()) && wake_) wake_();
}

void GroupCommit::gather() {
  begin_gather();
  gather_lanes();
}

void GroupCommit::gather_lanes() {
  for (std::size_t shard = 0; shard < lanes_.size(); ++shard) gather_lane(shard);
  is_worth_a_sync_.store(false, std::memory_order_relaxed);
}

void GroupCommit::begin_gather() { gathered_ = epoch_.fetch_add(1); }

void GroupCommit::gather_lane(std::size_t shard) {
  Lane& lane = *lanes_[shard];
  {
    const std::lock_guard lock(lane.mutex);
    lane.packed.swap(spare_);
    lane.packer.begin_batch();
    pending_bytes_ -= std::exchange(lane.counted, 0);
    batch_changes_ += std::exchange(lane.changes, 0);
  }
  batch_ += spare_;
  spare_.clear();
  // It is in another lane's place next: all would grow to what the busiest one ever took.
  if (spare_.capacity() > kept_lane_bytes_) spare_.shrink_to_fit();
}

Resolved GroupCommit::commit(const ClockReading& reading) {
  if (state_ != Result::kDone && reading.now < retry_at_) {
    return {gathered_, Verdict::kFailed, state_};
  }
  if (clock_.follow(reading)) offset_is_due_ = true;
  if (!has_work()) return {gathered_, Verdict::kDurable, Result::kDone};
  last_commit_ = reading.now;

  const Result result =
      state_ == Result::kDistrusted ? store_.replace(entries_, clock_.wall_offset()) : write();
  if (result == Result::kDone) {
    note_success();
    return {gathered_, Verdict::kDurable, result};
  }
  note_failure(result, reading.now);
  return {gathered_, Verdict::kFailed, result};
}

Resolved GroupCommit::give_up() {
  gather();
  return {gathered_, Verdict::kFailed, state_};
}

bool GroupCommit::has_work() const {
  return !batch_.empty() || offset_is_due_ || maintenance_is_due_ || state_ != Result::kDone;
}

Result GroupCommit::write() {
  Result result = store_.maintain(entries_, maintenance_is_due_);
  // An entry that was just read may be as a change left it that came after the gathering. It joins
  // the batch: on the list it may be ahead of an older renewal in the journal, as long as the
  // journal comes to it as well.
  gather_lanes();
  if (result == Result::kDone && !batch_.empty()) result = store_.append(batch_);
  if (result == Result::kDone && offset_is_due_) {
    result = store_.set_wall_offset(clock_.wall_offset());
  }
  if (result == Result::kDone) result = store_.sync();
  return result;
}

void GroupCommit::note_success() {
  {
    const std::lock_guard lock(counters_mutex_);
    ++counters_.commits;
    counters_.replacements += state_ == Result::kDistrusted;
    counters_.changes += batch_changes_;
    counters_.bytes += batch_.size();
    const auto bucket = static_cast<std::size_t>(std::bit_width(batch_changes_));
    ++counters_.changes_a_commit[std::min(bucket, counters_.changes_a_commit.size() - 1)];
    counters_.state = Result::kDone;
  }
  state_ = Result::kDone;
  batch_.clear();
  batch_changes_ = 0;
  offset_is_due_ = false;
  is_working_.store(true, std::memory_order_relaxed);
}

void GroupCommit::note_failure(Result result, Instant now) {
  // Engines are to know before anyone hears of the failure.
  is_working_.store(false, std::memory_order_relaxed);
  const bool is_newly_distrusted = result == Result::kDistrusted && state_ != Result::kDistrusted;
  // Those who wait for this batch are told at once; replacing the file takes long.
  retry_at_ = is_newly_distrusted ? now : now + engine::limits::kStoreRetry;
  if (state_ != Result::kDistrusted) state_ = result;
  const std::lock_guard lock(counters_mutex_);
  ++counters_.failures;
  counters_.state = state_;
}

Instant GroupCommit::due() const {
  if (state_ != Result::kDone) return retry_at_;
  return maintenance_is_due_ ? last_commit_ + kMaintenancePause : engine::kNever;
}

CommitCounters GroupCommit::counters() const {
  const std::lock_guard lock(counters_mutex_);
  return counters_;
}

void GroupCommit::check_invariants() const {
  ROLLCALL_ASSERT(lanes_.size() == options_.shards);
  for (const auto& lane : lanes_) {
    const std::lock_guard lock(lane->mutex);
    ROLLCALL_ASSERT(lane->counted <= lane->packed.size());
    ROLLCALL_ASSERT(lane->packed.size() - lane->counted <= counted_step_);
  }
  ROLLCALL_ASSERT(gathered_ < epoch_.load());
  ROLLCALL_ASSERT(asked_.load() <= epoch_.load());
  ROLLCALL_ASSERT(is_working_.load() == (state_ == Result::kDone));
  ROLLCALL_ASSERT(spare_.empty());
  ROLLCALL_ASSERT(batch_.empty() == (batch_changes_ == 0));
}

}  // namespace rollcall::store
