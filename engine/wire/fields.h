#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/cookie.h"
#include "engine/word.h"

// The fields of a request, one check each. Client and server use the same ones.

namespace rollcall::engine {

// How many bytes at the beginning of `text` are printable ASCII, 0x20 to 0x7E.
inline std::size_t printable_ascii_length(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x01010101'01010101;
  constexpr std::uint64_t kHighBits = 0x80 * kOnes;
  std::size_t at = 0;
  for (; text.size() - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = load_word(text.data() + at);
    // A sum carries into the next byte only from one that is not printable, so the lowest byte that
    // is found is right.
    const std::uint64_t is_0x7f_or_more = word | (word + kOnes);
    const std::uint64_t is_0x20_or_more = word + 0x60 * kOnes;
    const std::uint64_t others = (is_0x7f_or_more | ~is_0x20_or_more) & kHighBits;
    if (others != 0) return at + static_cast<std::size_t>(std::countr_zero(others)) / 8;
  }
  while (at < text.size() && text[at] >= 0x20 && text[at] <= 0x7E) ++at;
  return at;
}

// 1 to 255 bytes of valid UTF-8 without control characters (U+0000–U+001F, U+007F–U+009F).
// Valid as RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_nick(std::string_view nick);

// 1 to `digits_max` ASCII digits without sign, space or leading zero, or `0`. Empty otherwise.
// REQUIRES: digits_max <= 9.
std::optional<std::uint32_t> parse_decimal(std::string_view text, std::size_t digits_max);

// 1 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text);

// 32 lower-case hexadecimal digits.
std::optional<Cookie> parse_cookie(std::string_view text);

inline constexpr std::size_t kCookieTextBytes = 2 * limits::kCookieBytes;

// Writes the 32 digits. REQUIRES: room for kCookieTextBytes at `to`.
void write_cookie(const Cookie& cookie, char* to);

}  // namespace rollcall::engine
