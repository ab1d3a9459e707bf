#pragma once

#include <algorithm>
#include <cstddef>
#include <memory_resource>

namespace rollcall::tests {

// Counts what is taken from it, and what is not given back.
class CountedMemory final : public std::pmr::memory_resource {
 public:
  std::size_t bytes() const { return bytes_; }
  std::size_t allocations() const { return allocations_; }
  std::size_t longest_block() const { return longest_block_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    bytes_ += bytes;
    ++allocations_;
    longest_block_ = std::max(longest_block_, bytes);
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    bytes_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::size_t bytes_ = 0;
  std::size_t allocations_ = 0;
  std::size_t longest_block_ = 0;
};

}  // namespace rollcall::tests
