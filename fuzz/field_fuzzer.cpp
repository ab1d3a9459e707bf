// Property: each field is valid, and worth, what a slow, obvious validator says: nicks, ports,
// numbers, cookies and addresses.

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/wire/address_text.h"
#include "engine/wire/fields.h"
#include "fuzz/mutator.h"
#include "fuzz/property.h"

namespace {

using namespace rollcall;

// UTF-8 of one code point, as RFC 3629's table has it.
std::string encoded(std::uint32_t point) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
  if (point < 0x10000) {
    return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)),
            byte(0x80 | (point & 0x3F))};
  }
  return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)),
          byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
}

// Takes a character off the front of `text`: it is one if it is what its code point is written as.
std::optional<std::uint32_t> take_character(std::string_view& text) {
  const auto bits = [&](std::size_t i, std::uint32_t mask) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) & mask : 0;
  };
  const std::uint32_t candidates[] = {
      bits(0, 0x7F),
      bits(0, 0x1F) << 6 | bits(1, 0x3F),
      bits(0, 0x0F) << 12 | bits(1, 0x3F) << 6 | bits(2, 0x3F),
      bits(0, 0x07) << 18 | bits(1, 0x3F) << 12 | bits(2, 0x3F) << 6 | bits(3, 0x3F),
  };
  for (const std::uint32_t point : candidates) {
    const std::string text_of_point = encoded(point);
    if (!text.starts_with(text_of_point)) continue;
    text.remove_prefix(text_of_point.size());
    return point;
  }
  return std::nullopt;
}

bool is_nick(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  while (!text.empty()) {
    const auto point = take_character(text);
    if (!point.has_value()) return false;
    const bool is_control = *point < 0x20 || (*point >= 0x7F && *point <= 0x9F);
    const bool is_surrogate = *point >= 0xD800 && *point <= 0xDFFF;
    if (is_control || is_surrogate || *point > 0x10FFFF) return false;
  }
  return true;
}

// The number whose decimal text this is.
std::optional<std::uint32_t> decimal(std::string_view text, std::size_t digits_max) {
  std::uint32_t value = 0;
  for (const char c : text.substr(0, 9)) {
    value = value * 10 + static_cast<std::uint32_t>(std::string_view("0123456789").find(c) % 10);
  }
  if (text.size() > digits_max || std::to_string(value) != text) return std::nullopt;
  return value;
}

void check_numbers(std::string_view text) {
  for (std::size_t digits = 1; digits <= 9; ++digits) {
    if (engine::parse_decimal(text, digits) != decimal(text, digits)) fuzz::broken("a number");
  }
  const auto number = decimal(text, 5);
  const bool is_port = number.has_value() && *number >= 1 && *number <= 65535;
  const auto port = engine::parse_port(text);
  if (port.has_value() != is_port) fuzz::broken("a port");
  if (is_port && *port != *number) fuzz::broken("the port's number");
}

void check_cookie(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const bool is_cookie = text.size() == 32 && text.find_first_not_of(kDigits) == text.npos;
  const auto cookie = engine::parse_cookie(text);
  if (cookie.has_value() != is_cookie) fuzz::broken("a cookie");
  if (!is_cookie) return;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::size_t value = kDigits.find(text[2 * i]) * 16 + kDigits.find(text[2 * i + 1]);
    if (cookie->bytes[i] != value) fuzz::broken("the cookie's bytes");
  }
  std::array<char, 32> written;
  engine::write_cookie(*cookie, written.data());
  if (std::string_view(written.data(), written.size()) != text) fuzz::broken("a cookie's text");
}

// As the C library reads it.
std::optional<engine::HostAddress> host(std::string_view text) {
  if (text.size() > 60 || text.find('\0') != text.npos) return std::nullopt;
  const std::string terminated(text);
  engine::HostAddress address = engine::HostAddress::v4(0, 0, 0, 0);
  if (inet_pton(AF_INET, terminated.c_str(), &address.bytes[12]) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

// As the C library writes it, which has a form of its own for ::1.2.3.4.
std::optional<std::string> host_text(const engine::HostAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text;
  const auto& bytes = address.bytes;
  if (address.is_v4()) return inet_ntop(AF_INET, &bytes[12], text.data(), text.size());
  if (std::all_of(bytes.begin(), bytes.begin() + 12, [](auto byte) { return byte == 0; })) {
    return std::nullopt;
  }
  return inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
}

void check_written(const engine::HostAddress& address, std::uint16_t port) {
  std::array<char, engine::kHostTextBytesMax + 1> text;
  const std::string_view written(text.data(), engine::write_host(address, text.data()));
  if (written.size() > engine::kHostTextBytesMax) fuzz::broken("an address is too long");
  if (const auto expected = host_text(address); expected.has_value() && written != *expected) {
    fuzz::broken("an address is written as " + std::string(written));
  }
  if (engine::parse_host(written) != address) fuzz::broken("an address is not read as written");

  std::array<char, engine::kEndpointTextBytesMax + 4> endpoint_text;
  const engine::Endpoint endpoint{address, port};
  const std::string_view both(endpoint_text.data(),
                              engine::write_endpoint(endpoint, endpoint_text.data()));
  const std::string brackets = address.is_v4() ? "" : "[]";
  const std::string expected = brackets.substr(0, brackets.size() / 2) + std::string(written) +
                               brackets.substr(brackets.size() / 2) + ":" + std::to_string(port);
  if (both != expected) fuzz::broken("an endpoint is written as " + std::string(both));
  if (engine::Endpoint{address, static_cast<std::uint16_t>(port ^ 1)} == endpoint) {
    fuzz::broken("endpoints with different ports are the same");
  }
  if (engine::parse_endpoint(both) != endpoint) fuzz::broken("an endpoint is not read as written");
}

void check_addresses(std::string_view text) {
  if (engine::parse_host(text) != host(text)) fuzz::broken("an address");
  std::optional<engine::Endpoint> expected;
  const std::size_t colon = text.rfind(':');
  if (colon != text.npos) {
    std::string_view before = text.substr(0, colon);
    const bool is_bracketed = before.starts_with('[') && before.ends_with(']') && before.size() > 1;
    if (is_bracketed) before = before.substr(1, before.size() - 2);
    const auto address = host(before);
    const auto port = decimal(text.substr(colon + 1), 5);
    const bool needs_brackets = before.find(':') != before.npos;
    if (address.has_value() && port.has_value() && *port <= 65535 &&
        is_bracketed == needs_brackets) {
      expected = engine::Endpoint{*address, static_cast<std::uint16_t>(*port)};
    }
  }
  if (engine::parse_endpoint(text) != expected) fuzz::broken("an endpoint");
}

constexpr auto kPieces = std::to_array<std::string_view>({
    "65535",
    "65536",
    "0",
    "1",
    "00",
    "+1",
    " 1",
    "999999999",
    "[::1]:9999",
    "::ffff:10.0.0.7",
    "2001:db8::1",
    "10.0.0.255",
    "10.0.0.256",
    "fe80::",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdef",
    "\xC2\x80",
    "\xC2\x9F",
    "\xC2\xA0",
    "\xE0\xA0\x80",
    "\xE0\x9F\xBF",
    "\xED\x9F\xBF",
    "\xED\xA0\x80",
    "\xF0\x90\x80\x80",
    "\xF0\x8F\xBF\xBF",
    "\xF4\x8F\xBF\xBF",
    "\xF4\x90\x80\x80",
    "\xEF\xBF\xBF",
    "\xDF\xBF",
    "\x7F",
    "\x1F",
    " ",
    "~",
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  if (engine::is_valid_nick(text) != is_nick(text)) fuzz::broken("a nick");
  check_numbers(text);
  check_cookie(text);
  check_addresses(text);
  if (size >= 2) {
    // The text's bytes as an address: the last two are a port; where there are few, IPv4.
    engine::HostAddress address = engine::HostAddress::v4(0, 0, 0, 0);
    const std::size_t bytes = std::min<std::size_t>(size - 2, size >= 18 ? 16 : 4);
    std::memcpy(address.bytes.data() + (size >= 18 ? 0 : 12), data, bytes);
    check_written(address, static_cast<std::uint16_t>(data[size - 2] << 8 | data[size - 1]));
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, size_max);
  return fuzz::mutate_text({data, size, size_max}, kPieces, seed / 2);
}
