#include "engine/session_table.h"

#include "engine/assert.h"

namespace rollcall::engine {

SessionId SessionTable::add(const HostAddress& host, Instant now) {
  std::uint32_t at = free_;
  if (at != kNone) {
    free_ = slots_[at].next;
    slots_[at] = Slot(host);
  } else {
    at = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back(host);
  }
  append(at, now);
  ++size_;
  return static_cast<SessionId>(at);
}

void SessionTable::remove(SessionId id) {
  retire(id);
  Slot& slot = slots_[index(id)];
  slot.session.close();
  slot.is_used = false;
  slot.next = free_;
  free_ = index(id);
  --size_;
}

void SessionTable::touch(SessionId id, Instant now) {
  if (!slots_[index(id)].is_ordered) return;
  unlink(index(id));
  append(index(id), now);
}

void SessionTable::retire(SessionId id) {
  if (slots_[index(id)].is_ordered) unlink(index(id));
}

std::optional<SessionId> SessionTable::longest_idle() const {
  if (front_ == kNone) return std::nullopt;
  return static_cast<SessionId>(front_);
}

void SessionTable::append(std::uint32_t at, Instant now) {
  Slot& slot = slots_[at];
  slot.last_active = now;
  slot.is_ordered = true;
  slot.previous = back_;
  slot.next = kNone;
  (back_ == kNone ? front_ : slots_[back_].next) = at;
  back_ = at;
}

void SessionTable::unlink(std::uint32_t at) {
  Slot& slot = slots_[at];
  (slot.previous == kNone ? front_ : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? back_ : slots_[slot.next].previous) = slot.previous;
  slot.is_ordered = false;
}

void SessionTable::check_invariants() const {
  std::size_t used = 0;
  std::size_t open = 0;
  for (const Slot& slot : slots_) {
    if (!slot.is_used) continue;
    slot.session.check_invariants();
    ROLLCALL_ASSERT(slot.is_ordered == slot.session.is_open());
    ++used;
    open += slot.is_ordered;
  }
  ROLLCALL_ASSERT(used == size_);
  Instant earlier = Instant::min();
  for (std::uint32_t at = front_; at != kNone; at = slots_[at].next) {
    ROLLCALL_ASSERT(slots_[at].is_ordered);
    ROLLCALL_ASSERT(slots_[at].last_active >= earlier);
    ROLLCALL_ASSERT(open > 0);
    earlier = slots_[at].last_active;
    --open;
  }
  ROLLCALL_ASSERT(open == 0);
}

}  // namespace rollcall::engine
