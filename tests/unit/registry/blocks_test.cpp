#include "engine/registry/blocks.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory_resource>
#include <vector>

#include "tests/support/counted_memory.h"

namespace rollcall::engine {
namespace {

using Block = std::array<std::size_t, 100>;

TEST(Blocks, StayWhereTheyAre) {
  constexpr std::size_t kBlocks = 100;
  Blocks<Block> blocks(*std::pmr::new_delete_resource());
  EXPECT_TRUE(blocks.empty());
  std::vector<const Block*> places;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    Block& block = blocks.add();
    block.fill(i);
    places.push_back(&block);
  }
  ASSERT_EQ(blocks.size(), kBlocks);
  EXPECT_FALSE(blocks.empty());
  for (std::size_t i = 0; i < kBlocks; ++i) {
    EXPECT_EQ(&blocks[i], places[i]);
    EXPECT_EQ(blocks[i].front(), i);
    EXPECT_EQ(blocks[i].back(), i);
  }
}

TEST(Blocks, CountWhatTheyAndTheirListTake) {
  tests::CountedMemory memory;
  Blocks<Block> blocks(memory);
  EXPECT_EQ(blocks.bytes(), 0u);
  for (std::size_t size = 1; size <= 100; ++size) {
    blocks.add();
    EXPECT_EQ(blocks.bytes(), size * sizeof(Block) + blocks.pointer_bytes());
    EXPECT_EQ(memory.bytes(), blocks.bytes());
    EXPECT_GE(blocks.pointer_bytes(), size * sizeof(Block*));
    EXPECT_LE(blocks.pointer_bytes(), 2 * size * sizeof(Block*));
  }
}

}  // namespace
}  // namespace rollcall::engine
