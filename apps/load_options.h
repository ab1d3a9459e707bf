#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "apps/command_line.h"
#include "apps/server_name.h"
#include "engine/time.h"
#include "engine/wire/request.h"

namespace rollcall::apps {

inline constexpr std::size_t kLoadConnectionsMax = 100'000;
inline constexpr std::size_t kLoadInFlightMax = 4096;
inline constexpr std::size_t kLoadPeersMax = 100'000'000;

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
  std::size_t connections = 50;
  std::size_t in_flight = 16;  // of one connection
  engine::Duration time = std::chrono::seconds(5);
  LoadMix mix;
  std::size_t peers = 0;    // at least one a connection
  std::uint16_t limit = 0;  // 0: PQuery without Limit
  std::size_t nick_bytes = 13;
  bool json = false;
};

// Reads the arguments behind the program's name.
std::variant<LoadOptions, EarlyExit> parse_load_options(std::vector<std::string> arguments);

}  // namespace rollcall::apps
