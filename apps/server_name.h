#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rollcall::apps {

// Where a server is, as a person says it: a name or an address, and a port.
struct ServerName {
  std::string host = "127.0.0.1";
  std::uint16_t port = 9999;

  // `example.org:9999`, `[::1]:9999`.
  std::string text() const;
};

// Reads `example.org:9999`, `10.0.0.7:9999` or `[::1]:9999`. Empty if it is none of them: without a
// port, with an address that is none in brackets, or with a name that no resolver could know.
std::optional<ServerName> parse_server_name(std::string_view text);

}  // namespace rollcall::apps
