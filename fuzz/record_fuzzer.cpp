// Property: a record is unpacked only where packing it gives the same bytes; anything else is
// refused and left alone; a batch of a journal is taken to pieces where its layout says; and the
// clock on which a deadline stands keeps leases when both other clocks step.
//
// The input is packed records, as a list has them and as a journal has them; its bytes also choose
// a record and clocks.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/change.h"
#include "engine/limits.h"
#include "fuzz/property.h"
#include "store/journal.h"
#include "store/lease_clock.h"

namespace {

using namespace rollcall;
using std::chrono::milliseconds;
using store::Record;

// Numbers out of an input, zero behind its end.
class Numbers {
 public:
  explicit Numbers(std::string_view bytes) : rest_(bytes) {}

  template <typename Number>
  Number take() {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(Number) && !rest_.empty(); ++i) {
      number = number << 8 | static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
    }
    return static_cast<Number>(number);
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// The layout, read byte by byte. Whether `packed` begins with a record, and how long it is.
std::optional<std::size_t> record_bytes(std::string_view packed) {
  const auto byte = [&](std::size_t i) -> std::uint64_t {
    return i < packed.size() ? static_cast<std::uint8_t>(packed[i]) : 0;
  };
  const auto number = [&](std::size_t first, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i > 0; --i) value = value * 256 + byte(first + i - 1);
    return value;
  };
  const std::uint64_t flags = byte(0);
  const bool is_v4 = flags / 4 % 2 == 1;
  const std::size_t host = is_v4 ? 4 : 16;
  const std::size_t bytes = 22 + host + (flags / 2 % 2 == 1 ? 16 : 0) + byte(1);
  if (flags > 7 || byte(1) == 0 || packed.size() < bytes) return std::nullopt;
  if (number(2, 2) == 0 || number(6, 4) >= 1u << 30) return std::nullopt;
  if (number(14, 8) > std::uint64_t{1} << 42) return std::nullopt;
  const bool looks_like_v4 = number(22, 8) == 0 && number(30, 4) == 0xFFFF0000;
  if (!is_v4 && looks_like_v4) return std::nullopt;
  return bytes;
}

void check_packed(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const std::optional<Record> record = store::unpack(rest);
    const std::optional<std::size_t> bytes = record_bytes(before);
    if (record.has_value() != bytes.has_value()) fuzz::broken("a record or none");
    if (!record.has_value()) {
      if (rest.data() != before.data() || rest.size() != before.size()) {
        fuzz::broken("something is taken off though it is no record");
      }
      return;
    }
    if (before.size() - rest.size() != *bytes) fuzz::broken("a record of another length");
    std::string again;
    store::pack(*record, again);
    if (again != before.substr(0, *bytes)) fuzz::broken("packed as other bytes");
    if (*bytes > store::kPackedRecordBytesMax) fuzz::broken("a record longer than the longest");
    if (*bytes < store::kPackedRecordBytesMin) fuzz::broken("a record shorter than the shortest");
  }
}

// How long the renewal is that `packed` begins with, if it does. `moment` is the last one before
// it, and then the one that it has: 13 bytes.
std::optional<std::size_t> renewal_bytes(std::string_view packed, std::string_view& moment) {
  const auto byte = [&](std::size_t i) {
    return i < packed.size() ? static_cast<std::uint8_t>(packed[i]) : 0u;
  };
  std::size_t at = 0;
  if (byte(0) == 8) {
    at = 13;
    // Up to 2^42 ms.
    const bool is_highest = byte(10) == 4 && (byte(5) | byte(6) | byte(7) | byte(8) | byte(9)) == 0;
    if (packed.size() < at || byte(12) != 0 || byte(11) != 0) return std::nullopt;
    if (byte(10) >= 4 && !is_highest) return std::nullopt;
  } else if (moment.empty()) {
    return std::nullopt;
  }
  const std::size_t bytes = at + 2 + byte(at + 1);
  if (byte(at) != 16 && byte(at) != 48) return std::nullopt;
  if (byte(at + 1) == 0 || packed.size() < bytes) return std::nullopt;
  if (at != 0) moment = packed.substr(0, at);
  return bytes;
}

// Packed anew the records of a journal are the same, though their moments may be others.
void check_journal(std::string_view text) {
  store::JournalUnpacker unpacker;
  store::JournalPacker packer;
  std::vector<Record> records;
  std::string again;
  std::string_view moment;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    const std::optional<Record> record = unpacker.unpack(rest);
    std::optional<std::size_t> bytes = record_bytes(before);
    const bool is_whole = bytes.has_value();
    if (!is_whole) bytes = renewal_bytes(before, moment);
    if (record.has_value() != bytes.has_value()) fuzz::broken("a change or none");
    if (!record.has_value()) {
      if (rest.data() != before.data() || rest.size() != before.size()) {
        fuzz::broken("something is taken off though it is no change");
      }
      break;
    }
    if (before.size() - rest.size() != *bytes) fuzz::broken("a change of another length");
    if ((record->extent == engine::Extent::kEntry) != is_whole) fuzz::broken("another extent");
    if (!is_whole) {
      std::string_view deadline = moment.substr(5);
      std::int64_t ms = 0;
      for (int shift = 0; !deadline.empty(); shift += 8, deadline.remove_prefix(1)) {
        ms |= std::int64_t{static_cast<std::uint8_t>(deadline.front())} << shift;
      }
      if (record->deadline.time_since_epoch().count() != ms) fuzz::broken("of another moment");
    }
    records.push_back(*record);
    packer.pack(*record, again);
  }
  store::JournalUnpacker unpacker_again;
  std::string_view rest = again;
  for (const Record& record : records) {
    if (unpacker_again.unpack(rest) != record) fuzz::broken("packed as another change");
  }
  if (!rest.empty()) fuzz::broken("packed as more than there is");
}

// What lease time a process begins with.
std::int64_t lease_ms(store::WallInstant wall, milliseconds offset) {
  const milliseconds since_1970 = wall.time_since_epoch() - offset;
  return since_1970 < milliseconds(0) ? 0 : since_1970.count();
}

// A change, told by one process and restored by the next one.
void check_restart(Numbers numbers) {
  engine::Change change;
  change.host.bytes[0] = numbers.take<std::uint8_t>();
  change.host.bytes[15] = numbers.take<std::uint8_t>();
  if (change.host.bytes[0] < 0x80) {
    change.host = engine::HostAddress::v4(change.host.bytes[0], 0, 0, change.host.bytes[15]);
  }
  change.port = numbers.take<std::uint16_t>();
  if (change.port == 0) return;
  const auto flags = numbers.take<std::uint8_t>();
  change.active = (flags & 1) != 0;
  change.has_cookie = (flags & 2) != 0;
  if (change.has_cookie) change.cookie.bytes.fill(flags);
  change.activity_bits = numbers.take<std::uint32_t>() & 0x3FFF'FFFF;
  change.activity_day = numbers.take<std::uint16_t>();
  change.registered_at = engine::WallTime(std::chrono::seconds(numbers.take<std::uint32_t>()));

  // Up to nine years of uptime, seventy of dates, a week of lease.
  const engine::Instant now(milliseconds(numbers.take<std::uint64_t>() >> 26));
  const store::WallInstant wall(milliseconds(numbers.take<std::uint64_t>() >> 23));
  const milliseconds offset(numbers.take<std::int32_t>());
  const auto lease = milliseconds(numbers.take<std::uint32_t>() % (7 * 86'400'000u));
  const milliseconds down(numbers.take<std::uint32_t>());
  change.deadline = now + lease;
  change.nick = numbers.rest().substr(0, engine::limits::kNickBytesMax);
  if (change.nick.empty()) return;

  store::LeaseClock clock({now, wall}, offset);
  const std::int64_t begin = lease_ms(wall, offset);
  const std::int64_t expected = begin + lease.count();
  const Record record = store::record_of(change, clock);
  if (expected >= 0 && expected <= std::int64_t{1} << 42) {
    if (record.deadline.time_since_epoch().count() != expected) fuzz::broken("another deadline");
  }
  std::string packed;
  store::pack(record, packed);
  std::string_view rest = packed;
  const std::optional<Record> unpacked = store::unpack(rest);
  if (unpacked != record || !rest.empty()) fuzz::broken("unpacked as another record");

  // The wall clock steps; the lease stays as it was, now and after a restart.
  const store::WallInstant stepped = wall + milliseconds(numbers.take<std::int16_t>());
  const milliseconds follows = stepped.time_since_epoch() - milliseconds(begin);
  const std::int64_t drift = (follows - offset).count();
  const bool steps = clock.follow({now, stepped});
  if (steps != (drift < -1000 || drift > 1000)) fuzz::broken("a step of the wall clock or none");
  if (clock.wall_offset() != (steps ? follows : offset)) fuzz::broken("the offset");
  if (clock.lease_time(change.deadline) != store::LeaseTime(milliseconds(expected)))
    fuzz::broken("the lease");
  const engine::Instant restarted(std::chrono::hours(1));
  const store::WallInstant at_restart = (steps ? stepped : wall) + down;
  const store::LeaseClock next({restarted, at_restart}, clock.wall_offset());
  const engine::Change again = store::change_of(*unpacked, next);
  if (record.deadline == store::LeaseTime(milliseconds(expected)) &&
      again.deadline !=
          restarted + milliseconds(expected - lease_ms(at_restart, clock.wall_offset()))) {
    fuzz::broken("a lease of another length after a restart");
  }
  if (again.nick != change.nick || again.host != change.host || again.port != change.port ||
      again.active != change.active || again.has_cookie != change.has_cookie ||
      (change.has_cookie && again.cookie != change.cookie) ||
      again.activity_bits != change.activity_bits || again.activity_day != change.activity_day ||
      again.registered_at != change.registered_at) {
    fuzz::broken("another entry after a restart");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_packed(text);
  check_journal(text);
  check_restart(Numbers(text));
  return 0;
}
