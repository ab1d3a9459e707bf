#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

#include "engine/cookie.h"
#include "engine/outcome.h"
#include "engine/wire/request.h"

namespace rollcall::sim {

// A request that a client sends, as the client knows it.
struct SentRequest {
  engine::Method method = engine::Method::kPQuery;
  std::size_t nick = 0;
  std::uint16_t port = 0;
  std::uint16_t limit = 0;
  engine::CookieHeader cookie_header = engine::CookieHeader::kAbsent;
  engine::Cookie cookie;
  engine::AnswerFraming framing = engine::AnswerFraming::kLineFeed;
  // Where it is a mistake: what it is refused for, whoever asks.
  engine::Outcome refusal = engine::Outcome::kSuccess;
  bool closes = false;
};

// Appends the bytes of a valid request: kBare is what the original clients send, who say nothing of
// where it ends.
void write(const SentRequest& request, std::string& to);

// `Register n07 1031`, for traces.
std::ostream& operator<<(std::ostream& out, const SentRequest& request);

}  // namespace rollcall::sim
