#include "store/lease_clock.h"

#include <algorithm>

namespace rollcall::store {
namespace {

using std::chrono::floor;
using std::chrono::milliseconds;

milliseconds monotonic(engine::Instant instant) {
  return floor<milliseconds>(instant.time_since_epoch());
}

}  // namespace

LeaseClock::LeaseClock(const ClockReading& start, milliseconds wall_offset)
    : to_lease_(
          std::max(start.wall.time_since_epoch() - wall_offset, kLeaseTimeMin.time_since_epoch()) -
          monotonic(start.now)),
      wall_offset_(wall_offset) {}

LeaseTime LeaseClock::lease_time(engine::Instant instant) const {
  return LeaseTime(monotonic(instant) + to_lease_);
}

engine::Instant LeaseClock::instant(LeaseTime time) const {
  return engine::Instant(time.time_since_epoch() - to_lease_);
}

bool LeaseClock::follow(const ClockReading& reading) {
  const milliseconds offset =
      reading.wall.time_since_epoch() - lease_time(reading.now).time_since_epoch();
  const milliseconds drift = offset - wall_offset_;
  if (-kWallDriftMax <= drift && drift <= kWallDriftMax) return false;
  wall_offset_ = offset;
  return true;
}

}  // namespace rollcall::store
