#include "store/journal.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/assert.h"
#include "engine/limits.h"
#include "store/packed_values.h"

namespace rollcall::store {
namespace {

using engine::Extent;

constexpr std::uint8_t kMoment = 8;
constexpr std::uint8_t kRenewal = 16;
constexpr std::uint8_t kByRegister = 32;

constexpr std::size_t kMomentBytes = 1 + 4 + 8;
constexpr std::size_t kRenewalHeadBytes = 1 + 1;

std::uint8_t flags_of(std::string_view packed) {
  return packed.empty() ? 0 : static_cast<std::uint8_t>(packed.front());
}

std::optional<Moment> take_moment(std::string_view& packed) {
  if (packed.size() < kMomentBytes) return std::nullopt;
  const char* from = packed.data() + 1;
  Moment moment;
  moment.registered_at = take_date(from);
  moment.deadline = take_lease_time(from);
  if (!is_within_bounds(moment.deadline)) return std::nullopt;
  packed.remove_prefix(kMomentBytes);
  return moment;
}

}  // namespace

void JournalPacker::pack(const Record& record, std::string& to) {
  if (record.extent == Extent::kEntry) return store::pack(record, to);
  ROLLCALL_ASSERT(!record.nick.empty());
  ROLLCALL_ASSERT(record.nick.size() <= engine::limits::kNickBytesMax);
  char bytes[kMomentBytes + kRenewalHeadBytes + engine::limits::kNickBytesMax];
  char* at = bytes;
  const bool is_by_register = record.extent == Extent::kRegistration;
  if (!moment_.has_value() || moment_->deadline != record.deadline ||
      (is_by_register && moment_->registered_at != record.registered_at)) {
    moment_ = Moment{record.deadline, record.registered_at};
    at = put(kMoment, at);
    at = put_date(moment_->registered_at, at);
    at = put_lease_time(moment_->deadline, at);
  }
  at = put(static_cast<std::uint8_t>(is_by_register ? kRenewal | kByRegister : kRenewal), at);
  at = put(static_cast<std::uint8_t>(record.nick.size()), at);
  std::memcpy(at, record.nick.data(), record.nick.size());
  at += record.nick.size();
  to.append(bytes, static_cast<std::size_t>(at - bytes));
}

std::optional<Record> JournalUnpacker::unpack(std::string_view& packed) {
  if (flags_of(packed) < kMoment) return store::unpack(packed);

  std::string_view rest = packed;
  std::optional<Moment> moment = moment_;
  if (flags_of(rest) == kMoment) moment = take_moment(rest);
  if (!moment.has_value() || rest.size() < kRenewalHeadBytes) return std::nullopt;
  const char* from = rest.data();
  const auto flags = take<std::uint8_t>(from);
  const auto nick_bytes = take<std::uint8_t>(from);
  if ((flags & ~kByRegister) != kRenewal || nick_bytes == 0) return std::nullopt;
  if (rest.size() < kRenewalHeadBytes + nick_bytes) return std::nullopt;

  moment_ = moment;
  Record record;
  record.extent = (flags & kByRegister) != 0 ? Extent::kRegistration : Extent::kLease;
  record.nick = {from, nick_bytes};
  record.active = true;
  record.deadline = moment->deadline;
  if (record.extent == Extent::kRegistration) record.registered_at = moment->registered_at;
  rest.remove_prefix(kRenewalHeadBytes + nick_bytes);
  packed = rest;
  return record;
}

}  // namespace rollcall::store
