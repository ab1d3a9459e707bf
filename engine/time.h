#pragma once

#include <chrono>

// Time as a value. Nothing in the engine reads a clock: whoever drives it says what time it is.

namespace rollcall::engine {

// The clock that deadlines are measured on. It only goes forward and knows no date. It has no
// `now`: the shell maps its own steady clock onto it, a test counts it by hand.
struct MonotonicClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using Duration = MonotonicClock::duration;
using Instant = MonotonicClock::time_point;

// Further away than any deadline.
inline constexpr Instant kNever = Instant::max();

// The date, in UTC. It may jump in either direction; only registration dates and activity days are
// taken from it, never a deadline.
using WallTime = std::chrono::sys_seconds;

// Both, read together.
struct Time {
  Instant now;
  WallTime wall;
};

}  // namespace rollcall::engine
