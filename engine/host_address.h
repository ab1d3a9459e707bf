#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace rollcall::engine {

// The address of a host, IPv4 or IPv6, without zone and port. IPv4 is held as ::ffff:a.b.c.d, so
// that a host has one form whichever kind of socket it came in on.
struct HostAddress {
  std::array<std::uint8_t, 16> bytes{};

  static constexpr HostAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d}};
  }

  constexpr bool is_v4() const {
    for (std::size_t i = 0; i < 10; ++i) {
      if (bytes[i] != 0) return false;
    }
    return bytes[10] == 0xFF && bytes[11] == 0xFF;
  }

  // What limits by host count: the address for IPv4, the /64 network for IPv6. The two never
  // coincide: an IPv4 key begins like ff00::/8, the multicast range, which nobody connects from.
  constexpr std::uint64_t quota_key() const {
    if (is_v4()) return 0xFFFFFFFF'00000000u | big_endian(12, 4);
    return big_endian(0, 8);
  }

  // As two words, which is much faster than byte by byte.
  friend constexpr bool operator==(const HostAddress& a, const HostAddress& b) {
    using Words = std::array<std::uint64_t, 2>;
    return std::bit_cast<Words>(a.bytes) == std::bit_cast<Words>(b.bytes);
  }

 private:
  constexpr std::uint64_t big_endian(std::size_t first, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = first; i < first + count; ++i) value = value << 8 | bytes[i];
    return value;
  }
};

}  // namespace rollcall::engine
