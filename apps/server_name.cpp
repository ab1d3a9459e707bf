#include "apps/server_name.h"

#include <algorithm>

#include "engine/wire/address_text.h"
#include "engine/wire/fields.h"

namespace rollcall::apps {
namespace {

constexpr std::size_t kNameBytesMax = 253;

// Letters, digits, `-`, `_` and `.`: names of the domain system, as they are used.
bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= kNameBytesMax &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

bool is_ipv6(std::string_view host) {
  return host.find(':') != std::string_view::npos && engine::parse_host(host).has_value();
}

}  // namespace

std::string ServerName::text() const {
  const std::string digits = std::to_string(port);
  return is_ipv6(host) ? '[' + host + "]:" + digits : host + ':' + digits;
}

std::optional<ServerName> parse_server_name(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::optional<std::uint16_t> port = engine::parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;

  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return std::nullopt;
  } else if (!is_name(host)) {
    return std::nullopt;
  }
  return ServerName{std::string(host), *port};
}

}  // namespace rollcall::apps
