#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/registry/client_entry.h"
#include "engine/time.h"

namespace rollcall::engine {

// Finds the active entries whose lease has ended: a hierarchical timing wheel (Varghese and Lauck,
// "Hashed and Hierarchical Timing Wheels", 1987) of two levels.
//
//   near: [ ] [e ⇄ e] [ ] [e] …      a slot for each kWheelSlot of the next few minutes
//          ▲ near_cursor_: the next slot to sweep
//   far:  [e ⇄ e ⇄ e] [ ] [e] …      a slot for each kNearPerFar of those, for the rest of a lease
//          ▲ far_cursor_: the next slot to spread over the near ones, well before it begins
//   due:  [e ⇄ e]                    what is left of a slot that was taken off the wheel, as a
//                                    whole, so that an entry which is put back is not met again
//
// A KeepAlive only writes the new deadline into its entry. The entry stays in its old far slot
// until that is due, and is then moved to the slot of its deadline: once a lease, however often it
// was renewed. An entry is in exactly one slot from `insert` to `remove` or `take_expired`.
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
  static constexpr std::int64_t kNearPerFar = 512;
  // Two far slots' worth: the one that time is in, and the one after it.
  static constexpr std::int64_t kNearSlots = 2 * kNearPerFar;

  // Set in `previous` of a list's first entry, beside the list's place in heads_.
  static constexpr EntryNumber kHeadTag = 0x8000'0000;

  // The first boundary of near slots, counted from the clock's origin, at which the deadline has
  // passed. Slots are counted on and on, and have their places in turn.
  static std::int64_t slot_of(Instant deadline);

  std::int64_t far_slots() const {
    return static_cast<std::int64_t>(heads_.size()) - kNearSlots - 1;
  }
  static std::size_t near_place(std::int64_t slot) {
    return static_cast<std::size_t>(slot % kNearSlots);
  }
  std::size_t far_place(std::int64_t slot) const {
    return static_cast<std::size_t>(kNearSlots + slot % far_slots());
  }
  EntryNumber& due() { return heads_.back(); }
  // Moves the entries of the next slot before `end` that has any to the due list, which is empty,
  // and the cursor behind it. False if there is none. The wheel's `slots` are at `first_place`.
  bool advance(std::int64_t& cursor, std::int64_t end, std::int64_t first_place,
               std::int64_t slots);

  EntryPool& pool_;
  std::vector<EntryNumber> heads_;  // near, far, due
  std::int64_t near_cursor_ = 0;
  std::int64_t far_cursor_ = 2;  // as it stands at the clock's origin
  std::size_t size_ = 0;
};

}  // namespace rollcall::engine
