#include "engine/deadline_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

#include "engine/random.h"

namespace rollcall::engine {
namespace {

Instant at(int second) { return Instant(std::chrono::seconds(second)); }

TEST(DeadlineQueue, IsNeverDueWhenEmpty) {
  DeadlineQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.earliest(), kNever);
  queue.clear(7);
  EXPECT_TRUE(queue.empty());
  queue.check_invariants();
}

TEST(DeadlineQueue, TellsTheEarliestFirst) {
  DeadlineQueue queue;
  for (const int second : {5, 3, 8, 1, 9, 2, 7, 4, 6, 0}) {
    queue.set(static_cast<std::uint32_t>(second), at(second));
    queue.check_invariants();
  }
  for (std::uint32_t second = 0; second < 10; ++second) {
    EXPECT_EQ(queue.earliest(), at(static_cast<int>(second)));
    EXPECT_EQ(queue.front(), second);
    queue.clear(second);
    queue.check_invariants();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(DeadlineQueue, HoldsOneDeadlineForANumber) {
  DeadlineQueue queue;
  queue.set(1, at(10));
  queue.set(2, at(20));
  queue.set(1, at(30));
  EXPECT_EQ(queue.front(), 2u);
  queue.set(1, at(5));
  EXPECT_EQ(queue.front(), 1u);
  queue.clear(1);
  EXPECT_EQ(queue.front(), 2u);
  queue.clear(2);
  EXPECT_TRUE(queue.empty());
}

TEST(DeadlineQueue, IsClearedTwiceAsOnce) {
  DeadlineQueue queue;
  queue.set(4, at(1));
  queue.clear(4);
  queue.clear(4);
  EXPECT_TRUE(queue.empty());
  queue.set(4, at(2));
  EXPECT_EQ(queue.earliest(), at(2));
}

TEST(DeadlineQueue, AgreesWithAMapWhateverComesAndGoes) {
  SampleGenerator generator(5);
  DeadlineQueue queue;
  std::map<std::uint32_t, Instant> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto id = static_cast<std::uint32_t>(generator.below(60));
    if (generator.below(3) == 0) {
      queue.clear(id);
      model.erase(id);
    } else {
      // Few different ones, so that many are equal.
      model[id] = at(static_cast<int>(generator.below(40)));
      queue.set(id, model[id]);
    }
    queue.check_invariants();
    ASSERT_EQ(queue.empty(), model.empty());
    Instant earliest = kNever;
    for (const auto& [other, deadline] : model) earliest = std::min(earliest, deadline);
    ASSERT_EQ(queue.earliest(), earliest);
    if (!queue.empty()) {
      ASSERT_EQ(model.at(queue.front()), earliest);
    }
  }
}

}  // namespace
}  // namespace rollcall::engine
