#include "engine/output_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/random.h"
#include "tests/support/allocation_counter.h"

namespace rollcall::engine {
namespace {

TEST(OutputBuffer, OwnsNoMemoryBeforeTheFirstAppend) {
  const tests::AllocationCounter allocations;
  OutputBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(OutputBuffer, AppendingNothingToNothingIsNothing) {
  OutputBuffer buffer;
  buffer.append("");
  buffer.append({});
  EXPECT_TRUE(buffer.empty());
}

TEST(OutputBuffer, GivesBackItsMemoryOnRelease) {
  OutputBuffer buffer;
  buffer.append("Response 20 P2Pv1");
  buffer.release();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.append("again");
  EXPECT_EQ(buffer.view(), "again");
}

TEST(OutputBuffer, KeepsItsMemoryWhenItIsOnlyCleared) {
  OutputBuffer buffer;
  buffer.append(std::string(10'000, 'x'));
  const tests::AllocationCounter allocations;
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  const char answer[] = "Response 20 P2Pv1\n\nSuccess\n";
  for (int i = 0; i < 100; ++i) buffer.append(answer);
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(OutputBuffer, InsertsBeforeTheTail) {
  OutputBuffer buffer;
  buffer.append("sent");
  buffer.drop_front(4);
  buffer.append("head tail");
  buffer.insert_before_tail(4, "and ");
  EXPECT_EQ(buffer.view(), "head and tail");
  buffer.insert_before_tail(0, "!");
  EXPECT_EQ(buffer.view(), "head and tail!");
  buffer.insert_before_tail(buffer.size(), "> ");
  EXPECT_EQ(buffer.view(), "> head and tail!");
}

TEST(OutputBuffer, InsertsIntoStorageThatIsFull) {
  OutputBuffer buffer;
  buffer.append("x");
  buffer.append(std::string(buffer.capacity() - 1, 'y'));
  ASSERT_EQ(buffer.size(), buffer.capacity());
  buffer.insert_before_tail(buffer.size() - 1, "inserted");
  EXPECT_TRUE(buffer.view().starts_with("xinsertedyyy"));
}

TEST(OutputBuffer, IsMovedWithItsStorage) {
  OutputBuffer from;
  from.append("answer");
  OutputBuffer to(std::move(from));
  EXPECT_EQ(to.view(), "answer");
  OutputBuffer other;
  other = std::move(to);
  EXPECT_EQ(other.view(), "answer");
}

TEST(OutputBuffer, DoesNotGrowWhereWhatWaitsStaysSmall) {
  OutputBuffer buffer;
  const std::string answer(300, 'a');
  for (int i = 0; i < 10; ++i) buffer.append(answer);
  for (int i = 0; i < 100'000; ++i) {
    buffer.append(answer);
    buffer.drop_front(answer.size());
  }
  EXPECT_LE(buffer.capacity(), 16'384u);
}

TEST(OutputBuffer, AgreesWithAStringWhateverIsDone) {
  SampleGenerator generator(3);
  OutputBuffer buffer;
  std::string model;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t some = generator.below(model.size() + 1);
    const std::string text(generator.below(200), static_cast<char>('a' + step % 26));
    switch (generator.below(model.size() > 5000 ? 8 : 7)) {
      case 0:
      case 1:
      case 2:
        buffer.append(text);
        model += text;
        break;
      case 3:
        std::ranges::copy(text, buffer.prepare(text.size() + 10));
        buffer.commit(text.size());
        model += text;
        break;
      case 4:
        buffer.insert_before_tail(some, text);
        model.insert(model.size() - some, text);
        break;
      case 5:
        buffer.drop_back(some / 8);
        model.resize(model.size() - some / 8);
        break;
      case 6:
        buffer.drop_front(some);
        model.erase(0, some);
        break;
      case 7:
        buffer.clear();
        model.clear();
        break;
    }
    ASSERT_EQ(buffer.view(), model);
    ASSERT_EQ(buffer.empty(), model.empty());
    ASSERT_LE(buffer.size(), buffer.capacity());
  }
}

}  // namespace
}  // namespace rollcall::engine
