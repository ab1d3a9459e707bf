#include "engine/registry/inactive_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "engine/random.h"

namespace rollcall::engine {
namespace {

class InactiveQueueTest : public testing::Test {
 protected:
  EntryNumber add() {
    const EntryNumber number = pool_.allocate("nick");
    pool_[number].state = EntryState::kInactive;
    queue_.push_back(number);
    return number;
  }

  EntryPool pool_;
  InactiveQueue queue_{pool_};
};

TEST_F(InactiveQueueTest, IsEmptyAtFirst) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.size(), 0u);
  queue_.check_invariants();
}

TEST_F(InactiveQueueTest, HasTheFirstThatCameAtItsFront) {
  const EntryNumber first = add();
  const EntryNumber second = add();
  EXPECT_EQ(queue_.front(), first);
  queue_.remove(first);
  EXPECT_EQ(queue_.front(), second);
  queue_.remove(second);
  EXPECT_TRUE(queue_.empty());
  queue_.check_invariants();
}

TEST_F(InactiveQueueTest, PutsAnEntryThatCameBackAtTheEnd) {
  const EntryNumber first = add();
  const EntryNumber second = add();
  queue_.remove(first);
  queue_.push_back(first);
  queue_.check_invariants();
  EXPECT_EQ(queue_.front(), second);
  queue_.remove(second);
  EXPECT_EQ(queue_.front(), first);
}

TEST_F(InactiveQueueTest, CanBeSortedByDeadline) {
  SampleGenerator generator(5);
  queue_.sort();
  for (const std::size_t entries : {1u, 2u, 3u, 100u}) {
    while (queue_.size() < entries) {
      pool_[add()].deadline = Instant(Duration(generator.below(50)) - Duration(25));
    }
    queue_.sort();
    queue_.check_invariants();
    ASSERT_EQ(queue_.size(), entries);
    Instant latest = pool_[queue_.front()].deadline;
    std::vector<EntryNumber> taken;
    while (!queue_.empty()) {
      taken.push_back(queue_.front());
      EXPECT_LE(latest, pool_[taken.back()].deadline);
      latest = pool_[taken.back()].deadline;
      queue_.remove(taken.back());
    }
    for (const EntryNumber number : taken) queue_.push_back(number);
  }
}

TEST_F(InactiveQueueTest, AgreesWithADequeWhateverComesAndGoes) {
  SampleGenerator generator(3);
  std::deque<EntryNumber> model;
  for (int step = 0; step < 5000; ++step) {
    if (model.empty() || generator.below(100) < 52) {
      model.push_back(add());
    } else {
      // From the front, the back or the middle.
      const std::size_t ends[] = {0, model.size() - 1, generator.below(model.size())};
      const auto removed = model.begin() + static_cast<std::ptrdiff_t>(ends[generator.below(3)]);
      queue_.remove(*removed);
      pool_.free(*removed);
      model.erase(removed);
    }
    queue_.check_invariants();
    ASSERT_EQ(queue_.size(), model.size());
    ASSERT_EQ(queue_.empty(), model.empty());
    if (!model.empty()) {
      ASSERT_EQ(queue_.front(), model.front());
    }
  }
}

}  // namespace
}  // namespace rollcall::engine
