#pragma once

#include <chrono>

#include "engine/time.h"

namespace rollcall::store {

// The date with the precision that leases need, in UTC.
using WallInstant = std::chrono::sys_time<std::chrono::milliseconds>;

// Both clocks, read together.
struct ClockReading {
  engine::Instant now;
  WallInstant wall;
};

// The time line on which a store writes down deadlines, in milliseconds. The monotonic clock starts
// anew with the machine, so it cannot be that; the wall clock jumps, so it cannot either.
//
//   lease time = monotonic time + a constant of this process
//   wall time  = lease time + the wall offset, which the store keeps
//
// A new store's offset is zero: its lease times are dates. When the wall clock steps, the offset
// changes and every deadline in the store means a new date, without being written again. After a
// restart lease time goes on by as much as the wall clock says that the server was down.
struct LeaseTimeLine {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<LeaseTimeLine>;
  static constexpr bool is_steady = true;
};
using LeaseTime = LeaseTimeLine::time_point;

// Between these bounds an unpacked deadline lies; they are 139 years apart, so that arithmetic with
// any of them is exact.
inline constexpr LeaseTime kLeaseTimeMin{std::chrono::milliseconds(0)};
inline constexpr LeaseTime kLeaseTimeMax{std::chrono::milliseconds(std::int64_t{1} << 42)};

// The wall clock may drift this far from the monotonic one before the offset is written anew.
inline constexpr std::chrono::milliseconds kWallDriftMax{1000};

class LeaseClock {
 public:
  // As of `start`, given the offset that the store kept. Lease time begins at kLeaseTimeMin where
  // that says less, because the machine starts in 1970 and is set right later: else it would go
  // back by decades with each start. The offset is then told by the first `follow`.
  LeaseClock(const ClockReading& start, std::chrono::milliseconds wall_offset);

  std::chrono::milliseconds wall_offset() const { return wall_offset_; }

  // Rounded down.
  LeaseTime lease_time(engine::Instant instant) const;
  // REQUIRES: `time` is within 290 years of now. Callers clamp what they read from a file.
  engine::Instant instant(LeaseTime time) const;

  // Whether the wall clock has stepped, or drifted by more than kWallDriftMax; if so `wall_offset`
  // is the new one from here on, which the store has to write.
  bool follow(const ClockReading& reading);

 private:
  std::chrono::milliseconds to_lease_;  // lease time minus monotonic time, both in milliseconds
  std::chrono::milliseconds wall_offset_;
};

}  // namespace rollcall::store
