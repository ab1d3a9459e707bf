#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rollcall::apps {

// When the requests of an open loop are to be sent: one after the other at a fixed rate, to each
// connection in turn.
//
//   request      0   1   2   3   4   5        from the start, one every 1 / rate
//   connection   0   1   2   0   1   2        of three
//
// It does not depend on what the server does, and latency is counted from these times. A server
// that stops answering for a while is then seen to delay everything that was due meanwhile, and not
// only the requests that happened to be under way ("coordinated omission": Gil Tene, HdrHistogram,
// wrk2).
class LoadSchedule {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // REQUIRES: per_second > 0, connections > 0.
  LoadSchedule(TimePoint start, double per_second, std::size_t connections)
      : start_(start), interval_ns_(1e9 / per_second), connections_(connections) {}

  // How many requests were to be sent up to `now`, in all and by one connection.
  std::uint64_t due(TimePoint now) const {
    if (now < start_) return 0;
    return static_cast<std::uint64_t>(ns_of(now - start_) / interval_ns_) + 1;
  }
  std::uint64_t due(TimePoint now, std::size_t connection) const {
    return (due(now) + connections_ - 1 - connection) / connections_;
  }

  // When a request, counted over all connections or of one alone, is to be sent.
  TimePoint start_of(std::uint64_t request) const {
    const double ns = static_cast<double>(request) * interval_ns_;
    return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
  }
  TimePoint start_of(std::uint64_t request, std::size_t connection) const {
    return start_of(request * connections_ + connection);
  }

 private:
  static double ns_of(std::chrono::nanoseconds time) { return static_cast<double>(time.count()); }

  TimePoint start_;
  double interval_ns_;
  std::size_t connections_;
};

}  // namespace rollcall::apps
