#include "store/record.h"

#include <algorithm>
#include <cstring>

#include "engine/assert.h"
#include "engine/limits.h"
#include "store/packed_values.h"

namespace rollcall::store {
namespace {

constexpr std::uint8_t kActive = 1;
constexpr std::uint8_t kHasCookie = 2;
constexpr std::uint8_t kIsV4 = 4;
constexpr std::uint8_t kFlags = kActive | kHasCookie | kIsV4;

constexpr std::size_t kHostV4At = 12;  // in HostAddress::bytes
constexpr std::uint32_t kActivityMask = (std::uint32_t{1} << engine::limits::kHistoryDays) - 1;

char* put_bytes(const void* bytes, std::size_t size, char* to) {
  std::memcpy(to, bytes, size);
  return to + size;
}

void take_bytes(const char*& from, void* bytes, std::size_t size) {
  std::memcpy(bytes, from, size);
  from += size;
}

// What comes before the host.
constexpr std::size_t kFixedBytes = kPackedRecordBytesMin - 4 - 1;

std::size_t bytes_behind_fixed(std::uint8_t flags, std::uint8_t nick_bytes) {
  const std::size_t host = (flags & kIsV4) != 0 ? 4 : sizeof(engine::HostAddress);
  const std::size_t cookie = (flags & kHasCookie) != 0 ? sizeof(engine::Cookie) : 0;
  return host + cookie + nick_bytes;
}

}  // namespace

Record record_of(const engine::Change& change, const LeaseClock& clock) {
  Record record;
  record.extent = change.extent;
  record.nick = change.nick;
  record.active = change.active;
  record.deadline = std::clamp(clock.lease_time(change.deadline), kLeaseTimeMin, kLeaseTimeMax);
  record.registered_at = change.registered_at;
  if (change.extent != engine::Extent::kEntry) return record;
  record.host = change.host;
  record.port = change.port;
  if (change.has_cookie) record.cookie = change.cookie;
  record.activity_bits = change.activity_bits;
  record.activity_day = change.activity_day;
  return record;
}

engine::Change change_of(const Record& record, const LeaseClock& clock) {
  engine::Change change;
  change.extent = record.extent;
  change.nick = record.nick;
  change.host = record.host;
  change.port = record.port;
  change.active = record.active;
  change.has_cookie = record.cookie.has_value();
  if (change.has_cookie) change.cookie = *record.cookie;
  change.deadline = clock.instant(record.deadline);
  change.registered_at = record.registered_at;
  change.activity_bits = record.activity_bits;
  change.activity_day = record.activity_day;
  return change;
}

void pack(const Record& record, std::string& to) {
  ROLLCALL_ASSERT(record.extent == engine::Extent::kEntry);
  ROLLCALL_ASSERT(!record.nick.empty());
  ROLLCALL_ASSERT(record.nick.size() <= engine::limits::kNickBytesMax);
  char bytes[kPackedRecordBytesMax];
  const bool is_v4 = record.host.is_v4();
  unsigned flags = record.active ? kActive : 0;
  if (record.cookie.has_value()) flags |= kHasCookie;
  if (is_v4) flags |= kIsV4;

  char* at = bytes;
  at = put(static_cast<std::uint8_t>(flags), at);
  at = put(static_cast<std::uint8_t>(record.nick.size()), at);
  at = put(record.port, at);
  at = put(record.activity_day, at);
  at = put(record.activity_bits, at);
  at = put_date(record.registered_at, at);
  at = put_lease_time(record.deadline, at);
  const std::size_t host_at = is_v4 ? kHostV4At : 0;
  at = put_bytes(&record.host.bytes[host_at], record.host.bytes.size() - host_at, at);
  if (record.cookie.has_value()) {
    at = put_bytes(record.cookie->bytes.data(), record.cookie->bytes.size(), at);
  }
  at = put_bytes(record.nick.data(), record.nick.size(), at);
  to.append(bytes, static_cast<std::size_t>(at - bytes));
}

std::size_t packed_record_bytes(std::string_view packed) {
  ROLLCALL_ASSERT(packed.size() >= kPackedRecordBytesMin);
  const char* from = packed.data();
  const auto flags = take<std::uint8_t>(from);
  const auto nick_bytes = take<std::uint8_t>(from);
  const std::size_t bytes = kFixedBytes + bytes_behind_fixed(flags, nick_bytes);
  ROLLCALL_ASSERT(packed.size() >= bytes);
  return bytes;
}

std::optional<Record> unpack(std::string_view& packed) {
  if (packed.size() < kPackedRecordBytesMin) return std::nullopt;
  const char* from = packed.data();
  const auto flags = take<std::uint8_t>(from);
  const auto nick_bytes = take<std::uint8_t>(from);
  const bool is_v4 = (flags & kIsV4) != 0;
  const bool has_cookie = (flags & kHasCookie) != 0;

  Record record;
  record.active = (flags & kActive) != 0;
  record.port = take<std::uint16_t>(from);
  record.activity_day = take<std::uint16_t>(from);
  record.activity_bits = take<std::uint32_t>(from);
  record.registered_at = take_date(from);
  record.deadline = take_lease_time(from);

  const std::size_t bytes = kFixedBytes + bytes_behind_fixed(flags, nick_bytes);
  if (packed.size() < bytes) return std::nullopt;
  if ((flags & ~kFlags) != 0 || nick_bytes == 0 || record.port == 0) return std::nullopt;
  if (!is_within_bounds(record.deadline)) return std::nullopt;
  if ((record.activity_bits & ~kActivityMask) != 0) return std::nullopt;

  if (is_v4) record.host = engine::HostAddress::v4(0, 0, 0, 0);
  const std::size_t host_at = is_v4 ? kHostV4At : 0;
  take_bytes(from, &record.host.bytes[host_at], record.host.bytes.size() - host_at);
  if (!is_v4 && record.host.is_v4()) return std::nullopt;  // it has another form
  if (has_cookie) {
    record.cookie.emplace();
    take_bytes(from, record.cookie->bytes.data(), record.cookie->bytes.size());
  }
  record.nick = {from, nick_bytes};
  packed.remove_prefix(bytes);
  return record;
}

}  // namespace rollcall::store
