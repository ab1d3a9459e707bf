#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/assert.h"
#include "engine/session.h"
#include "engine/time.h"

namespace rollcall::engine {

// The sessions of an engine, by number, and the order in which they were last active.
//
//   longest idle ⇄ … ⇄ last active          every session that is open, once
class SessionTable {
 public:
  SessionId add(const HostAddress& host, Instant now);
  void remove(SessionId id);

  Session& operator[](SessionId id) { return slots_[used_index(id)].session; }
  const Session& operator[](SessionId id) const { return slots_[used_index(id)].session; }

  // Something came on the session: it is the last active one now.
  void touch(SessionId id, Instant now);
  // The session is not idle any more, but closing. Does nothing if told before.
  void retire(SessionId id);

  std::optional<SessionId> longest_idle() const;
  Instant last_active(SessionId id) const { return slots_[index(id)].last_active; }

  std::size_t size() const { return size_; }
  void check_invariants() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Slot {
    explicit Slot(const HostAddress& host) : session(host) {}
    Session session;
    Instant last_active{};
    bool is_used = true;
    bool is_ordered = false;
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;  // also links the free slots
  };

  static std::uint32_t index(SessionId id) { return static_cast<std::uint32_t>(id); }
  std::uint32_t used_index(SessionId id) const {
    ROLLCALL_ASSERT(index(id) < slots_.size());
    ROLLCALL_ASSERT(slots_[index(id)].is_used);
    return index(id);
  }
  void append(std::uint32_t at, Instant now);
  void unlink(std::uint32_t at);

  std::vector<Slot> slots_;
  std::uint32_t front_ = kNone;
  std::uint32_t back_ = kNone;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace rollcall::engine
