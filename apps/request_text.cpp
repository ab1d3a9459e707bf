#include "apps/request_text.h"

#include <array>
#include <string_view>

#include "engine/wire/fields.h"

namespace rollcall::apps {
namespace {

using engine::AnswerFraming;
using engine::CookieHeader;
using engine::Method;
using engine::Request;

std::string_view name_of(Method method) {
  switch (method) {
    case Method::kRegister:
      return "Register";
    case Method::kLeave:
      return "Leave";
    case Method::kKeepAlive:
      return "KeepAlive";
    case Method::kPQuery:
      return "PQuery";
  }
  __builtin_unreachable();
}

void append_cookie_header(const Request& request, std::string& to) {
  switch (request.cookie_header) {
    case CookieHeader::kAbsent:
      return;
    case CookieHeader::kNew:
      to += "Cookie: new\n";
      return;
    case CookieHeader::kShown: {
      std::array<char, engine::kCookieTextBytes> digits;
      engine::write_cookie(request.cookie, digits.data());
      to.append("Cookie: ").append(digits.data(), digits.size()).append("\n");
      return;
    }
  }
}

}  // namespace

void append_request_text(const Request& request, AnswerFraming framing, std::string& to) {
  const std::string port =
      request.method == Method::kRegister ? std::to_string(request.port) : std::string();
  const std::size_t body_bytes = request.nick.size() + (port.empty() ? 0 : 1 + port.size());

  to.append(name_of(request.method)).append(" P2Pv1\n");
  if (framing == AnswerFraming::kLength) {
    to.append("ContentLength: ").append(std::to_string(body_bytes)).append("\n");
  }
  append_cookie_header(request, to);
  if (request.limit != 0) to.append("Limit: ").append(std::to_string(request.limit)).append("\n");
  to.append("\n").append(request.nick);
  if (!port.empty()) to.append("\n").append(port);
  if (framing == AnswerFraming::kLineFeed) to.append("\n");
}

std::string request_text(const Request& request, AnswerFraming framing) {
  std::string text;
  append_request_text(request, framing, text);
  return text;
}

}  // namespace rollcall::apps
