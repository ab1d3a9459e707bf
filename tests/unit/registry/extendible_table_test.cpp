#include "engine/registry/extendible_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/random.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/counted_memory.h"

namespace rollcall::engine {
namespace {

struct TestSlot {
  std::uint32_t hash = 0;
  std::uint32_t value = 0;  // 0 is empty
  bool is_empty() const { return value == 0; }
};
struct HashOfTestSlot {
  std::uint32_t operator()(const TestSlot& slot) const { return slot.hash; }
};
// Three words, as for hosts: lines are not filled.
struct LongTestSlot : TestSlot {
  std::uint32_t more = 0;
};
template <typename Slot>
Slot slot_of(std::uint32_t hash, std::uint32_t value) {
  Slot slot;
  slot.hash = hash;
  slot.value = value;
  return slot;
}
template <typename Slot>
using TableOf = ExtendibleTable<Slot, HashOfTestSlot>;

// A table beside one that is surely right. Each value is in at most once; hashes may coincide.
template <typename Slot>
class TableUnderTest {
 public:
  using Table = TableOf<Slot>;

  bool insert(std::uint32_t hash) {
    const std::uint32_t value = ++last_value_;
    const Slot* slot = table_.insert(slot_of<Slot>(hash, value));
    if (slot == nullptr) return false;
    EXPECT_EQ(slot->hash, hash);
    EXPECT_EQ(slot->value, value);
    model_.emplace(hash, value);
    return true;
  }

  Slot* find(std::uint32_t hash, std::uint32_t value) {
    return table_.find(hash, [value](const Slot& slot) { return slot.value == value; });
  }

  void erase(std::uint32_t hash, std::uint32_t value) {
    table_.erase(find(hash, value));
    const auto [first, last] = model_.equal_range(hash);
    model_.erase(std::find_if(first, last, [&](const auto& item) { return item.second == value; }));
  }

  // One of the hashes and values that are in.
  std::optional<TestSlot> any(SampleGenerator& generator) const {
    if (model_.empty()) return std::nullopt;
    auto item = model_.begin();
    std::advance(item, generator.below(std::min<std::size_t>(model_.size(), 50)));
    return TestSlot{item->first, item->second};
  }

  // Everything that is in is found, and nothing else is in.
  void check() {
    std::size_t visited = 0;
    table_.check_invariants([&](const Slot&) { ++visited; });
    ASSERT_EQ(table_.size(), model_.size());
    for (const auto& [hash, value] : model_) ASSERT_NE(find(hash, value), nullptr);
    ASSERT_EQ(visited, model_.size());
  }

  Table& table() { return table_; }
  std::size_t size() const { return model_.size(); }

 private:
  Table table_;
  std::unordered_multimap<std::uint32_t, std::uint32_t> model_;
  std::uint32_t last_value_ = 0;
};

// Inserts and erases at random, hashes coming from `draw`, and growing to about `size`.
template <typename Slot, typename Draw>
void come_and_go(TableUnderTest<Slot>& under_test, std::size_t size, int steps, Draw draw) {
  SampleGenerator generator(11);
  for (int step = 0; step < steps; ++step) {
    const auto known = under_test.any(generator);
    if (known.has_value() && generator.below(2 * size) < under_test.size()) {
      under_test.erase(known->hash, known->value);
      EXPECT_EQ(under_test.find(known->hash, known->value), nullptr);
    } else {
      ASSERT_TRUE(under_test.insert(draw(generator)));
    }
    under_test.table().check_invariants();
    if (step % 64 == 0) under_test.check();
  }
  under_test.check();
}

static_assert(TableOf<TestSlot>::kRingSlots == 8);
static_assert(TableOf<LongTestSlot>::kRingSlots == TableOf<LongTestSlot>::kSegmentSlots);

template <typename Slot>
class ExtendibleTableTest : public testing::Test {};
using Slots = testing::Types<TestSlot, LongTestSlot>;
TYPED_TEST_SUITE(ExtendibleTableTest, Slots);

TYPED_TEST(ExtendibleTableTest, FindsNothingWhenEmpty) {
  TableUnderTest<TypeParam> under_test;
  EXPECT_EQ(under_test.find(0, 1), nullptr);
  EXPECT_EQ(under_test.find(UINT32_MAX, 1), nullptr);
  under_test.check();
}

TYPED_TEST(ExtendibleTableTest, AgreesWithAMultimapForHashesAllOver) {
  TableUnderTest<TypeParam> under_test;
  come_and_go(under_test, 3000, 10'000, [](SampleGenerator& generator) {
    return static_cast<std::uint32_t>(generator.next());
  });
}

TYPED_TEST(ExtendibleTableTest, AgreesWithAMultimapForFewDistinctHashes) {
  TableUnderTest<TypeParam> under_test;
  come_and_go(under_test, 300, 10'000, [](SampleGenerator& generator) {
    return static_cast<std::uint32_t>(generator.below(7)) * 0x2000'0001u;
  });
}

TYPED_TEST(ExtendibleTableTest, ProbesOnFromASegmentsLastSlotToItsFirst) {
  TableUnderTest<TypeParam> under_test;
  come_and_go(under_test, 200, 10'000, [](SampleGenerator& generator) {
    return TableOf<TypeParam>::kSegmentSlots - 1 - static_cast<std::uint32_t>(generator.below(4));
  });
}

TYPED_TEST(ExtendibleTableTest, ClosesEveryGapWithinOneRun) {
  constexpr std::uint32_t kRun = 20;
  constexpr std::uint32_t kFirst =
      TableOf<TypeParam>::kSegmentSlots - kRun / 2;  // the run goes round the end
  for (std::uint32_t erased = 0; erased < kRun; ++erased) {
    for (std::uint32_t crowd = 1; crowd < kRun; ++crowd) {
      TableUnderTest<TypeParam> under_test;
      for (std::uint32_t i = 0; i < kRun; ++i) ASSERT_TRUE(under_test.insert(kFirst + i / crowd));
      under_test.erase(kFirst + erased / crowd, erased + 1);
      under_test.check();
    }
  }
}

TYPED_TEST(ExtendibleTableTest, LeavesNoTombstonesHoweverManyCameAndWent) {
  TableUnderTest<TypeParam> under_test;
  SampleGenerator generator(2);
  for (int round = 0; round < 2000; ++round) {
    const auto hash = static_cast<std::uint32_t>(generator.next());
    ASSERT_TRUE(under_test.insert(hash));
    under_test.erase(hash, static_cast<std::uint32_t>(round) + 1);
  }
  under_test.check();
  // One segment.
  EXPECT_LT(under_test.table().bytes(), 2 * sizeof(TypeParam) * TableOf<TypeParam>::kSegmentSlots);
}

TYPED_TEST(ExtendibleTableTest, SplitsManyLevelsDeepWhereHashesDifferLate) {
  TableUnderTest<TypeParam> under_test;
  // The directory bits of one half are all zero but for the last: eighteen splits come at once.
  constexpr std::uint32_t kBit = std::uint32_t{1} << (32 - 18);
  for (std::uint32_t i = 0; i < TableOf<TypeParam>::kSegmentSlotsUsedMax; ++i) {
    ASSERT_TRUE(
        under_test.insert((i % 2 == 0 ? 0 : kBit) | (i * 7 % TableOf<TypeParam>::kSegmentSlots)));
  }
  under_test.check();
  ASSERT_TRUE(under_test.insert(3));
  under_test.check();
  ASSERT_TRUE(under_test.insert(UINT32_MAX));
  under_test.check();
}

TYPED_TEST(ExtendibleTableTest, HasNoSegmentBeforeItsFirstInsert) {
  TableUnderTest<TypeParam> under_test;
  EXPECT_LT(under_test.table().bytes(), 64u);
  EXPECT_EQ(under_test.find(0, 1), nullptr);
  under_test.check();

  const std::size_t bytes_max = under_test.table().bytes() + under_test.table().growth();
  ASSERT_TRUE(under_test.insert(0));
  EXPECT_LE(under_test.table().bytes(), bytes_max);
  // The segment, who owns it, and where the directory points.
  EXPECT_GE(under_test.table().bytes(), TableOf<TypeParam>::segment_bytes() + 2 * sizeof(void*));

  TableUnderTest<TypeParam> other;
  EXPECT_EQ(other.find(0, 1), nullptr);
  EXPECT_LT(other.table().bytes(), 64u);
  other.check();
}

TYPED_TEST(ExtendibleTableTest, FillsASegmentToItsLimitBeforeItSplits) {
  TableUnderTest<TypeParam> under_test;
  ASSERT_TRUE(under_test.insert(0));
  const std::size_t before = under_test.table().bytes();
  for (std::uint32_t i = 1; i < TableOf<TypeParam>::kSegmentSlotsUsedMax; ++i) {
    ASSERT_TRUE(under_test.insert(i << 23 | i));
  }
  EXPECT_EQ(under_test.table().bytes(), before);
  ASSERT_TRUE(under_test.insert(UINT32_MAX));
  EXPECT_GT(under_test.table().bytes(), before);
  under_test.check();
}

TYPED_TEST(ExtendibleTableTest, RefusesMoreCoincidentHashesThanASegmentHoldsAndKeepsTheRest) {
  TableUnderTest<TypeParam> under_test;
  constexpr std::uint32_t kHash = 0x5555'5555;
  ASSERT_TRUE(under_test.insert(0));
  ASSERT_TRUE(under_test.insert(UINT32_MAX));
  for (std::uint32_t i = 0; i < TableOf<TypeParam>::kSegmentSlotsUsedMax; ++i) {
    ASSERT_TRUE(under_test.insert(kHash));
  }
  EXPECT_FALSE(under_test.insert(kHash));
  under_test.check();
  // Ten of the hash's bits say where in a segment, so at most 22 say in which one.
  EXPECT_LT(under_test.table().bytes(),
            (sizeof(void*) << 22) + 30 * TableOf<TypeParam>::segment_bytes());
  // All others are as welcome as before.
  ASSERT_TRUE(under_test.insert(~kHash));
  under_test.erase(kHash, 3);
  EXPECT_TRUE(under_test.insert(kHash));
  under_test.check();
}

TYPED_TEST(ExtendibleTableTest, GrowsBySegmentsAndNeverByMore) {
  TableOf<TypeParam> table;
  SampleGenerator generator(4);
  std::size_t before = table.bytes();
  for (std::uint32_t i = 1; i <= 100'000; ++i) {
    table.insert(slot_of<TypeParam>(static_cast<std::uint32_t>(generator.next()), i));
    const std::size_t grown = table.bytes() - before;
    // A segment with its pointer, and seldom a directory of twice the size, which is still small.
    ASSERT_LE(grown, table.segment_bytes() + 4096) << i;
    before = table.bytes();
  }
  table.check_invariants();
  EXPECT_LT(table.bytes(), 100'000 * sizeof(TypeParam) * 2.6);
}

TYPED_TEST(ExtendibleTableTest, IsAllInTheMemoryItIsGiven) {
  tests::CountedMemory memory;
  {
    const tests::AllocationCounter all;
    TableOf<TypeParam> table(HashOfTestSlot(), memory);
    SampleGenerator generator(5);
    for (std::uint32_t i = 1; i <= 100'000; ++i) {
      table.insert(slot_of<TypeParam>(static_cast<std::uint32_t>(generator.next()), i));
    }
    EXPECT_EQ(memory.bytes(), table.bytes());
    EXPECT_LE(all.count(), memory.allocations());
  }
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace rollcall::engine
