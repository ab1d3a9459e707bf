#include "apps/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/random.h"

namespace rollcall::apps {
namespace {

using engine::Duration;

TEST(LatencyHistogram, OfNothingIsZero) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(0.5), Duration(0));
  EXPECT_EQ(histogram.quantile(1), Duration(0));
  EXPECT_EQ(histogram.max(), Duration(0));
}

TEST(LatencyHistogram, IsExactBelow128Nanoseconds) {
  LatencyHistogram histogram;
  for (int ns = 0; ns < 128; ++ns) histogram.record(Duration(ns));
  for (int ns = 0; ns < 128; ++ns) {
    EXPECT_EQ(histogram.quantile((ns + 1) / 128.0), Duration(ns));
  }
}

// A duration alone in a histogram is its own maximum, so a longer one stands beside it.
TEST(LatencyHistogram, IsNeverTooLowAndAtMost1Point6PercentTooHigh) {
  for (std::int64_t ns = 1; ns < std::numeric_limits<std::int64_t>::max() / 2; ns += ns / 97 + 1) {
    LatencyHistogram histogram;
    histogram.record(Duration(ns));
    histogram.record(Duration::max());
    const std::int64_t told = histogram.quantile(0.5).count();
    ASSERT_GE(told, ns);
    ASSERT_LE(static_cast<double>(told), 1.016 * static_cast<double>(ns)) << ns;
  }
}

TEST(LatencyHistogram, TellsTheQuantilesOfManyDurations) {
  engine::SampleGenerator random(1);
  LatencyHistogram histogram;
  std::vector<std::int64_t> all;
  for (int i = 0; i < 100'000; ++i) {
    // Spread over many powers of two.
    const auto ns = static_cast<std::int64_t>(random.next() >> (30 + random.below(34)));
    all.push_back(ns);
    histogram.record(Duration(ns));
  }
  std::ranges::sort(all);
  for (const double part : {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto exact = all[static_cast<std::size_t>(part * 100'000) - 1];
    const auto told = histogram.quantile(part).count();
    EXPECT_GE(told, exact);
    EXPECT_LE(static_cast<double>(told), 1.016 * static_cast<double>(exact) + 1);
  }
  EXPECT_EQ(histogram.quantile(1), Duration(all.back()));
  EXPECT_EQ(histogram.max(), Duration(all.back()));
}

TEST(LatencyHistogram, CountsSeveralAtOnce) {
  LatencyHistogram histogram;
  histogram.record(Duration(10), 99);
  histogram.record(Duration(100));
  EXPECT_EQ(histogram.count(), 100u);
  EXPECT_EQ(histogram.quantile(0.99), Duration(10));
  EXPECT_EQ(histogram.quantile(0.995), Duration(100));
}

TEST(LatencyHistogram, TakesATimeThatWentBackForZero) {
  LatencyHistogram histogram;
  histogram.record(Duration(-5));
  EXPECT_EQ(histogram.max(), Duration(0));
  EXPECT_EQ(histogram.count(), 1u);
}

}  // namespace
}  // namespace rollcall::apps
