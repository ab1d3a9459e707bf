#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/command_line.h"
#include "engine/limits.h"
#include "engine/time.h"
#include "engine/wire/address_text.h"

namespace rollcall::apps {

// More listeners than this would eat into limits::kFilesReserved.
inline constexpr std::size_t kListenersMax = 16;
// A client that pauses for less than a second is not idle; nobody is longer than a lease can be.
inline constexpr engine::Duration kIdleTimeoutMin = std::chrono::seconds(1);
inline constexpr engine::Duration kIdleTimeoutMax = engine::limits::kTtlMax;

enum class LogLevel : std::uint8_t { kInfo, kWarning, kError, kOff };

// What the command line of rollcalld says, every value within its bounds.
struct ServerOptions {
  std::vector<engine::Endpoint> listen;
  unsigned threads = 1;
  engine::Duration ttl = engine::limits::kDefaultTtl;
  engine::Duration quiet = engine::limits::kDefaultQuiet;
  engine::Duration idle_timeout = engine::limits::kDefaultTtl;
  std::uint16_t success_code = 20;
  bool open_query = false;
  // Keep the list in memory only: what the server does anyway, as it has no other store yet.
  bool memory = false;
  std::size_t answer_peers_max = engine::limits::kDefaultAnswerPeersMax;
  std::size_t peers_max = engine::limits::kDefaultPeersMax;
  std::size_t peers_per_host_max = engine::limits::kDefaultPeersPerHostMax;
  // Empty: as many as the default and the process's file limit allow.
  std::optional<std::size_t> connections_max;
  std::size_t connections_per_host_max = engine::limits::kDefaultConnectionsPerHostMax;
  LogLevel log_level = LogLevel::kInfo;
};

// Reads the arguments behind the program's name. `processors` is the default of --threads.
std::variant<ServerOptions, EarlyExit> parse_server_options(
    const std::vector<std::string>& arguments, unsigned processors);

}  // namespace rollcall::apps
