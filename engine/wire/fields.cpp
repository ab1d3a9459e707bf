#include "engine/wire/fields.h"

#include <cstddef>

#include "engine/assert.h"
#include "engine/limits.h"

namespace rollcall::engine {
namespace {

constexpr bool is_within(std::uint8_t byte, std::uint8_t first, std::uint8_t last) {
  return first <= byte && byte <= last;
}

constexpr bool is_continuation(std::uint8_t byte) { return is_within(byte, 0x80, 0xBF); }

// The length of the character that begins `bytes`, 0 if it is malformed or a control character. The
// grammar of RFC 3629, section 4: the lead byte says the length and which second bytes may follow.
// REQUIRES: !text.empty().
std::size_t printable_character_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return is_within(lead, 0x20, 0x7E) ? 1 : 0;

  if (is_within(lead, 0xC2, 0xDF)) {
    const std::uint8_t first = lead == 0xC2 ? 0xA0 : 0x80;  // below: U+0080 to U+009F
    return text.size() >= 2 && is_within(byte(1), first, 0xBF) ? 2 : 0;
  }
  if (is_within(lead, 0xE0, 0xEF)) {
    const std::uint8_t first = lead == 0xE0 ? 0xA0 : 0x80;  // below: overlong
    const std::uint8_t last = lead == 0xED ? 0x9F : 0xBF;   // above: surrogates
    return text.size() >= 3 && is_within(byte(1), first, last) && is_continuation(byte(2)) ? 3 : 0;
  }
  if (is_within(lead, 0xF0, 0xF4)) {
    const std::uint8_t first = lead == 0xF0 ? 0x90 : 0x80;  // below: overlong
    const std::uint8_t last = lead == 0xF4 ? 0x8F : 0xBF;   // above: past U+10FFFF
    return text.size() >= 4 && is_within(byte(1), first, last) && is_continuation(byte(2)) &&
                   is_continuation(byte(3))
               ? 4
               : 0;
  }
  return 0;
}

bool is_printable_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = printable_character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// The value of a lower-case hexadecimal digit, more than 15 for any other byte.
constexpr std::uint8_t hex_value(char digit) {
  if ('0' <= digit && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
  if ('a' <= digit && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
  return 0xFF;
}

}  // namespace

bool is_valid_nick(std::string_view nick) {
  if (nick.empty() || nick.size() > limits::kNickBytesMax) return false;
  return printable_ascii_length(nick) == nick.size() || is_printable_utf8(nick);
}

std::optional<std::uint32_t> parse_decimal(std::string_view text, std::size_t digits_max) {
  ROLLCALL_ASSERT(digits_max <= 9);
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  std::uint32_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(digit - '0');
  }
  return value;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint32_t> value = parse_decimal(text, limits::kPortDigitsMax);
  if (!value || *value == 0 || *value > 0xFFFF) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::optional<Cookie> parse_cookie(std::string_view text) {
  if (text.size() != kCookieTextBytes) return std::nullopt;
  Cookie cookie;
  for (std::size_t i = 0; i < cookie.bytes.size(); ++i) {
    const std::uint8_t high = hex_value(text[2 * i]);
    const std::uint8_t low = hex_value(text[2 * i + 1]);
    if ((high | low) > 0xF) return std::nullopt;
    cookie.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return cookie;
}

void write_cookie(const Cookie& cookie, char* to) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const std::uint8_t byte : cookie.bytes) {
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 0xF];
  }
}

}  // namespace rollcall::engine
