#pragma once

#include <cstdint>
#include <string_view>

#include "engine/cookie.h"

namespace rollcall::engine {

enum class Method : std::uint8_t { kRegister, kLeave, kKeepAlive, kPQuery };

// How an answer is framed: the way its request was.
enum class AnswerFraming : std::uint8_t {
  kBare,      // nothing follows the message
  kLineFeed,  // one line feed follows it
  kLength,    // a ContentLength header says how long it is
};

// What the Cookie header of a request says.
enum class CookieHeader : std::uint8_t { kAbsent, kNew, kShown };

// A request whose every field is valid.
struct Request {
  Method method = Method::kRegister;
  CookieHeader cookie_header = CookieHeader::kAbsent;
  std::uint16_t port = 0;   // Register only
  std::uint16_t limit = 0;  // PQuery only; 0 where there is no Limit header
  Cookie cookie;            // where cookie_header is kShown
  // Borrowed from the bytes that the request was parsed from.
  std::string_view nick;
};

}  // namespace rollcall::engine
