#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/host_address.h"
#include "engine/time.h"

// Who there is in a simulation: few, so that they meet.

namespace rollcall::sim {

inline constexpr std::size_t kClients = 8;
inline constexpr std::size_t kNicks = 32;

// Nothing is longer under way than this, while it is not held.
inline constexpr engine::Duration kDelayMax = std::chrono::seconds(1);

// Two of them in one IPv6 network, which count as one host where hosts are counted.
inline constexpr std::array<engine::HostAddress, 4> kHosts = {
    engine::HostAddress::v4(10, 0, 0, 1), engine::HostAddress::v4(10, 0, 0, 2),
    engine::HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}},
    engine::HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}}};

// Each nick ends with its number, in two digits: some short, some that an entry does not hold
// itself, some that are not ASCII.
inline std::string nick_text(std::size_t nick) {
  std::string text = nick % 4 == 2 ? "a-nick-of-some-length-" : nick % 4 == 3 ? "Zo\xC3\xAB-" : "n";
  text += static_cast<char>('0' + nick / 10);
  text += static_cast<char>('0' + nick % 10);
  return text;
}

// Which nick a text is; empty if none.
inline std::optional<std::size_t> nick_of(std::string_view text) {
  if (text.size() < 3) return std::nullopt;
  const auto digit = [&](std::size_t from_end) {
    return static_cast<std::size_t>(text[text.size() - from_end] - '0');
  };
  const std::size_t nick = digit(2) * 10 + digit(1);
  if (digit(1) > 9 || nick >= kNicks) return std::nullopt;
  return nick;
}

// Every Register has another port, as far as there are enough, and a port tells its nick: so a list
// tells who is meant, and since when.
inline constexpr std::size_t kPortsOfNick = 1024;
inline std::uint16_t port_of(std::size_t nick, std::size_t registration) {
  return static_cast<std::uint16_t>(1024 + nick * kPortsOfNick + registration % kPortsOfNick);
}

}  // namespace rollcall::sim
