#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/cookie.h"

// The fields of a request, one check each. Client and server use the same ones.

namespace rollcall::engine {

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
