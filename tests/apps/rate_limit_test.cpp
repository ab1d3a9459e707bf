#include "apps/rate_limit.h"

#include <gtest/gtest.h>

#include <chrono>

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;

constexpr engine::Instant kStart{1000s};

TEST(RateLimit, AdmitsSoManyInASecond) {
  RateLimit limit(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.admit(kStart + i * 1ms));
  EXPECT_FALSE(limit.admit(kStart + 3ms));
  EXPECT_FALSE(limit.admit(kStart + 999ms));
  EXPECT_TRUE(limit.admit(kStart + 1s));
}

TEST(RateLimit, ASecondBeginsWithTheFirstThatComes) {
  RateLimit limit(1);
  EXPECT_TRUE(limit.admit(kStart));
  EXPECT_TRUE(limit.admit(kStart + 1900ms));
  EXPECT_FALSE(limit.admit(kStart + 2800ms));
  EXPECT_TRUE(limit.admit(kStart + 2900ms));
}

TEST(RateLimit, TellsOfTheSuppressedOnceTheirSecondIsOver) {
  RateLimit limit(1);
  EXPECT_TRUE(limit.admit(kStart));
  EXPECT_FALSE(limit.admit(kStart));
  EXPECT_FALSE(limit.admit(kStart));
  EXPECT_EQ(limit.take_suppressed(kStart + 999ms), 0u);
  EXPECT_EQ(limit.take_suppressed(kStart + 1s), 2u);
  EXPECT_EQ(limit.take_suppressed(kStart + 1s), 0u);
}

TEST(RateLimit, ForgetsNoneThatNobodyAskedAbout) {
  RateLimit limit(1);
  EXPECT_TRUE(limit.admit(kStart));
  EXPECT_FALSE(limit.admit(kStart));
  EXPECT_TRUE(limit.admit(kStart + 1s));
  EXPECT_FALSE(limit.admit(kStart + 1s));
  EXPECT_EQ(limit.take_suppressed(kStart + 2s), 2u);
}

}  // namespace
}  // namespace rollcall::apps
