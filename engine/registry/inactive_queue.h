#pragma once

#include <cstddef>

#include "engine/registry/client_entry.h"

namespace rollcall::engine {

// The inactive entries, in the order in which they became so: the front is the next to be
// forgotten. A doubly linked list through the entries.
class InactiveQueue {
 public:
  explicit InactiveQueue(EntryPool& pool) : pool_(pool) {}

  void push_back(EntryNumber number);
  void remove(EntryNumber number);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // REQUIRES: not empty.
  EntryNumber front() const { return front_; }

  // Brings entries that were pushed in another order into that of their deadlines. Takes sixteen
  // bytes an entry meanwhile.
  void sort();

  void check_invariants() const;

 private:
  EntryPool& pool_;
  EntryNumber front_ = kNoEntry;
  EntryNumber back_ = kNoEntry;
  std::size_t size_ = 0;
};

}  // namespace rollcall::engine
