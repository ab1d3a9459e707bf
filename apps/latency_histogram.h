#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "engine/time.h"

namespace rollcall::apps {

// Counts durations so that any quantile can be told within 1.6 %, however many there were and
// however far apart. Every power of two is divided into 64 buckets of equal width:
//
//   64 ns      128 ns              256 ns
//   |1 ns each |2 ns each          |4 ns each …
class LatencyHistogram {
 public:
  void record(engine::Duration latency, std::uint64_t times = 1) {
    const std::uint64_t ns = latency.count() < 0 ? 0 : static_cast<std::uint64_t>(latency.count());
    buckets_[bucket_of(ns)] += times;
    count_ += times;
    max_ns_ = ns > max_ns_ ? ns : max_ns_;
  }

  std::uint64_t count() const { return count_; }

  // The least upper bound of a bucket such that at least this part of all is not above it; zero if
  // nothing was recorded. REQUIRES: 0 <= part <= 1.
  engine::Duration quantile(double part) const;

  // Calls `visit` for each bucket that is not empty, from short to long, with the longest duration
  // that falls into it and how many did.
  void visit(const std::function<void(engine::Duration, std::uint64_t)>& visit) const;

  engine::Duration max() const { return engine::Duration(static_cast<std::int64_t>(max_ns_)); }

 private:
  static constexpr unsigned kDivisionBits = 6;
  static constexpr std::size_t kDivisions = std::size_t{1} << kDivisionBits;
  static constexpr std::size_t kBuckets = (64 - kDivisionBits + 1) * kDivisions;

  static std::size_t bucket_of(std::uint64_t ns) {
    if (ns < kDivisions) return ns;
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - kDivisionBits - 1;
    return shift * kDivisions + (ns >> shift);
  }

  static std::uint64_t last_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace rollcall::apps
