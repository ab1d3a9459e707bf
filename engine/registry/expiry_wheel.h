#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/registry/client_entry.h"
#include "engine/time.h"

namespace rollcall::engine {

// Finds the active entries whose lease has ended: a timing wheel (Varghese and Lauck, "Hashed and
// Hierarchical Timing Wheels", 1987) of one level, since all leases are equally long.
//
//   heads_:  [ ]  [e ⇄ e ⇄ e]  [ ]  [e]  …  [e ⇄ e]
//             ▲ cursor_: the next slot           ▲ the due list: what is left of the slots before
//             it
//
// There is a slot for each kWheelSlot of time. One that comes due is taken off the wheel as a
// whole, so that an entry which is put back is not met again in the same turn.
//
// A KeepAlive only writes the new deadline into its entry. The entry stays in its old slot until
// that is due, and is then moved to the slot of its deadline: once a lease, however often it was
// renewed. An entry is in exactly one slot from `insert` to `remove` or `take_expired`.
class ExpiryWheel {
 public:
  // REQUIRES: no deadline is ever more than `ttl` ahead; one that is would merely be moved more
  // often.
  ExpiryWheel(EntryPool& pool, Duration ttl);

  void insert(EntryNumber number);
  void remove(EntryNumber number);

  // Removes and returns an entry whose deadline has come, or nothing. Each entry that it touches
  // takes one from `budget`, and it stops at zero. When it returns nothing with budget left, every
  // entry whose deadline lies a slot or more in the past has been returned.
  std::optional<EntryNumber> take_expired(Instant now, std::size_t& budget);

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return heads_.capacity() * sizeof(EntryNumber); }

  void check_invariants() const;

 private:
  // Set in `previous` of a list's first entry, beside the list's place in heads_.
  static constexpr EntryNumber kHeadTag = 0x8000'0000;

  // The first slot boundary, counted from the clock's origin, at which the deadline has passed.
  static std::int64_t slot_of(Instant deadline);

  std::size_t slots() const { return heads_.size() - 1; }
  std::size_t index(std::int64_t slot) const { return static_cast<std::size_t>(slot) % slots(); }
  EntryNumber& due() { return heads_.back(); }
  void take_slot_due();

  EntryPool& pool_;
  std::vector<EntryNumber> heads_;
  std::int64_t cursor_ = 0;
  std::size_t size_ = 0;
};

}  // namespace rollcall::engine
