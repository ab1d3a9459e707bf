#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/limits.h"

namespace rollcall::engine {

// The secret that proves ownership of an entry: 128 bits, 32 lower-case hexadecimal digits on the
// wire. It is never logged.
struct Cookie {
  std::array<std::uint8_t, limits::kCookieBytes> bytes{};

  // Takes the same time wherever the first difference is, so that timing tells nothing about it.
  friend constexpr bool operator==(const Cookie& a, const Cookie& b) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.bytes.size(); ++i) {
      difference |= static_cast<unsigned>(a.bytes[i] ^ b.bytes[i]);
    }
    return difference == 0;
  }
};

}  // namespace rollcall::engine
