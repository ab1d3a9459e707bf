#include "engine/deadline_queue.h"

#include "engine/assert.h"

namespace rollcall::engine {

void DeadlineQueue::set(std::uint32_t id, Instant deadline) {
  if (id >= places_.size()) places_.resize(std::size_t{id} + 1, kAbsent);
  std::size_t place = places_[id];
  if (place == kAbsent) {
    place = heap_.size();
    heap_.emplace_back();
  }
  sift(place, {deadline, id});
}

void DeadlineQueue::clear(std::uint32_t id) {
  if (id >= places_.size() || places_[id] == kAbsent) return;
  const std::size_t place = places_[id];
  places_[id] = kAbsent;
  const Item last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) sift(place, last);
}

void DeadlineQueue::put(std::size_t place, const Item& item) {
  heap_[place] = item;
  places_[item.id] = static_cast<std::uint32_t>(place);
}

// Puts `item` where it belongs, given that `place` is free: first up, then down.
void DeadlineQueue::sift(std::size_t place, const Item& item) {
  while (place > 0 && heap_[(place - 1) / 2].deadline > item.deadline) {
    put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].deadline < heap_[child].deadline) ++child;
    if (heap_[child].deadline >= item.deadline) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, item);
}

void DeadlineQueue::check_invariants() const {
  for (std::size_t place = 0; place < heap_.size(); ++place) {
    ROLLCALL_ASSERT(places_[heap_[place].id] == place);
    ROLLCALL_ASSERT(heap_[(place == 0 ? 0 : (place - 1) / 2)].deadline <= heap_[place].deadline);
  }
  std::size_t present = 0;
  for (const std::uint32_t place : places_) present += place != kAbsent;
  ROLLCALL_ASSERT(present == heap_.size());
}

}  // namespace rollcall::engine
