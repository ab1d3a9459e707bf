#include "transport/output_pool.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tests/support/allocation_counter.h"

namespace rollcall::transport {
namespace {

using engine::OutputBuffer;
using tests::AllocationCounter;

constexpr std::size_t kLargeBytes = OutputPool::kSmallBytes * 2;

// A buffer with so much memory and nothing in it.
OutputBuffer with_memory(std::size_t bytes) {
  OutputBuffer buffer;
  buffer.prepare(bytes);
  EXPECT_EQ(buffer.capacity(), bytes);
  return buffer;
}

// A buffer with `capacity` bytes of memory, of which `size` wait.
OutputBuffer waiting(std::size_t size, std::size_t capacity) {
  OutputBuffer buffer = with_memory(capacity);
  buffer.append(std::string(size, 'a'));
  return buffer;
}

// What the pool lends until it has nothing more, in bytes.
std::vector<std::size_t> lent_by(OutputPool& pool) {
  std::vector<std::size_t> lent;
  while (lent.size() <= 2 * OutputPool::kSmallMax) {
    OutputBuffer buffer;
    if (pool.prepared(buffer).capacity() == 0) break;
    lent.push_back(buffer.capacity());
  }
  return lent;
}

void give_back(OutputPool& pool, std::size_t bytes) {
  OutputBuffer buffer = with_memory(bytes);
  pool.tidy(buffer);
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(OutputPool, LendsNothingAtFirst) {
  OutputPool pool;
  EXPECT_TRUE(lent_by(pool).empty());
}

TEST(OutputPool, LendsTheMemoryOfWhoeverHasSentAll) {
  OutputPool pool;
  OutputBuffer first = with_memory(1000);
  pool.tidy(first);
  EXPECT_EQ(first.capacity(), 0u);

  const AllocationCounter allocations;
  OutputBuffer second;
  pool.prepared(second).append("Response 20 P2Pv1\n");
  EXPECT_EQ(second.capacity(), 1000u);
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_TRUE(lent_by(pool).empty());
}

TEST(OutputPool, LendsFirstWhatCameBackLast) {
  OutputPool pool;
  for (const std::size_t bytes : std::vector<std::size_t>{1000, 3000, 2000}) give_back(pool, bytes);
  EXPECT_EQ(lent_by(pool), (std::vector<std::size_t>{2000, 3000, 1000}));
}

TEST(OutputPool, LendsLargeBuffersBeforeSmallOnes) {
  OutputPool pool;
  const std::size_t small = OutputPool::kSmallBytes;
  for (const std::size_t bytes : {small, small + 1, small - 1, small + 2}) give_back(pool, bytes);
  EXPECT_EQ(lent_by(pool), (std::vector{small + 2, small + 1, small - 1, small}));
}

TEST(OutputPool, LeavesWhatHasMemoryAlone) {
  OutputPool pool;
  OutputBuffer spare = with_memory(1000);
  pool.tidy(spare);
  OutputBuffer own = waiting(7, 2000);
  EXPECT_EQ(&pool.prepared(own), &own);
  EXPECT_EQ(own.capacity(), 2000u);
  EXPECT_EQ(own.size(), 7u);
}

TEST(OutputPool, HasNothingOfABufferWithoutMemory) {
  OutputPool pool;
  OutputBuffer buffer;
  pool.tidy(buffer);
  EXPECT_TRUE(lent_by(pool).empty());
}

TEST(OutputPool, GivesWhatWaitsInAMostlyEmptyBufferASmallerOne) {
  OutputPool pool;
  OutputBuffer buffer = waiting(kLargeBytes / 4, kLargeBytes);
  buffer.hold(100);
  const std::string before(buffer.view());
  pool.tidy(buffer);
  EXPECT_EQ(buffer.view(), before);
  EXPECT_EQ(buffer.held(), 100u);
  EXPECT_EQ(buffer.capacity(), kLargeBytes / 4);
  EXPECT_EQ(lent_by(pool), std::vector{kLargeBytes});
}

TEST(OutputPool, MovesWhatWaitsIntoASmallBufferThatItHas) {
  OutputPool pool;
  give_back(pool, OutputPool::kSmallBytes);
  OutputBuffer buffer = waiting(10, kLargeBytes);
  pool.prepared(buffer);
  const AllocationCounter allocations;
  pool.tidy(buffer);
  EXPECT_EQ(buffer.capacity(), OutputPool::kSmallBytes);
  EXPECT_EQ(buffer.size(), 10u);
  EXPECT_LE(allocations.count(), 1u);  // the pool's own place for a large one
}

TEST(OutputPool, LeavesABufferThatIsMoreThanAQuarterFull) {
  OutputPool pool;
  OutputBuffer buffer = waiting(kLargeBytes / 4 + 1, kLargeBytes);
  pool.tidy(buffer);
  EXPECT_EQ(buffer.capacity(), kLargeBytes);
}

TEST(OutputPool, ShrinksNoSmallBuffer) {
  OutputPool pool;
  OutputBuffer small = waiting(1, OutputPool::kSmallBytes);
  pool.tidy(small);
  EXPECT_EQ(small.capacity(), OutputPool::kSmallBytes);
  OutputBuffer larger = waiting(1, OutputPool::kSmallBytes + 1);
  pool.tidy(larger);
  EXPECT_LT(larger.capacity(), OutputPool::kSmallBytes);
}

TEST(OutputPool, KeepsABoundedNumberOfSmallBuffers) {
  OutputPool pool;
  for (std::size_t i = 0; i <= OutputPool::kSmallMax; ++i) give_back(pool, 600 + i);
  const std::vector<std::size_t> lent = lent_by(pool);
  EXPECT_EQ(lent.size(), OutputPool::kSmallMax);
  EXPECT_EQ(lent.front(), 600 + OutputPool::kSmallMax - 1);
}

TEST(OutputPool, KeepsABoundedNumberOfBytesInLargeBuffers) {
  OutputPool pool;
  const std::size_t most = OutputPool::kLargeBytesMax - kLargeBytes;
  give_back(pool, most);
  give_back(pool, kLargeBytes + 1);
  give_back(pool, kLargeBytes);
  EXPECT_EQ(lent_by(pool), (std::vector{kLargeBytes, most}));
  // What was lent counts no more.
  give_back(pool, OutputPool::kLargeBytesMax);
  EXPECT_EQ(lent_by(pool), std::vector{OutputPool::kLargeBytesMax});
}

TEST(OutputPool, KeepsOneBufferOfAnySize) {
  OutputPool pool;
  give_back(pool, OutputPool::kLargeBytesMax + 1);
  give_back(pool, kLargeBytes);
  EXPECT_EQ(lent_by(pool), std::vector{OutputPool::kLargeBytesMax + 1});
}

TEST(OutputPool, LargeBuffersTakeNoSmallOnesPlace) {
  OutputPool pool;
  for (std::size_t i = 0; i < 2; ++i) give_back(pool, OutputPool::kLargeBytesMax / 2);
  give_back(pool, 1000);
  EXPECT_EQ(lent_by(pool).back(), 1000u);
}

}  // namespace
}  // namespace rollcall::transport
