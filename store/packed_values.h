#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/time.h"
#include "store/lease_clock.h"

namespace rollcall::store {

// How values stand in packed records: numbers are little-endian. What puts one returns where it
// ends, what takes one moves `from` behind it.

template <typename Number>
char* put(Number number, char* to) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    *to++ = static_cast<char>(static_cast<std::uint64_t>(number) >> 8 * i & 0xFF);
  }
  return to;
}

template <typename Number>
Number take(const char*& from) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |= std::uint64_t{static_cast<std::uint8_t>(*from++)} << 8 * i;
  }
  return static_cast<Number>(number);
}

// Four bytes: seconds since the epoch.
inline char* put_date(engine::WallTime date, char* to) {
  return put(static_cast<std::uint32_t>(date.time_since_epoch().count()), to);
}
inline engine::WallTime take_date(const char*& from) {
  return engine::WallTime(std::chrono::seconds(take<std::uint32_t>(from)));
}

// Eight bytes: milliseconds, signed.
inline char* put_lease_time(LeaseTime time, char* to) {
  return put(static_cast<std::int64_t>(time.time_since_epoch().count()), to);
}
inline LeaseTime take_lease_time(const char*& from) {
  return LeaseTime(std::chrono::milliseconds(take<std::int64_t>(from)));
}
constexpr bool is_within_bounds(LeaseTime time) {
  return time >= kLeaseTimeMin && time <= kLeaseTimeMax;
}

}  // namespace rollcall::store
