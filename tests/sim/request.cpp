#include "tests/sim/request.h"

#include "tests/sim/population.h"
#include "tests/support/request_model.h"

namespace rollcall::sim {

using engine::AnswerFraming;
using engine::CookieHeader;
using engine::Method;
using engine::Outcome;

namespace {

void append_hex(const engine::Cookie& cookie, std::string& to) {
  for (const std::uint8_t byte : cookie.bytes) {
    to += "0123456789abcdef"[byte >> 4];
    to += "0123456789abcdef"[byte & 0xF];
  }
}

void append_cookie(const SentRequest& request, std::string& to) {
  switch (request.cookie_header) {
    case CookieHeader::kAbsent:
      return;
    case CookieHeader::kNew:
      to += "Cookie: new\n";
      return;
    case CookieHeader::kShown:
      to += "Cookie: ";
      append_hex(request.cookie, to);
      to += '\n';
      return;
  }
}

}  // namespace

void write(const SentRequest& request, std::string& to) {
  std::string body = nick_text(request.nick);
  if (request.method == Method::kRegister) {
    body += '\n';
    body += std::to_string(request.port);
  }
  to += tests::name_of(request.method);
  to += " P2Pv1\n";
  if (request.framing == AnswerFraming::kLength) {
    to += "ContentLength: ";
    to += std::to_string(body.size());
    to += '\n';
  }
  append_cookie(request, to);
  if (request.limit != 0) {
    to += "Limit: ";
    to += std::to_string(request.limit);
    to += '\n';
  }
  to += '\n';
  to += body;
  if (request.framing == AnswerFraming::kLineFeed) to += '\n';
}

std::ostream& operator<<(std::ostream& out, const SentRequest& request) {
  if (request.refusal != Outcome::kSuccess) return out << "a mistake";
  out << tests::name_of(request.method) << ' ' << nick_text(request.nick);
  if (request.method == Method::kRegister) out << ' ' << request.port;
  if (request.limit != 0) out << " limit " << request.limit;
  if (request.cookie_header == CookieHeader::kNew) out << " new cookie";
  if (request.cookie_header == CookieHeader::kShown) out << " with a cookie";
  if (request.framing == AnswerFraming::kBare) out << " bare";
  return out;
}

}  // namespace rollcall::sim
