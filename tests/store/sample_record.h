#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "store/record.h"

namespace rollcall::tests {

// An active peer's record with a value in every field. `nick` is not copied.
inline store::Record sample_record(std::string_view nick, std::uint16_t port) {
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = port;
  record.active = true;
  record.cookie = engine::Cookie{{1, 2, 3}};
  record.deadline = store::LeaseTime(std::chrono::milliseconds(1'700'000'000'123));
  record.registered_at = engine::WallTime(std::chrono::seconds(1'700'000'000));
  record.activity_bits = 5;
  record.activity_day = 19'675;
  return record;
}

}  // namespace rollcall::tests
