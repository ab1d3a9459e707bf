#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/command_line.h"
#include "engine/limits.h"
#include "engine/time.h"
#include "engine/wire/address_text.h"
#include "store/group_commit.h"

namespace rollcall::apps {

// More listeners than this would eat into limits::kFilesReserved.
inline constexpr std::size_t kListenersMax = 16;
// A client that pauses for less than a second is not idle; nobody is longer than a lease can be.
inline constexpr engine::Duration kIdleTimeoutMin = std::chrono::seconds(1);
inline constexpr engine::Duration kIdleTimeoutMax = engine::limits::kTtlMax;

enum class ServerCommand : std::uint8_t { kServe, kCheck, kExport, kImport };

enum class LogLevel : std::uint8_t { kInfo, kWarning, kError, kOff };

// What the command line of rollcalld says, every value within its bounds.
struct ServerOptions {
  ServerCommand command = ServerCommand::kServe;
  // The file of `check`, `export` and `import`.
  std::string file;
  // Whether `export` writes cookies.
  bool with_cookies = false;

  std::vector<engine::Endpoint> listen;
  unsigned threads = 1;
  engine::Duration ttl = engine::limits::kDefaultTtl;
  engine::Duration quiet = engine::limits::kDefaultQuiet;
  engine::Duration idle_timeout = engine::limits::kDefaultTtl;
  std::uint16_t success_code = 20;
  bool open_query = false;
  // Where the list is kept; empty where it is kept in memory only.
  std::optional<std::string> data_file;
  store::Durability durability = store::Durability::kSync;
  std::size_t answer_peers_max = engine::limits::kDefaultAnswerPeersMax;
  std::size_t peers_max = engine::limits::kDefaultPeersMax;
  std::size_t peers_per_host_max = engine::limits::kDefaultPeersPerHostMax;
  // Empty: as many as the default and the process's file limit allow.
  std::optional<std::size_t> connections_max;
  std::size_t connections_per_host_max = engine::limits::kDefaultConnectionsPerHostMax;
  LogLevel log_level = LogLevel::kInfo;
};

// Reads the arguments behind the program's name. `processors` is the default of --threads;
// `state_directories` is what a service manager says about where state is kept (systemd's
// $STATE_DIRECTORY, paths with colons between them), of which the first is the default place of
// --data; empty where nobody says.
std::variant<ServerOptions, EarlyExit> parse_server_options(
    const std::vector<std::string>& arguments, unsigned processors,
    std::string_view state_directories);

}  // namespace rollcall::apps
