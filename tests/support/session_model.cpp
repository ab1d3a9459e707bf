#include "tests/support/session_model.h"

#include <algorithm>
#include <chrono>

#include "tests/support/request_model.h"

namespace rollcall::tests {

using namespace std::chrono_literals;
using engine::AnswerFraming;
using engine::Instant;
using engine::Message;

bool SessionModel::awaits_quiet() const {
  return is_open_ && !pending_.empty() && !has_framed_ && !was_quiet_;
}

void SessionModel::receive(std::string_view bytes, Instant now, std::vector<OwedAnswer>& owed) {
  if (!is_open_) return;
  last_bytes_ = now;
  for (const char byte : bytes) {
    if (is_open_) receive_byte(byte, now, owed);
  }
}

void SessionModel::receive_byte(char byte, Instant now, std::vector<OwedAnswer>& owed) {
  if (pending_.empty()) {
    first_byte_ = now;
    is_counted_ = is_trickled_ = came_after_trickling_ = false;
  }
  pending_ += byte;
  was_quiet_ = false;
  came_after_trickling_ = is_trickled_;
  if (skips_line_end_ && pending_ == "\r") return;
  if (skips_line_end_) {
    skips_line_end_ = false;
    if (pending_ == "\n" || pending_ == "\r\n") return pending_.clear();
  }
  // Only a line feed, a counted byte or one too many can end a request.
  if (byte == '\n' && pending_.ends_with("\n\n")) is_counted_ = true;
  if (byte == '\n' && pending_.ends_with("\n\r\n")) is_counted_ = true;
  const bool may_end = byte == '\n' || is_counted_ || pending_.size() > 4096;
  if (!may_end) return;
  if (const auto message = model_request(pending_)) {
    answer(*message, owed);
  } else {
    is_counted_ = is_counted_ && !model_is_in_lines(pending_);
  }
}

void SessionModel::answer(const Message& message, std::vector<OwedAnswer>& owed) {
  owed.push_back({message.outcome, message.framing, message.request.method,
                  message.outcome == engine::Outcome::kSuccess && message.request.limit != 0});
  has_framed_ = has_framed_ || message.framing != AnswerFraming::kBare;
  skips_line_end_ = message.framing != AnswerFraming::kLineFeed;
  if (message.closes) is_open_ = false;
  pending_.clear();
}

void SessionModel::quiet(std::vector<OwedAnswer>& owed) {
  was_quiet_ = true;
  if (!is_trickled_ && model_is_whole(pending_)) {
    answer(model_end_of_stream(pending_), owed);
  } else {
    is_trickled_ = true;
  }
}

void SessionModel::end_of_stream(std::vector<OwedAnswer>& owed) {
  const bool is_half_a_line_end = skips_line_end_ && pending_ == "\r";
  if (is_open_ && !pending_.empty() && !is_half_a_line_end) {
    answer(model_end_of_stream(pending_), owed);
  }
  is_open_ = false;
  pending_.clear();
}

Instant SessionModel::request_deadline() const {
  if (pending_.empty()) return engine::kNever;
  const Instant end = first_byte_ + 30s;
  if (has_framed_ || !is_trickled_) return end;
  if (model_is_whole(pending_)) return std::min(end, last_bytes_ + 5s);
  const bool is_incomplete = model_is_in_lines(pending_) && !came_after_trickling_;
  return is_incomplete ? std::min(end, last_bytes_ + 1s) : end;
}

Instant SessionModel::deadline() const {
  if (!is_open_) return engine::kNever;
  return std::min(request_deadline(), last_bytes_ + idle_timeout_);
}

void SessionModel::time_out(Instant now, std::vector<OwedAnswer>& owed) {
  const Instant request = request_deadline();
  if (request > now) {
    is_open_ = false;
    pending_.clear();
  } else if (request < first_byte_ + 30s) {
    answer(model_end_of_stream(pending_), owed);
  } else {
    Message message;
    message.outcome = engine::Outcome::kRequestTimeout;
    message.closes = true;
    answer(message, owed);
  }
}

}  // namespace rollcall::tests
