#include "engine/registry/inactive_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/assert.h"

namespace rollcall::engine {

void InactiveQueue::push_back(EntryNumber number) {
  ClientEntry& entry = pool_[number];
  entry.next = kNoEntry;
  entry.previous = back_;
  (back_ == kNoEntry ? front_ : pool_[back_].next) = number;
  back_ = number;
  ++size_;
}

void InactiveQueue::remove(EntryNumber number) {
  const ClientEntry& entry = pool_[number];
  (entry.previous == kNoEntry ? front_ : pool_[entry.previous].next) = entry.next;
  (entry.next == kNoEntry ? back_ : pool_[entry.next].previous) = entry.previous;
  --size_;
}

void InactiveQueue::sort() {
  std::vector<std::pair<Instant, EntryNumber>> order;
  order.reserve(size_);
  for (EntryNumber number = front_; number != kNoEntry; number = pool_[number].next) {
    order.emplace_back(pool_[number].deadline, number);
  }
  if (std::ranges::is_sorted(order)) return;
  std::ranges::sort(order);
  front_ = kNoEntry;
  back_ = kNoEntry;
  size_ = 0;
  for (const auto& [deadline, number] : order) push_back(number);
}

void InactiveQueue::check_invariants() const {
  std::size_t linked = 0;
  EntryNumber previous = kNoEntry;
  for (EntryNumber number = front_; number != kNoEntry; number = pool_[number].next) {
    ROLLCALL_ASSERT(pool_[number].state == EntryState::kInactive);
    ROLLCALL_ASSERT(pool_[number].previous == previous);
    previous = number;
    ++linked;
    ROLLCALL_ASSERT(linked <= size_);
  }
  ROLLCALL_ASSERT(previous == back_);
  ROLLCALL_ASSERT(linked == size_);
}

}  // namespace rollcall::engine
