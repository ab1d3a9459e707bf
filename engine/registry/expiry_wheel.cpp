#include "engine/registry/expiry_wheel.h"

#include <algorithm>
#include <utility>

#include "engine/assert.h"
#include "engine/limits.h"

namespace rollcall::engine {

ExpiryWheel::ExpiryWheel(EntryPool& pool, Duration ttl)
    : pool_(pool), heads_(static_cast<std::size_t>(ttl / limits::kWheelSlot) + 3, kNoEntry) {}

std::int64_t ExpiryWheel::slot_of(Instant deadline) {
  const Duration since_origin = deadline.time_since_epoch();
  ROLLCALL_ASSERT(since_origin >= Duration::zero());
  return (since_origin + limits::kWheelSlot - Duration(1)) / limits::kWheelSlot;
}

void ExpiryWheel::insert(EntryNumber number) {
  ClientEntry& entry = pool_[number];
  const std::size_t at = index(slot_of(entry.deadline));
  entry.next = heads_[at];
  entry.previous = kHeadTag | static_cast<EntryNumber>(at);
  if (entry.next != kNoEntry) pool_[entry.next].previous = number;
  heads_[at] = number;
  ++size_;
}

void ExpiryWheel::remove(EntryNumber number) {
  const ClientEntry& entry = pool_[number];
  if (entry.next != kNoEntry) pool_[entry.next].previous = entry.previous;
  if ((entry.previous & kHeadTag) != 0) {
    heads_[entry.previous & ~kHeadTag] = entry.next;
  } else {
    pool_[entry.previous].next = entry.next;
  }
  --size_;
}

std::optional<EntryNumber> ExpiryWheel::take_expired(Instant now, std::size_t& budget) {
  const std::int64_t last_due = now.time_since_epoch() / limits::kWheelSlot;
  // After a long pause one turn of the wheel meets every entry.
  cursor_ = std::max(cursor_, last_due + 1 - static_cast<std::int64_t>(slots()));
  while (budget > 0) {
    const EntryNumber number = due();
    if (number == kNoEntry) {
      if (cursor_ > last_due) break;
      take_slot_due();
      continue;
    }
    --budget;
    remove(number);
    const ClientEntry& entry = pool_[number];
    if (entry.next != kNoEntry) __builtin_prefetch(&pool_[entry.next]);
    if (entry.deadline <= now) return number;
    insert(number);
  }
  return std::nullopt;
}

// Moves the slot at the cursor to the due list, which is empty.
void ExpiryWheel::take_slot_due() {
  due() = std::exchange(heads_[index(cursor_)], kNoEntry);
  if (due() != kNoEntry) pool_[due()].previous = kHeadTag | static_cast<EntryNumber>(slots());
  ++cursor_;
}

void ExpiryWheel::check_invariants() const {
  std::size_t linked = 0;
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    EntryNumber previous = kHeadTag | static_cast<EntryNumber>(i);
    for (EntryNumber number = heads_[i]; number != kNoEntry; number = pool_[number].next) {
      ROLLCALL_ASSERT(pool_[number].state == EntryState::kActive);
      ROLLCALL_ASSERT(pool_[number].previous == previous);
      previous = number;
      ++linked;
      ROLLCALL_ASSERT(linked <= size_);
    }
  }
  ROLLCALL_ASSERT(linked == size_);
}

}  // namespace rollcall::engine
