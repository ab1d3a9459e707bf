#include "engine/session.h"

#include <algorithm>

#include "engine/assert.h"

namespace rollcall::engine {
namespace {

// What an idle session may keep of the memory of its last unfinished request.
constexpr std::size_t kCarryBytesKept = 256;

// The length of the line end at the beginning of `text`, zero if there is none. Nothing where a
// carriage return leaves that open.
std::optional<std::size_t> line_end_bytes(std::string_view text) {
  if (text.starts_with('\n')) return 1;
  if (text.starts_with("\r\n")) return 2;
  if (text == "\r") return std::nullopt;
  return 0;
}

}  // namespace

std::size_t Session::parse(std::string_view text, Instant now, MessageBatch& batch) {
  if (is_in_request()) return continue_request(text, now, batch);

  const std::size_t first = batch.size;
  std::size_t consumed = 0;
  std::size_t at = 0;
  bool skips_line_end = skips_line_end_;
  while (at < text.size() && batch.size < batch.messages.size()) {
    const std::string_view rest = text.substr(at);
    if (skips_line_end) {
      const auto skipped = line_end_bytes(rest);
      if (skipped.has_value()) {
        at += *skipped;
        skips_line_end = false;
        if (batch.size == first) {
          skips_line_end_ = false;
          consumed = at;
        }
        continue;
      }
    }
    TextRequestParser parser;
    Message& message = batch.messages[batch.size];
    if (!parser.advance(rest, message)) {
      if (batch.size > first) break;
      begin_request(rest, parser, now);
      return text.size();
    }
    at = message.closes ? text.size() : at + message.bytes;
    batch.ends[batch.size++] = at;
    skips_line_end = message.framing == AnswerFraming::kLength;
  }
  return consumed;
}

std::size_t Session::continue_request(std::string_view text, Instant now, MessageBatch& batch) {
  const std::size_t before = carry_.size();
  // One byte more than a request may have, so that the parser sees that it is too long.
  const std::size_t taken = std::min(text.size(), limits::kRequestBytesMax + 1 - before);
  carry_.append(text.substr(0, taken));
  if (skips_line_end_) {
    skips_line_end_ = false;
    const std::size_t skipped = line_end_bytes(carry_).value_or(0);
    if (skipped > 0) {
      drop_carry();
      return skipped - before;
    }
  }
  last_byte_ = now;
  had_bytes_after_quiet_ = had_quiet_;
  silence_reported_ = false;

  Message& message = batch.messages[batch.size];
  if (!parser_.advance(carry_, message)) return taken;
  batch.ends[batch.size++] = message.closes ? text.size() : message.bytes - before;
  return 0;
}

void Session::begin_request(std::string_view text, const TextRequestParser& parser, Instant now) {
  carry_.assign(text);
  parser_ = parser;
  first_byte_ = last_byte_ = now;
  had_quiet_ = had_bytes_after_quiet_ = silence_reported_ = false;
}

bool Session::awaits_quiet() const {
  return is_open_ && is_in_request() && !is_framed_ && !silence_reported_;
}

bool Session::quiet(Message& message) {
  if (!awaits_quiet()) return false;
  silence_reported_ = true;
  if (!had_quiet_ && parser_.is_whole(carry_)) {
    parser_.silence(carry_, message);
    return true;
  }
  had_quiet_ = true;
  return false;
}

bool Session::end_of_stream(Message& message) {
  const bool is_line_end_open = skips_line_end_ && carry_ == "\r";
  if (!is_in_request() || is_line_end_open) return false;
  parser_.end_of_stream(carry_, message);
  return true;
}

std::optional<Duration> Session::silence_max() const {
  if (is_framed_ || !had_quiet_) return std::nullopt;
  if (parser_.is_whole(carry_)) return limits::kTrickledSilence;
  if (parser_.is_in_lines() && !had_bytes_after_quiet_) return limits::kIncompleteSilence;
  return std::nullopt;
}

Instant Session::deadline() const {
  if (!is_in_request()) return kNever;
  const Instant end = first_byte_ + limits::kRequestTime;
  const auto silence = silence_max();
  return silence.has_value() ? std::min(end, last_byte_ + *silence) : end;
}

void Session::time_out(Message& message) {
  ROLLCALL_ASSERT(is_in_request());
  if (deadline() < first_byte_ + limits::kRequestTime) {
    parser_.silence(carry_, message);
    return;
  }
  message.bytes = carry_.size();
  message.outcome = Outcome::kRequestTimeout;
  message.framing = AnswerFraming::kBare;
  message.closes = true;
}

void Session::close() {
  is_open_ = false;
  drop_carry();
}

void Session::drop_carry() {
  if (carry_.capacity() > kCarryBytesKept) {
    carry_ = std::string();
  } else {
    carry_.clear();
  }
}

void Session::check_invariants() const {
  ROLLCALL_ASSERT(carry_.size() <= limits::kRequestBytesMax);
  ROLLCALL_ASSERT(is_open_ || carry_.empty());
  ROLLCALL_ASSERT(carry_.empty() || first_byte_ <= last_byte_);
  ROLLCALL_ASSERT(had_quiet_ || !had_bytes_after_quiet_);
}

}  // namespace rollcall::engine
