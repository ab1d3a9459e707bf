#pragma once

#include <cstddef>

namespace rollcall::tests {

// Counts the allocations of the whole process from its construction on. A program that uses it gets
// this file's `operator new` in place of the standard one. Under ThreadSanitizer it counts nothing.
class AllocationCounter {
 public:
  AllocationCounter();
  std::size_t count() const;
  // Those that were not given back, if nothing was that is older.
  std::size_t held() const;

 private:
  std::size_t allocations_before_;
  std::size_t frees_before_;
};

}  // namespace rollcall::tests
