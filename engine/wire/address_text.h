#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/host_address.h"

namespace rollcall::engine {

// `ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`
inline constexpr std::size_t kHostTextBytesMax = 39;
// `[` host `]:65535`
inline constexpr std::size_t kEndpointTextBytesMax = kHostTextBytesMax + 8;

// A host and a port of it.
struct Endpoint {
  HostAddress host;
  std::uint16_t port = 0;

  friend constexpr bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Writes `10.0.0.7`, or for IPv6 the form of RFC 5952, `2001:db8::1`, and returns its length.
// REQUIRES: room for kHostTextBytesMax at `to`.
std::size_t write_host(const HostAddress& host, char* to);

// Writes `10.0.0.7:9999` or `[2001:db8::1]:9999` and returns its length.
// REQUIRES: room for kEndpointTextBytesMax at `to`.
std::size_t write_endpoint(const Endpoint& endpoint, char* to);

// Reads an address in any form that RFC 4291 allows, without zone and brackets; IPv4 as four
// decimal numbers without leading zeros. `::ffff:10.0.0.7` is 10.0.0.7. Empty if it is not one.
std::optional<HostAddress> parse_host(std::string_view text);

// Reads `10.0.0.7:9999` or `[::1]:9999`; port 0 is allowed, for listeners. Empty if it is neither.
std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace rollcall::engine
