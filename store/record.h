#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/change.h"
#include "engine/cookie.h"
#include "engine/host_address.h"
#include "engine/time.h"

namespace rollcall::store {

// The date with the precision that leases need.
using WallInstant = std::chrono::sys_time<std::chrono::milliseconds>;

// One entry as a store keeps it: complete in itself, so that the last record of a nick is all there
// is to know about it. Times are dates, because the monotonic clock starts anew with the process.
struct Record {
  std::string nick;
  engine::HostAddress host;
  std::uint16_t port = 0;
  bool active = false;
  std::optional<engine::Cookie> cookie;
  // Active: the end of the lease. Inactive: when the entry became so. Rounded down.
  WallInstant deadline;
  engine::WallTime registered_at;
  std::uint32_t activity_bits = 0;
  std::uint16_t activity_day = 0;

  friend bool operator==(const Record&, const Record&) = default;
};

// What a change leaves behind, given the date and the monotonic time at one moment.
Record record_of(const engine::Change& change, WallInstant wall, engine::Instant now);

}  // namespace rollcall::store
