#include "engine/registry/expiry_wheel.h"

#include <algorithm>
#include <utility>

#include "engine/assert.h"
#include "engine/limits.h"
#include "engine/registry/occupied.h"

namespace rollcall::engine {

ExpiryWheel::ExpiryWheel(EntryPool& pool, Duration ttl)
    : pool_(pool),
      heads_(
          static_cast<std::size_t>(kNearSlots + ttl / (limits::kWheelSlot * kNearPerFar) + 3 + 1),
          kNoEntry) {}

std::int64_t ExpiryWheel::slot_of(Instant deadline) {
  const Duration since_origin = deadline.time_since_epoch();
  ROLLCALL_ASSERT(since_origin >= Duration::zero());
  return (since_origin + limits::kWheelSlot - Duration(1)) / limits::kWheelSlot;
}

void ExpiryWheel::insert(EntryNumber number) {
  ClientEntry& entry = pool_[number];
  const std::int64_t slot = slot_of(entry.deadline);
  const std::int64_t far_slot = slot / kNearPerFar;
  const std::size_t at = far_slot < far_cursor_ ? near_place(slot) : far_place(far_slot);
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
  const std::int64_t near_end = now.time_since_epoch() / limits::kWheelSlot + 1;
  const std::int64_t far_end = near_end / kNearPerFar + 2;
  // After a long pause one turn of a wheel meets every entry.
  near_cursor_ = std::max(near_cursor_, near_end - kNearSlots);
  far_cursor_ = std::max(far_cursor_, far_end - far_slots());
  while (budget > 0) {
    const EntryNumber number = due();
    if (number == kNoEntry) {
      if (advance(near_cursor_, near_end, 0, kNearSlots) ||
          advance(far_cursor_, far_end, kNearSlots, far_slots())) {
        continue;
      }
      break;
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

bool ExpiryWheel::advance(std::int64_t& cursor, std::int64_t end, std::int64_t first_place,
                          std::int64_t slots) {
  if (size_ == 0) cursor = std::max(cursor, end);
  for (std::int64_t slot = cursor % slots; cursor < end; ++slot) {
    if (slot == slots) slot = 0;
    ++cursor;
    EntryNumber& head = heads_[static_cast<std::size_t>(first_place + slot)];
    if (head == kNoEntry) continue;
    due() = std::exchange(head, kNoEntry);
    pool_[due()].previous = kHeadTag | static_cast<EntryNumber>(heads_.size() - 1);
    return true;
  }
  return false;
}

void ExpiryWheel::check_invariants() const {
  std::size_t linked = 0;
  for_each_occupied<EntryNumber>(heads_, kNoEntry, [&](std::size_t place) {
    EntryNumber previous = kHeadTag | static_cast<EntryNumber>(place);
    for (EntryNumber number = heads_[place]; number != kNoEntry; number = pool_[number].next) {
      ROLLCALL_ASSERT(pool_[number].state == EntryState::kActive);
      ROLLCALL_ASSERT(pool_[number].previous == previous);
      previous = number;
      ++linked;
      ROLLCALL_ASSERT(linked <= size_);
    }
  });
  ROLLCALL_ASSERT(linked == size_);
}

}  // namespace rollcall::engine
