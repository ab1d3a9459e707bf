#include "tests/support/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> frees{0};

[[maybe_unused]] void* allocate(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  // aligned_alloc wants whole multiples of the alignment.
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* block = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (block == nullptr) std::abort();
  return block;
}

[[maybe_unused]] void give_back(void* block) {
  if (block != nullptr) frees.fetch_add(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

// ThreadSanitizer brings operators of its own, which cannot be replaced.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ROLLCALL_HAS_FOREIGN_OPERATORS
#endif
#endif

#ifndef ROLLCALL_HAS_FOREIGN_OPERATORS
// The array and nothrow forms of the standard library call these.
void* operator new(std::size_t bytes) { return allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }
#endif

namespace rollcall::tests {

AllocationCounter::AllocationCounter()
    : allocations_before_(allocations.load()), frees_before_(frees.load()) {}

std::size_t AllocationCounter::count() const { return allocations.load() - allocations_before_; }

std::size_t AllocationCounter::held() const { return count() - (frees.load() - frees_before_); }

}  // namespace rollcall::tests
