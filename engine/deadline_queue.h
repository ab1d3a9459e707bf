#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/time.h"

namespace rollcall::engine {

// At most one deadline for each small number (a session, a connection), the earliest first: a
// binary heap that knows where each number stands in it. `set` and `clear` take logarithmic time,
// the rest constant; memory is sixteen bytes a deadline and four a number.
class DeadlineQueue {
 public:
  // Gives `id` this deadline in place of the one it had, if any.
  void set(std::uint32_t id, Instant deadline);
  // Takes its deadline away; does nothing if there is none.
  void clear(std::uint32_t id);

  bool empty() const { return heap_.empty(); }
  // kNever if empty.
  Instant earliest() const { return heap_.empty() ? kNever : heap_.front().deadline; }
  // Whose the earliest is. REQUIRES: not empty.
  std::uint32_t front() const { return heap_.front().id; }

  void check_invariants() const;

 private:
  struct Item {
    Instant deadline;
    std::uint32_t id;
  };
  static constexpr std::uint32_t kAbsent = UINT32_MAX;

  void put(std::size_t place, const Item& item);
  void sift(std::size_t place, const Item& item);

  std::vector<Item> heap_;
  std::vector<std::uint32_t> places_;  // by id
};

}  // namespace rollcall::engine
