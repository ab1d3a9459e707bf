#pragma once

#include <array>
#include <string_view>

// What texts are made of: requests and parts of them with few nicks, so that they meet.

namespace rollcall::fuzz {

// The byte that no valid text holds; the one behind it says what happens in a stream (stream.h).
inline constexpr char kEvent = '\xF5';

inline constexpr std::array kRequestPieces = std::to_array<std::string_view>({
    "Register P2Pv1\n\na\n80\n",
    "Register P2Pv1\n\nbob\n65535\n",
    "Register P2Pv1\nCookie: new\n\na\n1\n",
    "Register P2Pv1\nCookie: 0123456789abcdef0123456789abcdef\n\nbob\n9999\n",
    "KeepAlive P2Pv1\n\na\n",
    "KeepAlive P2Pv1\nCookie: 0123456789abcdef0123456789abcdef\n\nbob\n",
    "Leave P2Pv1\n\na\n",
    "Leave P2Pv1\n\nbob\n",
    "PQuery P2Pv1\n\na\n",
    "PQuery P2Pv1\nLimit: 1\n\nbob\n",
    "PQuery P2Pv1\nContentLength: 1\nLimit: 2\n\na",
    "Register P2Pv1\nContentLength: 4\n\na\n80",
    "KeepAlive P2Pv1\nContentLength: 5\n\nbob\r\n",
    "Other P2Pv1\n\n",
    "Other P2Pv1\nContentLength: 2\n\nxy",
    "Register P2Pv1\r\n\r\na\r\n80\r\n",
    "Register P2Pv1\n\na\n80",
    "KeepAlive P2Pv1\n\na",
    "Register P2Pv1\n\na\n",
    "Register P2Pv1\n\n",
    "PQuery P2Pv1\n\n",
    "Register ",
    "Leave ",
    " P2Pv1\n",
    "ContentLength: 3\n",
    "ContentLength: 0\n",
    "ContentLength: 4090\n",
    "Cookie: new\n",
    "Cookie: 0123456789abcdef0123456789abcdef\n",
    "Limit: 1000\n",
    "Limit: 1001\n",
    "A: b\n",
    "X-9:\n",
    "\r\n",
    "\n\n",
    "\n",
    "\r",
    "a\n",
    "Zo\xC3\xAB \xE2\x98\x8E\n",
    "\xC2\x85\n",
    "65535\n",
    "65536\n",
    "080\n",
    "+80\n",
});

}  // namespace rollcall::fuzz
