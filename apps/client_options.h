#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "apps/command_line.h"
#include "apps/server_name.h"
#include "engine/cookie.h"
#include "engine/limits.h"
#include "engine/time.h"
#include "engine/wire/request.h"

namespace rollcall::apps {

inline constexpr engine::Duration kTimeoutDefault = std::chrono::seconds(10);
inline constexpr engine::Duration kTimeoutMin = std::chrono::milliseconds(10);
inline constexpr engine::Duration kTimeoutMax = std::chrono::hours(1);

enum class ClientCommand : std::uint8_t { kRegister, kLeave, kKeepAlive, kPeers, kStay };

// What the command line of rollcall says, every value one that a server could accept.
struct ClientOptions {
  ClientCommand command = ClientCommand::kRegister;
  ServerName server;
  engine::Duration timeout = kTimeoutDefault;
  bool json = false;

  std::string nick;
  std::uint16_t port = 0;                              // kRegister and kStay
  std::uint16_t limit = 0;                             // kPeers; 0: as many as the server gives
  engine::Duration ttl = engine::limits::kDefaultTtl;  // kStay
  engine::CookieHeader cookie_header = engine::CookieHeader::kAbsent;
  engine::Cookie cookie;

  // What to ask the server with these options. Borrows the nick.
  engine::Request request(engine::Method method) const;
};

// Reads the arguments behind the program's name.
std::variant<ClientOptions, EarlyExit> parse_client_options(std::vector<std::string> arguments);

}  // namespace rollcall::apps
