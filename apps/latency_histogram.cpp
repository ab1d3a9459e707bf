#include "apps/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace rollcall::apps {

engine::Duration LatencyHistogram::quantile(double part) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size() && count_ > 0; ++bucket) {
    seen += buckets_[bucket];
    if (seen > 0 && seen >= wanted) {
      return engine::Duration(static_cast<std::int64_t>(std::min(last_of(bucket), max_ns_)));
    }
  }
  return max();
}

void LatencyHistogram::visit(
    const std::function<void(engine::Duration, std::uint64_t)>& visit) const {
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    if (buckets_[bucket] == 0) continue;
    visit(engine::Duration(static_cast<std::int64_t>(last_of(bucket))), buckets_[bucket]);
  }
}

// The inverse of `bucket_of`: the longest duration that falls into the bucket.
std::uint64_t LatencyHistogram::last_of(std::size_t bucket) {
  if (bucket < 2 * kDivisions) return bucket;
  const std::size_t shift = bucket / kDivisions - 1;
  const std::uint64_t division = bucket % kDivisions + kDivisions;
  return ((division + 1) << shift) - 1;
}

}  // namespace rollcall::apps
