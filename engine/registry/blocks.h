#pragma once

#include <cstddef>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <vector>

namespace rollcall::engine {

// A vector of blocks, large ones, that never move and go all at once. They are default-initialised;
// they and the list of them are in the memory that it is given.
template <typename Block>
class Blocks {
 public:
  explicit Blocks(std::pmr::memory_resource& memory) : memory_(memory), blocks_(&memory) {}
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  ~Blocks() {
    static_assert(std::is_trivially_destructible_v<Block>);
    for (Block* block : blocks_) memory_.deallocate(block, sizeof(Block), alignof(Block));
  }

  Block& operator[](std::size_t place) { return *blocks_[place]; }
  const Block& operator[](std::size_t place) const { return *blocks_[place]; }
  std::size_t size() const { return blocks_.size(); }
  bool empty() const { return blocks_.empty(); }

  // Adds one at the end, which is returned.
  Block& add() {
    auto* const block = new (memory_.allocate(sizeof(Block), alignof(Block))) Block;
    blocks_.push_back(block);
    return *block;
  }

  // Memory held, in bytes.
  std::size_t bytes() const { return blocks_.size() * sizeof(Block) + pointer_bytes(); }
  // That beside the blocks themselves.
  std::size_t pointer_bytes() const { return blocks_.capacity() * sizeof(Block*); }

 private:
  std::pmr::memory_resource& memory_;
  std::pmr::vector<Block*> blocks_;
};

}  // namespace rollcall::engine
