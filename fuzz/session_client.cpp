#include "fuzz/session_client.h"

#include <algorithm>

#include "engine/limits.h"
#include "engine/wire/response_parser.h"
#include "fuzz/property.h"
#include "tests/support/escaped_text.h"

namespace rollcall::fuzz {

using engine::AnswerFraming;
using engine::Method;
using transport::ClientState;
using transport::Direction;

void SessionClient::send(const KnownRequest& request, std::size_t kept_bytes) {
  if (is_half_closed_ || connection_.state() != ClientState::kOpen) return;
  queued_ += request.text;
  ++requests_;
  // What follows a closing request is not interpreted.
  if (!has_closing_request_) owed_.push_back(request);
  has_closing_request_ = has_closing_request_ || request.closes;
  send_queued(kept_bytes);
}

void SessionClient::send_queued(std::size_t kept_bytes) {
  if (is_half_closed_ || queued_.size() <= kept_bytes) return;
  const std::size_t bytes = queued_.size() - kept_bytes;
  connection_.send(std::string_view(queued_).substr(0, bytes));
  queued_.erase(0, bytes);
  silence_ = {};
}

void SessionClient::half_close() {
  if (is_half_closed_) return;
  // Half a request is answered, or not, like any other mistake.
  if (!queued_.empty()) is_sure_ = false;
  is_half_closed_ = true;
  connection_.half_close();
}

void SessionClient::reset() {
  is_sure_ = false;
  is_half_closed_ = true;
  connection_.reset(Direction::kToServer);
}

void SessionClient::set_reading(bool reads) {
  reads_ = reads;
  reads ? connection_.read_on() : connection_.stop_reading();
}

void SessionClient::set_held(bool held) {
  is_held_ = held;
  held ? connection_.hold(Direction::kToClient) : connection_.let_through(Direction::kToClient);
}

void SessionClient::note_time(engine::Duration duration) {
  silence_ += duration;
  if (!reads_ || is_held_) stalled_ += duration;
  if ((!queued_.empty() && duration > engine::Duration(0)) || silence_ >= idle_timeout_ ||
      stalled_ >= engine::limits::kDrainTime) {
    is_sure_ = false;
  }
}

void SessionClient::check() {
  received_ += connection_.take();
  if (is_sure_) {
    std::string_view rest = received_;
    while (!rest.empty() && take_answer(rest)) ++answers_;
    received_.erase(0, received_.size() - rest.size());
    if (connection_.state() == ClientState::kReset) broken("reset for no reason");
    const bool may_end = is_half_closed_ || has_closing_request_;
    if (connection_.state() == ClientState::kEnded && !may_end) broken("closed for no reason");
    if (connection_.state() == ClientState::kEnded && !owed_.empty()) {
      broken("closed before everything was answered");
    }
    return;
  }
  // No message has a line feed in it, so each of these begins an answer.
  for (std::size_t at = received_.find("Response "); at != std::string::npos;
       at = received_.find("Response ", at + 1)) {
    ++answers_;
  }
  received_.erase(0, received_.size() - std::min<std::size_t>(received_.size(), 8));
  // One request more may have come to be: the rest of one that a silence had ended.
  if (answers_ > requests_ + 1) broken("more answers than requests");
}

void SessionClient::check_settled() const {
  if (!is_sure_ || is_held_ || !reads_) return;
  if (!received_.empty()) broken("half an answer: " + tests::escaped(received_));
  if (queued_.empty() && !owed_.empty()) broken("a request without an answer");
  if (owed_.size() > 1 && queued_.size() < owed_.back().text.size()) {
    broken("requests without an answer");
  }
}

// Takes the answer at the beginning of `received`, if all of it is there.
bool SessionClient::take_answer(std::string_view& received) {
  if (owed_.empty()) broken("an answer to nothing: " + tests::escaped(received));
  const KnownRequest& request = owed_.front();
  if (!request.refusal.empty()) {
    if (received.size() < request.refusal.size()) return false;
    if (!received.starts_with(request.refusal))
      broken("another answer: " + tests::escaped(received));
    received.remove_prefix(request.refusal.size());
    owed_.pop_front();
    return true;
  }
  engine::ResponseParser parser(request.framing, std::size_t{1} << 20);
  const engine::ResponseProgress progress = parser.advance(received);
  if (progress == engine::ResponseProgress::kIncomplete) return false;
  const engine::Response& response = parser.response();
  const bool is_success = response.status == 20;
  const bool is_known =
      is_success || response.status == 400 || response.status == 403 || response.status == 500;
  const bool is_list = response.message.starts_with("[") && response.message.ends_with("]");
  if (progress == engine::ResponseProgress::kMalformed || !is_known ||
      response.cookie.has_value() != (is_success && request.asks_for_cookie) ||
      response.total.has_value() != (is_success && request.has_limit) ||
      is_list != (is_success && request.method == Method::kPQuery) ||
      (is_success && !is_list && response.message != "Success")) {
    broken("an answer of another kind: " + tests::escaped(received) + " to " +
           tests::escaped(request.text));
  }
  received.remove_prefix(parser.length());
  owed_.pop_front();
  return true;
}

}  // namespace rollcall::fuzz
