#include "engine/wire/response_parser.h"

#include <algorithm>

#include "engine/assert.h"
#include "engine/limits.h"
#include "engine/wire/fields.h"

namespace rollcall::engine {
namespace {

constexpr std::string_view kFirstLineStart = "Response ";
constexpr std::string_view kFirstLineEnd = " P2Pv1";
constexpr std::size_t kStatusDigitsMax = 3;
constexpr std::size_t kFirstLineBytesMax =
    kFirstLineStart.size() + kStatusDigitsMax + kFirstLineEnd.size();
constexpr std::string_view kHeaderSeparator = ": ";
constexpr std::size_t kHeaderLineBytesMax =
    limits::kHeaderNameBytesMax + kHeaderSeparator.size() + limits::kHeaderValueBytesMax;
// Enough for any count, too few to overflow.
constexpr std::size_t kCountDigitsMax = 18;

std::optional<std::uint64_t> parse_count(std::string_view text) {
  if (text.empty() || text.size() > kCountDigitsMax) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  std::uint64_t count = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    count = count * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return count;
}

bool is_header_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kHeaderNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
                  c == '-';
         });
}

bool is_header_value(std::string_view value) {
  return value.size() <= limits::kHeaderValueBytesMax &&
         std::all_of(value.begin(), value.end(), [](char c) { return ' ' <= c && c <= '~'; });
}

// A header is given once, with a value that is one.
template <class Value>
bool set_once(std::optional<Value>& header, const std::optional<Value>& value) {
  if (header || !value) return false;
  header = value;
  return true;
}

}  // namespace

ResponseProgress ResponseParser::advance(std::string_view text) {
  ROLLCALL_ASSERT(text.size() >= scanned_);
  // Looks at no byte past the most that may come, so that it matters to nothing whether more came.
  const std::string_view permitted = text.substr(0, bytes_max_);
  if (state_ == State::kFirstLine || state_ == State::kHeaders) read_head(permitted);
  if (state_ == State::kMessage) read_message(permitted);
  const bool is_unfinished = state_ != State::kComplete && state_ != State::kMalformed;
  if (is_unfinished && text.size() > bytes_max_) state_ = State::kMalformed;
  return progress();
}

ResponseProgress ResponseParser::end_of_stream(std::string_view text) {
  if (advance(text) != ResponseProgress::kIncomplete) return progress();
  const bool may_end_here = framing_ == AnswerFraming::kBare || !response_.is_success();
  if (state_ == State::kMessage && !content_length_ && may_end_here) {
    complete(text.substr(next_), text.size());
  } else {
    state_ = State::kMalformed;
  }
  return progress();
}

ResponseProgress ResponseParser::progress() const {
  switch (state_) {
    case State::kFirstLine:
    case State::kHeaders:
    case State::kMessage:
      return ResponseProgress::kIncomplete;
    case State::kComplete:
      return ResponseProgress::kComplete;
    case State::kMalformed:
      return ResponseProgress::kMalformed;
  }
  __builtin_unreachable();
}

void ResponseParser::read_head(std::string_view text) {
  while (state_ == State::kFirstLine || state_ == State::kHeaders) {
    const bool is_first = state_ == State::kFirstLine;
    const std::size_t line_bytes_max = is_first ? kFirstLineBytesMax : kHeaderLineBytesMax;
    const std::string_view window = text.substr(0, next_ + line_bytes_max + 1);
    const std::size_t line_feed = window.find('\n', scanned_);
    if (line_feed == std::string_view::npos) {
      scanned_ = window.size();
      if (window.size() > next_ + line_bytes_max) state_ = State::kMalformed;
      return;
    }
    const std::string_view line = text.substr(next_, line_feed - next_);
    next_ = scanned_ = line_feed + 1;
    state_ = is_first ? state_after_first_line(line) : state_after_header(line);
  }
}

ResponseParser::State ResponseParser::state_after_first_line(std::string_view line) {
  if (!line.starts_with(kFirstLineStart) || !line.ends_with(kFirstLineEnd)) {
    return State::kMalformed;
  }
  line.remove_prefix(kFirstLineStart.size());
  if (line.size() < kFirstLineEnd.size()) return State::kMalformed;
  line.remove_suffix(kFirstLineEnd.size());
  const std::optional<std::uint32_t> status = parse_decimal(line, kStatusDigitsMax);
  if (!status) return State::kMalformed;
  response_.status = static_cast<std::uint16_t>(*status);
  return State::kHeaders;
}

ResponseParser::State ResponseParser::state_after_header(std::string_view line) {
  if (line.empty()) {
    const bool may_be_unframed = framing_ != AnswerFraming::kLength || !response_.is_success();
    return content_length_ || may_be_unframed ? State::kMessage : State::kMalformed;
  }
  if (++headers_ > limits::kHeadersMax) return State::kMalformed;

  const std::size_t separator = line.find(kHeaderSeparator);
  if (separator == std::string_view::npos) return State::kMalformed;
  const std::string_view name = line.substr(0, separator);
  const std::string_view value = line.substr(separator + kHeaderSeparator.size());
  if (!is_header_name(name) || !is_header_value(value)) return State::kMalformed;

  bool is_valid = true;
  if (name == "ContentLength") {
    // Nobody asked for it otherwise, and it would leave two opinions on where the message ends.
    is_valid = framing_ == AnswerFraming::kLength && set_once(content_length_, parse_count(value));
  } else if (name == "Cookie") {
    is_valid = set_once(response_.cookie, parse_cookie(value));
  } else if (name == "Total") {
    is_valid = set_once(response_.total, parse_count(value));
  }
  return is_valid ? State::kHeaders : State::kMalformed;
}

void ResponseParser::read_message(std::string_view text) {
  const std::size_t room = bytes_max_ - next_;
  if (content_length_ && *content_length_ > room) {
    state_ = State::kMalformed;
    return;
  }
  const std::string_view window = content_length_ ? text.substr(0, next_ + *content_length_) : text;
  const std::size_t line_feed = window.find('\n', scanned_);
  scanned_ = window.size();

  if (line_feed != std::string_view::npos) {
    if (framing_ == AnswerFraming::kLineFeed) {
      complete(text.substr(next_, line_feed - next_), line_feed + 1);
    } else {
      state_ = State::kMalformed;
    }
  } else if (content_length_ && window.size() == next_ + *content_length_) {
    complete(window.substr(next_), window.size());
  }
}

void ResponseParser::complete(std::string_view message, std::size_t length) {
  response_.message = message;
  next_ = scanned_ = length;
  state_ = State::kComplete;
}

PeerListStep PeerListReader::next(Endpoint& peer) {
  if (state_ == State::kMalformed) return PeerListStep::kMalformed;
  if (state_ == State::kEnd) return PeerListStep::kEnd;
  const bool is_first = state_ == State::kBeforeFirst;
  if (is_first && !take("[")) return malformed();
  if (take("]")) {
    if (!rest_.empty()) return malformed();
    state_ = State::kEnd;
    return PeerListStep::kEnd;
  }
  if (!take(is_first ? "'" : ", '")) return malformed();
  const std::string_view address = rest_.substr(0, rest_.find('\''));
  rest_.remove_prefix(address.size());
  const std::optional<Endpoint> endpoint = parse_endpoint(address);
  if (!take("'") || !endpoint || endpoint->port == 0) return malformed();
  state_ = State::kAfterPeer;
  peer = *endpoint;
  return PeerListStep::kPeer;
}

bool PeerListReader::take(std::string_view expected) {
  if (!rest_.starts_with(expected)) return false;
  rest_.remove_prefix(expected.size());
  return true;
}

PeerListStep PeerListReader::malformed() {
  state_ = State::kMalformed;
  return PeerListStep::kMalformed;
}

}  // namespace rollcall::engine
