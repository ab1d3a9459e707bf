#include "apps/load_schedule.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

namespace rollcall::apps {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr LoadSchedule::TimePoint kStart{seconds(1000)};

TEST(LoadSchedule, BeginsWithOneRequestAndGoesOnAtItsRate) {
  const LoadSchedule schedule(kStart, 1000, 1);
  EXPECT_EQ(schedule.due(kStart - nanoseconds(1)), 0u);
  EXPECT_EQ(schedule.due(kStart), 1u);
  EXPECT_EQ(schedule.due(kStart + milliseconds(1) - nanoseconds(1)), 1u);
  EXPECT_EQ(schedule.due(kStart + milliseconds(1)), 2u);
  EXPECT_EQ(schedule.due(kStart + seconds(10)), 10'001u);
  EXPECT_EQ(schedule.start_of(0), kStart);
  EXPECT_EQ(schedule.start_of(10'000), kStart + seconds(10));
}

TEST(LoadSchedule, GoesRoundTheConnections) {
  const LoadSchedule schedule(kStart, 1000, 3);
  EXPECT_EQ(schedule.start_of(0, 0), kStart);
  EXPECT_EQ(schedule.start_of(0, 2), kStart + milliseconds(2));
  EXPECT_EQ(schedule.start_of(1, 0), kStart + milliseconds(3));
  EXPECT_EQ(schedule.start_of(5, 1), kStart + milliseconds(16));
  for (int ms = -1; ms < 20; ++ms) {
    const auto now = kStart + milliseconds(ms) + microseconds(1);
    std::uint64_t due = 0;
    for (std::size_t connection = 0; connection < 3; ++connection) {
      due += schedule.due(now, connection);
    }
    EXPECT_EQ(due, schedule.due(now)) << ms;
  }
  EXPECT_EQ(schedule.due(kStart, 0), 1u);
  EXPECT_EQ(schedule.due(kStart, 1), 0u);
}

// What is due has a start that is not later than now, and what is not due has a later one, up to
// the nanosecond that rounding takes.
TEST(LoadSchedule, AgreesWithItselfAtRatesThatDoNotComeOutEven) {
  for (const double rate : {0.3, 7.0, 333.0, 999'983.0, 12'345'678.0}) {
    const LoadSchedule schedule(kStart, rate, 50);
    for (std::int64_t ns = 0; ns < 3'600'000'000'000; ns = ns * 5 / 3 + 1) {
      const auto now = kStart + nanoseconds(ns);
      const std::uint64_t due = schedule.due(now);
      ASSERT_LE(schedule.start_of(due - 1), now + nanoseconds(1)) << rate << ' ' << ns;
      ASSERT_GE(schedule.start_of(due), now - nanoseconds(1)) << rate << ' ' << ns;
    }
  }
}

}  // namespace
}  // namespace rollcall::apps
