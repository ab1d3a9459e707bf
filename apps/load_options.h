#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/command_line.h"
#include "apps/load_protocol.h"
#include "apps/peer_draw.h"
#include "apps/server_name.h"
#include "engine/time.h"
#include "engine/wire/request.h"

namespace rollcall::apps {

inline constexpr std::size_t kLoadConnectionsMax = 100'000;
inline constexpr std::size_t kLoadInFlightMax = 4096;
inline constexpr std::size_t kLoadPeersMax = 100'000'000;
inline constexpr std::size_t kLoadRateMax = 100'000'000;

// How often each method is drawn, in proportion to the others.
struct LoadMix {
  std::array<std::uint32_t, 4> weights{1, 0, 0, 0};

  std::uint32_t& operator[](engine::Method method) {
    return weights[static_cast<std::size_t>(method)];
  }
  std::uint32_t operator[](engine::Method method) const {
    return weights[static_cast<std::size_t>(method)];
  }
};

// What the command line of rollcall-load says, every value within its bounds.
struct LoadOptions {
  ServerName server;
  LoadProtocol protocol = LoadProtocol::kRollcall;
  std::size_t connections = 50;
  // At most so many of one connection. By default 16 in a closed loop, which always has as many,
  // and kLoadInFlightMax in an open one.
  std::size_t in_flight = 0;
  std::size_t rate = 0;  // requests a second of an open loop; 0 for a closed one
  engine::Duration warmup{};
  engine::Duration time = std::chrono::seconds(5);
  LoadMix mix;
  std::size_t peers = 0;    // at least one a connection
  std::uint16_t limit = 0;  // 0: PQuery without Limit
  std::size_t nick_bytes = 13;
  PeerOrder peer_order = PeerOrder::kUniform;
  bool registers_first = true;
  std::optional<pid_t> server_process;  // whose processor time and memory are told, too
  std::string json;                     // the file for the result; "-" for standard output
};

// Reads the arguments behind the program's name.
std::variant<LoadOptions, EarlyExit> parse_load_options(std::vector<std::string> arguments);

}  // namespace rollcall::apps
