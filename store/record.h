#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/change.h"
#include "engine/cookie.h"
#include "engine/host_address.h"
#include "engine/time.h"
#include "store/lease_clock.h"

namespace rollcall::store {

// What a store keeps of a change. Of an extent that is less than an entry only the fields it is
// about have a meaning, and the nick.
struct Record {
  engine::Extent extent = engine::Extent::kEntry;
  std::string_view nick;  // borrowed
  engine::HostAddress host;
  std::uint16_t port = 0;
  bool active = false;
  std::optional<engine::Cookie> cookie;
  // Active: the end of the lease. Inactive: when the entry became so. Rounded down.
  LeaseTime deadline;
  engine::WallTime registered_at;
  std::uint32_t activity_bits = 0;
  std::uint16_t activity_day = 0;

  friend bool operator==(const Record&, const Record&) = default;
};

// What a change leaves behind; of a renewal only what a journal keeps.
Record record_of(const engine::Change& change, const LeaseClock& clock);
// The change that a record describes; borrows its nick. Its place in the order of changes is blank.
engine::Change change_of(const Record& record, const LeaseClock& clock);

// Records of whole entries in a row, packed. store/journal.h has those of others. Numbers are
// little-endian:
//
//   flags      1   bit 0 active, bit 1 has a cookie, bit 2 the host is IPv4
//   nick       1   its length
//   port       2
//   day        2   of the last activity, days since the epoch
//   activity   4   a bit a day
//   registered 4   seconds since the epoch
//   deadline   8   lease time in milliseconds, signed
//   host       4 or 16
//   cookie     0 or 16
//   nick       1 to 255
// REQUIRES: the record is of a whole entry.
void pack(const Record& record, std::string& to);

// How long the first record of `packed` is. REQUIRES: `pack` put it there.
std::size_t packed_record_bytes(std::string_view packed);

// Takes the first record off `packed`; its nick borrows from there. Empty, with `packed` unchanged,
// where that does not begin with a whole record whose values are within the protocol's bounds.
// Whether the nick is valid text is not looked at.
std::optional<Record> unpack(std::string_view& packed);

inline constexpr std::size_t kPackedRecordBytesMin = 1 + 1 + 2 + 2 + 4 + 4 + 8 + 4 + 1;
inline constexpr std::size_t kPackedRecordBytesMax = 1 + 1 + 2 + 2 + 4 + 4 + 8 + 16 + 16 + 255;

}  // namespace rollcall::store
