#include "tests/support/request_model.h"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/wire/fields.h"

namespace rollcall::tests {
namespace {

using engine::AnswerFraming;
using engine::CookieHeader;
using engine::Message;
using engine::Method;
using engine::Outcome;

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

std::optional<Method> method_named(std::string_view name) {
  if (name == "Register") return Method::kRegister;
  if (name == "Leave") return Method::kLeave;
  if (name == "KeepAlive") return Method::kKeepAlive;
  if (name == "PQuery") return Method::kPQuery;
  return std::nullopt;
}

// Everything up to the blank line, and as much of the body as there is.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // Reads until the request ends or the text does.
  std::optional<Message> read() {
    if (auto message = read_head(); message.has_value() || !has_head_) return message;
    return content_length_.has_value() ? read_counted() : read_lines();
  }

  bool is_in_lines() const { return has_head_ && !content_length_.has_value(); }
  std::size_t lines_needed() const { return method_ == Method::kRegister ? 2 : 1; }
  std::string_view unread() const { return text_.substr(at_); }
  const std::vector<std::string_view>& lines() const { return lines_; }

  Message judged(const std::vector<std::string_view>& lines, AnswerFraming framing) const {
    Message message;
    message.bytes = at_;
    message.framing = framing;
    message.outcome = judge(lines, message.request);
    return message;
  }
  Message refused(Outcome outcome) const {
    Message message;
    message.bytes = at_;
    message.outcome = outcome;
    message.closes = true;
    return message;
  }
  void skip_to_end() { at_ = text_.size(); }

 private:
  // The next line, without its line end. Nothing if it has not ended.
  std::optional<std::string_view> next_line() {
    const std::size_t end = text_.substr(0, 4096).find('\n', at_);
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  std::optional<Message> unfinished() {
    if (text_.size() <= 4096) return std::nullopt;
    skip_to_end();
    return refused(Outcome::kRequestTooLong);
  }

  std::optional<Message> read_head() {
    const auto first_line = next_line();
    if (!first_line.has_value()) return unfinished();
    const std::size_t space = first_line->find(' ');
    const std::string_view method = first_line->substr(0, space);
    if (space == std::string_view::npos || first_line->substr(space) != " P2Pv1" ||
        method.empty() || method.size() > 16 || !consists_of(method, kLetters)) {
      return refused(Outcome::kMalformedFirstLine);
    }
    method_ = method_named(method);

    for (;;) {
      const auto line = next_line();
      if (!line.has_value()) return unfinished();
      const Outcome outcome = line->empty() ? Outcome::kSuccess : read_header(*line);
      if (outcome != Outcome::kSuccess) return refused(outcome);
      if (at_ + content_length_.value_or(0) > 4096) return refused(Outcome::kRequestTooLong);
      if (line->empty()) break;
    }
    if (!method_.has_value() && !content_length_.has_value()) {
      return refused(Outcome::kMethodNotAllowed);
    }
    has_head_ = true;
    return std::nullopt;
  }

  Outcome read_header(std::string_view line) {
    if (headers_ == std::ssize(names_)) return Outcome::kTooManyHeaders;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Outcome::kMalformedHeader;
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name.empty() || name.size() > 32 || !consists_of(name, kNameCharacters) ||
        value.size() > 256 ||
        !std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7E; })) {
      return Outcome::kMalformedHeader;
    }
    if (std::find(names_.begin(), names_.begin() + headers_, name) != names_.begin() + headers_) {
      return Outcome::kRepeatedHeader;
    }
    names_[static_cast<std::size_t>(headers_++)] = name;
    if (name == "Cookie") cookie_ = value;
    if (name == "Limit") limit_ = value;
    if (name == "ContentLength") {
      content_length_ = engine::parse_decimal(value, 4);
      if (!content_length_.has_value()) return Outcome::kBadContentLength;
    }
    return Outcome::kSuccess;
  }

  std::optional<Message> read_counted() {
    if (text_.size() - at_ < *content_length_) return std::nullopt;
    std::string_view body = text_.substr(at_, *content_length_);
    at_ += *content_length_;
    if (body.ends_with("\r\n")) {
      body.remove_suffix(2);
    } else if (body.ends_with('\n')) {
      body.remove_suffix(1);
    }
    std::vector<std::string_view> lines;
    while (!body.empty()) {
      const std::size_t end = body.find('\n');
      const std::string_view line = body.substr(0, end);
      const bool is_last = end == std::string_view::npos;
      lines.push_back(!is_last && line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
      body.remove_prefix(is_last ? body.size() : end + 1);
      // A line feed that is not the body's end has a line behind it, if only an empty one.
      if (!is_last && body.empty()) lines.emplace_back();
    }
    return judged(lines, AnswerFraming::kLength);
  }

  std::optional<Message> read_lines() {
    while (lines_.size() < lines_needed()) {
      const auto line = next_line();
      if (!line.has_value()) return unfinished();
      lines_.push_back(*line);
    }
    return judged(lines_, AnswerFraming::kLineFeed);
  }

  // The number of lines, the nick, the port, Limit, Cookie, in this order.
  Outcome judge(const std::vector<std::string_view>& lines, engine::Request& request) const {
    if (!method_.has_value()) return Outcome::kMethodNotAllowed;
    if (lines.size() < lines_needed()) return Outcome::kMissingLine;
    if (lines.size() > lines_needed()) return Outcome::kTooManyLines;
    request.method = *method_;
    request.nick = lines[0];
    if (!engine::is_valid_nick(request.nick)) return Outcome::kBadNick;
    if (method_ == Method::kRegister) {
      const auto port = engine::parse_port(lines[1]);
      if (!port.has_value()) return Outcome::kBadPort;
      request.port = *port;
    }
    if (method_ == Method::kPQuery && limit_.has_value()) {
      const auto limit = engine::parse_decimal(*limit_, 4);
      if (!limit.has_value() || *limit < 1 || *limit > 1000) return Outcome::kBadLimit;
      request.limit = static_cast<std::uint16_t>(*limit);
    }
    if (!cookie_.has_value()) return Outcome::kSuccess;
    if (method_ == Method::kRegister && cookie_ == "new") {
      request.cookie_header = CookieHeader::kNew;
      return Outcome::kSuccess;
    }
    const auto cookie = engine::parse_cookie(*cookie_);
    if (!cookie.has_value()) return Outcome::kBadCookie;
    request.cookie_header = CookieHeader::kShown;
    request.cookie = *cookie;
    return Outcome::kSuccess;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool has_head_ = false;
  std::optional<Method> method_;
  std::array<std::string_view, 8> names_;
  std::ptrdiff_t headers_ = 0;
  std::optional<std::uint32_t> content_length_;
  std::optional<std::string_view> cookie_;
  std::optional<std::string_view> limit_;
  std::vector<std::string_view> lines_;
};

std::string difference(const Message& parsed, const Message& expected) {
  if (is_same(parsed, expected)) return "";
  return "parsed: " + described(parsed) + "; expected: " + described(expected);
}

}  // namespace

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

bool is_same(const engine::Request& a, const engine::Request& b) {
  return a.method == b.method && a.nick == b.nick && a.port == b.port && a.limit == b.limit &&
         a.cookie_header == b.cookie_header &&
         (a.cookie_header != CookieHeader::kShown || a.cookie == b.cookie);
}

bool is_same(const Message& a, const Message& b) {
  if (a.bytes != b.bytes || a.outcome != b.outcome || a.framing != b.framing ||
      a.closes != b.closes) {
    return false;
  }
  if (a.outcome != Outcome::kSuccess) return true;
  return is_same(a.request, b.request) && a.request.nick.data() == b.request.nick.data();
}

std::string described(const Message& message) {
  return std::string(engine::message_of(message.outcome)) + ", " + std::to_string(message.bytes) +
         " bytes, framing " + std::to_string(static_cast<int>(message.framing)) +
         (message.closes ? ", closes" : "");
}

void write_request(const engine::Request& request, std::string& to) {
  to.append(name_of(request.method)).append(" P2Pv1\n");
  if (request.cookie_header == CookieHeader::kNew) to += "Cookie: new\n";
  if (request.cookie_header == CookieHeader::kShown) {
    std::array<char, engine::kCookieTextBytes> digits;
    engine::write_cookie(request.cookie, digits.data());
    to.append("Cookie: ").append(digits.data(), digits.size()).append("\n");
  }
  if (request.limit != 0) to.append("Limit: ").append(std::to_string(request.limit)).append("\n");
  to.append("\n").append(request.nick).append("\n");
  if (request.method == Method::kRegister) to.append(std::to_string(request.port)).append("\n");
}

std::optional<Message> model_request(std::string_view text) { return Reader(text).read(); }

Message model_end_of_stream(std::string_view text) {
  Reader reader(text);
  reader.read();
  if (!reader.is_in_lines()) {
    reader.skip_to_end();
    return reader.refused(Outcome::kIncompleteRequest);
  }
  std::vector<std::string_view> lines = reader.lines();
  if (!reader.unread().empty()) lines.push_back(reader.unread());
  reader.skip_to_end();
  return reader.judged(lines, AnswerFraming::kBare);
}

bool model_is_in_lines(std::string_view text) {
  Reader reader(text);
  reader.read();
  return reader.is_in_lines();
}

bool model_is_whole(std::string_view text) {
  Reader reader(text);
  reader.read();
  return reader.is_in_lines() && reader.lines().size() + 1 == reader.lines_needed() &&
         !reader.unread().empty() && !reader.unread().ends_with('\r');
}

std::string request_difference(std::string_view text, std::size_t piece_bytes) {
  engine::TextRequestParser parser;
  for (std::size_t arrived = 0; arrived < text.size();) {
    arrived = std::min(text.size(), arrived + piece_bytes);
    const std::string_view so_far = text.substr(0, arrived);
    Message parsed;
    const bool has_ended = parser.advance(so_far, parsed);
    const auto expected = model_request(so_far);
    if (has_ended != expected.has_value()) {
      return has_ended ? "ended: " + described(parsed) : "not ended: " + described(*expected);
    }
    if (has_ended) return difference(parsed, *expected);

    if (parser.is_whole(so_far) != model_is_whole(so_far)) return "whole or not";
    Message at_end;
    parser.end_of_stream(so_far, at_end);
    std::string wrong = difference(at_end, model_end_of_stream(so_far));
    if (!wrong.empty()) return "at the end of the stream: " + wrong;
    if (!parser.is_in_lines()) continue;
    Message silent;
    parser.silence(so_far, silent);
    if (!is_same(silent, at_end)) return "silence ends it as " + described(silent);
  }
  return "";
}

}  // namespace rollcall::tests
