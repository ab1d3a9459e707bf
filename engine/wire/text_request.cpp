#include "engine/wire/text_request.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/assert.h"
#include "engine/limits.h"
#include "engine/wire/fields.h"

namespace rollcall::engine {
namespace {

static_assert(limits::kRequestBytesMax < UINT16_MAX);
static_assert(limits::kLimitDigitsMax <= limits::kPortDigitsMax);

constexpr std::string_view kVersion = "P2Pv1";

struct FirstLine {
  std::string_view text;
  Method method;
};
constexpr std::array kFirstLines = {
    FirstLine{"Register P2Pv1", Method::kRegister},
    FirstLine{"KeepAlive P2Pv1", Method::kKeepAlive},
    FirstLine{"PQuery P2Pv1", Method::kPQuery},
    FirstLine{"Leave P2Pv1", Method::kLeave},
};

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '-'; }

bool is_value_character(char c) { return c >= 0x20 && c <= 0x7E; }

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Splits off the part of `text` before its first line feed; all of it if there is none.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
    return line;
  }
  text.remove_prefix(end + 1);
  return without_carriage_return(line);
}

void refuse(Outcome outcome, std::size_t bytes, Message& message) {
  message.bytes = bytes;
  message.outcome = outcome;
  message.framing = AnswerFraming::kBare;
  message.closes = true;
}

}  // namespace

bool TextRequestParser::advance_by_lines(std::string_view text, Message& message) {
  const std::size_t end_max = std::min(text.size(), limits::kRequestBytesMax);
  while (phase_ != Phase::kCounted) {
    const void* found = std::memchr(text.data() + scanned_, '\n', end_max - scanned_);
    if (found == nullptr) {
      scanned_ = static_cast<std::uint16_t>(end_max);
      if (text.size() <= limits::kRequestBytesMax) return false;
      refuse(Outcome::kRequestTooLong, text.size(), message);
      return true;
    }
    const std::size_t first = line_start_;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    const std::string_view line = without_carriage_return(text.substr(first, end - first));
    line_start_ = scanned_ = static_cast<std::uint16_t>(end + 1);

    Outcome outcome = Outcome::kSuccess;
    switch (phase_) {
      case Phase::kFirstLine:
        outcome = take_first_line(line);
        break;
      case Phase::kHeaders:
        outcome = line.empty() ? take_blank_line() : take_header(text, line, first);
        break;
      case Phase::kLines:
        if (++lines_ < lines_needed()) {
          first_line_end_ = static_cast<std::uint16_t>(first + line.size());
          continue;
        }
        message.bytes = line_start_;
        message.framing = AnswerFraming::kLineFeed;
        message.closes = false;
        judge_lines(text, line, message);
        return true;
      case Phase::kCounted:
        break;
    }
    if (outcome == Outcome::kSuccess && has_content_length_ &&
        line_start_ + std::size_t{content_length_} > limits::kRequestBytesMax) {
      outcome = Outcome::kRequestTooLong;
    }
    if (outcome != Outcome::kSuccess) {
      refuse(outcome, line_start_, message);
      return true;
    }
  }
  if (text.size() - body_start_ < content_length_) return false;
  message.bytes = std::size_t{body_start_} + content_length_;
  message.framing = AnswerFraming::kLength;
  message.closes = false;
  judge_counted(text, message);
  return true;
}

// Takes the whole request at once if it is the kind that nearly all are: valid, without headers but
// for a PQuery's Limit, the nick printable ASCII. That is several times as fast as going line by
// line, to which everything else is left.
bool TextRequestParser::take_plain(std::string_view text, Message& message) {
  std::size_t at = 0;
  const auto begins_with = [&]<std::size_t kSize>(const char(&head)[kSize]) {
    at = kSize - 1;
    return text.size() >= at && std::memcmp(text.data(), head, at) == 0;
  };
  // From 1 to `max`, without a leading zero; 0 if there is none.
  const auto take_number = [&](std::uint32_t max) -> std::uint32_t {
    const std::size_t first = at;
    std::uint32_t number = 0;
    while (at < text.size() && is_digit(text[at]) && at - first < limits::kPortDigitsMax) {
      number = number * 10 + static_cast<std::uint32_t>(text[at++] - '0');
    }
    return number == 0 || text[first] == '0' || number > max ? 0 : number;
  };
  const auto take_line_feed = [&] {
    if (at >= text.size() || text[at] != '\n') return false;
    ++at;
    return true;
  };

  Request& request = message.request;
  request.limit = 0;
  if (begins_with("Register P2Pv1\n\n")) {
    request.method = Method::kRegister;
  } else if (begins_with("KeepAlive P2Pv1\n\n")) {
    request.method = Method::kKeepAlive;
  } else if (begins_with("PQuery P2Pv1\n\n")) {
    request.method = Method::kPQuery;
  } else if (begins_with("PQuery P2Pv1\nLimit: ")) {
    request.method = Method::kPQuery;
    request.limit = static_cast<std::uint16_t>(take_number(limits::kLimitMax));
    if (request.limit == 0 || !take_line_feed() || !take_line_feed()) return false;
  } else if (begins_with("Leave P2Pv1\n\n")) {
    request.method = Method::kLeave;
  } else {
    return false;
  }

  request.nick = text.substr(at, printable_ascii_length(text.substr(at)));
  at += request.nick.size();
  if (request.nick.empty() || request.nick.size() > limits::kNickBytesMax) return false;
  if (!take_line_feed()) return false;
  if (request.method == Method::kRegister) {
    request.port = static_cast<std::uint16_t>(take_number(0xFFFF));
    if (request.port == 0 || !take_line_feed()) return false;
  }
  request.cookie_header = CookieHeader::kAbsent;
  message.bytes = at;
  message.outcome = Outcome::kSuccess;
  message.framing = AnswerFraming::kLineFeed;
  message.closes = false;
  return true;
}

Outcome TextRequestParser::take_first_line(std::string_view line) {
  phase_ = Phase::kHeaders;
  headers_start_ = line_start_;
  for (const FirstLine& known : kFirstLines) {
    if (line == known.text) {
      method_ = known.method;
      is_method_known_ = true;
      return Outcome::kSuccess;
    }
  }
  const std::size_t letters = std::min(line.find(' '), line.size());
  const bool is_method = letters >= 1 && letters <= limits::kMethodLettersMax &&
                         std::ranges::all_of(line.substr(0, letters), is_letter);
  const bool is_first_line =
      is_method && letters < line.size() && line.substr(letters + 1) == kVersion;
  return is_first_line ? Outcome::kSuccess : Outcome::kMalformedFirstLine;
}

Outcome TextRequestParser::take_blank_line() {
  body_start_ = line_start_;
  if (has_content_length_) {
    phase_ = Phase::kCounted;
    return Outcome::kSuccess;
  }
  phase_ = Phase::kLines;
  return is_method_known_ ? Outcome::kSuccess : Outcome::kMethodNotAllowed;
}

Outcome TextRequestParser::take_header(std::string_view text, std::string_view line,
                                       std::size_t first) {
  if (headers_ == limits::kHeadersMax) return Outcome::kTooManyHeaders;
  ++headers_;
  const std::size_t name_bytes = line.find(':');
  if (name_bytes == std::string_view::npos) return Outcome::kMalformedHeader;
  const std::string_view name = line.substr(0, name_bytes);
  std::string_view value = line.substr(name_bytes + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name.empty() || name.size() > limits::kHeaderNameBytesMax ||
      value.size() > limits::kHeaderValueBytesMax ||
      !std::ranges::all_of(name, is_name_character) ||
      !std::ranges::all_of(value, is_value_character)) {
    return Outcome::kMalformedHeader;
  }
  if (is_repeated(text, name, first)) return Outcome::kRepeatedHeader;

  const Value place{static_cast<std::uint16_t>(value.data() - text.data()),
                    static_cast<std::uint16_t>(value.size())};
  if (name == "ContentLength") {
    const auto length = parse_decimal(value, limits::kContentLengthDigitsMax);
    if (!length.has_value()) return Outcome::kBadContentLength;
    has_content_length_ = true;
    content_length_ = static_cast<std::uint16_t>(*length);
  } else if (name == "Cookie") {
    cookie_ = place;
  } else if (name == "Limit") {
    limit_ = place;
  }
  return Outcome::kSuccess;
}

// Whether one of the headers before `first` has this name.
bool TextRequestParser::is_repeated(std::string_view text, std::string_view name,
                                    std::size_t first) const {
  std::string_view earlier = text.substr(headers_start_, first - headers_start_);
  while (!earlier.empty()) {
    const std::string_view header = take_line(earlier);
    if (header.substr(0, header.find(':')) == name) return true;
  }
  return false;
}

bool TextRequestParser::is_whole(std::string_view text) const {
  return phase_ == Phase::kLines && lines_ + 1u == lines_needed() && text.size() > line_start_ &&
         text.back() != '\r';
}

void TextRequestParser::end_of_stream(std::string_view text, Message& message) const {
  ROLLCALL_ASSERT(!text.empty());
  if (phase_ == Phase::kLines) return silence(text, message);
  refuse(Outcome::kIncompleteRequest, text.size(), message);
}

void TextRequestParser::silence(std::string_view text, Message& message) const {
  ROLLCALL_ASSERT(phase_ == Phase::kLines);
  message.bytes = text.size();
  message.framing = AnswerFraming::kBare;
  message.closes = false;
  const std::string_view last = text.substr(line_start_);
  if (lines_ + (last.empty() ? 0u : 1u) < lines_needed()) {
    message.outcome = Outcome::kMissingLine;
  } else {
    judge_lines(text, last, message);
  }
}

void TextRequestParser::judge_lines(std::string_view text, std::string_view last,
                                    Message& message) const {
  if (method_ == Method::kRegister) {
    judge(text, text.substr(body_start_, first_line_end_ - body_start_), last, message);
  } else {
    judge(text, last, {}, message);
  }
}

void TextRequestParser::judge_counted(std::string_view text, Message& message) const {
  if (!is_method_known_) {
    message.outcome = Outcome::kMethodNotAllowed;
    return;
  }
  std::string_view body = text.substr(body_start_, content_length_);
  if (body.ends_with('\n')) {
    body.remove_suffix(1);
    body = without_carriage_return(body);
  }
  const auto line_feeds = static_cast<unsigned>(std::ranges::count(body, '\n'));
  const unsigned lines = body.empty() ? 0 : line_feeds + 1;
  if (lines < lines_needed()) {
    message.outcome = Outcome::kMissingLine;
  } else if (lines > lines_needed()) {
    message.outcome = Outcome::kTooManyLines;
  } else {
    const std::string_view nick = take_line(body);
    judge(text, nick, body, message);
  }
}

void TextRequestParser::judge(std::string_view text, std::string_view nick, std::string_view port,
                              Message& message) const {
  message.request = Request();
  message.request.method = method_;
  message.request.nick = nick;
  message.outcome =
      is_valid_nick(nick) ? judge_fields(text, port, message.request) : Outcome::kBadNick;
}

Outcome TextRequestParser::judge_fields(std::string_view text, std::string_view port,
                                        Request& request) const {
  if (method_ == Method::kRegister) {
    const auto number = parse_port(port);
    if (!number.has_value()) return Outcome::kBadPort;
    request.port = *number;
  }
  if (method_ == Method::kPQuery && limit_.is_present()) {
    const auto limit = parse_decimal(limit_.in(text), limits::kLimitDigitsMax);
    if (limit.value_or(0) < 1 || *limit > limits::kLimitMax) return Outcome::kBadLimit;
    request.limit = static_cast<std::uint16_t>(*limit);
  }
  if (!cookie_.is_present()) return Outcome::kSuccess;
  if (method_ == Method::kRegister && cookie_.in(text) == "new") {
    request.cookie_header = CookieHeader::kNew;
    return Outcome::kSuccess;
  }
  const auto cookie = parse_cookie(cookie_.in(text));
  if (!cookie.has_value()) return Outcome::kBadCookie;
  request.cookie_header = CookieHeader::kShown;
  request.cookie = *cookie;
  return Outcome::kSuccess;
}

}  // namespace rollcall::engine
