#include "tests/sim/client.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/limits.h"
#include "engine/wire/response_parser.h"
#include "tests/sim/broken.h"
#include "tests/sim/script.h"
#include "tests/support/escaped_text.h"

namespace rollcall::sim {

using engine::AnswerFraming;
using engine::Duration;
using engine::Instant;
using engine::Outcome;
using engine::SampleGenerator;
using transport::ClientState;
using transport::Direction;

namespace {

void mix_in(std::string_view text, std::uint64_t& hash) {
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    hash = std::rotl((hash ^ word) * 0x9E3779B97F4A7C15u, 29);
  }
}

void append_hex(const CookieBytes& cookie, std::string& to) {
  for (const std::uint8_t byte : cookie) {
    to += "0123456789abcdef"[byte >> 4];
    to += "0123456789abcdef"[byte & 0xF];
  }
}

// An answer that is no list, as protocol.md has it.
std::string text_of(Outcome outcome, const Expected& expected, std::uint16_t success_code) {
  const auto status = outcome == Outcome::kSuccess
                          ? success_code
                          : static_cast<std::uint16_t>(engine::status_of(outcome));
  const std::string_view message = engine::message_of(outcome);
  std::string text = "Response ";
  text += std::to_string(status);
  text += " P2Pv1\n";
  if (expected.framing == AnswerFraming::kLength) {
    text += "ContentLength: ";
    text += std::to_string(message.size());
    text += '\n';
  }
  if (outcome == Outcome::kSuccess && expected.issued.has_value()) {
    text += "Cookie: ";
    append_hex(*expected.issued, text);
    text += '\n';
  }
  text += '\n';
  text += message;
  if (expected.framing == AnswerFraming::kLineFeed) text += '\n';
  return text;
}

}  // namespace

void Client::broken(const std::string& what) const {
  throw Broken("client " + std::to_string(number_) + ": " + what);
}

// ---- What it does ----

void Client::connect(transport::Loopback& loopback, const engine::HostAddress& host, Duration delay,
                     Instant now) {
  if (is_connected()) {
    // What it asked and did not see decided never will be.
    connection_->delay(Direction::kToServer, Duration::zero());
    connection_->let_through(Direction::kToServer);
    connection_->reset(Direction::kToServer);
  }
  forget_connection();
  connection_.emplace(loopback.connect(host, delay));
  host_ = host;
  last_sent_ = last_heard_ = now;
  context_.trace.note("  client ", number_, " connects");
}

void Client::forget_connection() {
  if (!owed_.empty()) context_.tally.count(Met::kLostAnswer);
  connection_.reset();
  sent_.clear();
  owed_.clear();
  decided_ = 0;
  sent_bytes_ = 0;
  kept_.clear();
  received_.clear();
  reads_ = true;
  is_held_ = false;
  is_half_closed_ = has_closed_ = may_be_idle_ = is_excused_ = is_over_ = false;
}

bool Client::may_send() const {
  if (is_half_closed_ || has_closed_ || connection_->state() != ClientState::kOpen) return false;
  return !script_of(number_).is_original || (sent_.empty() && owed_.empty());
}

void Client::send(std::size_t requests, bool keeps_end, SampleGenerator random, Instant now) {
  send_rest(now);
  if (!may_send()) return;
  const Script& script = script_of(number_);
  std::string text;
  std::size_t last_start = 0;
  for (requests = std::min(requests, script.requests_max); requests > 0 && !has_closed_;
       --requests) {
    last_start = text.size();
    sent_.push_back({draw_request(number_, random, context_.oracle, text), now, 0});
    sent_.back().end = sent_bytes_ + text.size();
    has_closed_ = sent_.back().request.closes;
    context_.trace.note("  client ", number_, " asks ", sent_.back().request);
  }
  // Before the blank line, so that no silence and no end of the stream makes another request of it.
  const std::size_t blank = text.find("\n\n", last_start);
  if (keeps_end && !script.is_original && !has_closed_ && blank != std::string::npos) {
    const std::size_t end = last_start + 1 + random.below(blank - last_start);
    kept_ = text.substr(end);
    text.erase(end);
    context_.trace.note("  … but for ", kept_.size(), " bytes");
  }
  transmit(text, now);
}

void Client::transmit(std::string_view text, Instant now) {
  connection_->send(text);
  sent_bytes_ += text.size();
  last_sent_ = now;
}

void Client::send_rest(Instant now) {
  if (kept_.empty() || is_half_closed_ || has_closed_) return;
  context_.trace.note("  client ", number_, " sends the rest");
  if (now > last_sent_) context_.tally.count(Met::kPartOfRequest);
  transmit(std::exchange(kept_, {}), now);
}

void Client::half_close(bool says_more, SampleGenerator random, Instant now) {
  if (is_half_closed_) return;
  if (says_more && may_send() && kept_.empty()) {
    SentRequest request;
    std::string text;
    do {
      text.clear();
      request = draw_request(number_, random, context_.oracle, text);
    } while (request.refusal != Outcome::kSuccess);
    request.framing = AnswerFraming::kBare;
    text.clear();
    write(request, text);
    context_.trace.note("  client ", number_, " asks at last ", request);
    sent_.push_back({request, now, sent_bytes_ + text.size()});
    transmit(text, now);
  }
  is_half_closed_ = true;
  connection_->half_close();
  context_.tally.count(Met::kHalfClose);
}

void Client::reset() {
  if (connection_->state() != ClientState::kOpen) return;
  connection_->reset(Direction::kToServer);
  is_half_closed_ = is_excused_ = true;
  context_.tally.count(Met::kClientReset);
}

// ---- What the network does ----

void Client::reset_by_network() {
  if (connection_->state() != ClientState::kOpen) return;
  connection_->reset(Direction::kToClient);
  is_excused_ = true;
  context_.tally.count(Met::kServerReset);
}

void Client::hold(Direction direction, Instant now) {
  // In the middle of a request that says nothing of its end, silence would make another one of it.
  const bool is_bare = !sent_.empty() && sent_.back().request.framing == AnswerFraming::kBare;
  if (direction == Direction::kToServer && is_bare) return;
  connection_->hold(direction);
  if (reads_ && !is_held_) stalled_since_ = now;
  is_held_ = true;
  context_.tally.count(Met::kInterruption);
}

void Client::let_through() {
  connection_->let_through(Direction::kToServer);
  connection_->let_through(Direction::kToClient);
  is_held_ = false;
}

void Client::stop_reading(Instant now) {
  connection_->stop_reading();
  if (reads_ && !is_held_) stalled_since_ = now;
  reads_ = false;
  context_.tally.count(Met::kStalledReader);
}

void Client::read_on() {
  connection_->read_on();
  reads_ = true;
}

bool Client::has_stalled(Instant now) const {
  const bool stalls = !reads_ || is_held_;
  return stalls && now - stalled_since_ >= engine::limits::kOutputStall - kDelayMax;
}

void Client::calm(Instant now) {
  if (!is_connected()) return;
  send_rest(now);
  let_through();
  read_on();
  connection_->window(std::size_t{1} << 16);
  connection_->cut(Direction::kToClient, SIZE_MAX);
  connection_->cut(Direction::kToServer, SIZE_MAX);
}

// ---- What the server does ----

void Client::note_decided(const Moment& moment) {
  if (!is_connected()) return;
  for (const std::uint64_t decided_now = connection_->answered(); decided_ < decided_now;
       ++decided_) {
    if (sent_.empty()) broken("an answer to nothing is on its way");
    const Asked asked = sent_.front();
    sent_.pop_front();
    // What closes the connection is refused before its end.
    const bool is_whole =
        asked.request.closes || sent_bytes_ - connection_->unread_by_server() >= asked.end;
    owed_.push_back(is_whole ? decided(asked.request, moment) : cut_short(asked, moment.now));
  }
}

Expected Client::cut_short(const Asked& asked, Instant now) {
  Expected expected;
  expected.framing = AnswerFraming::kBare;
  has_closed_ = true;
  const bool may_time_out = now >= asked.since + engine::limits::kRequestTime;
  if (may_time_out) expected.outcome = Outcome::kRequestTimeout;
  if (is_half_closed_ && !kept_.empty()) {
    // The end of the stream may have been held up.
    if (may_time_out) expected.or_else = expected.outcome;
    expected.outcome = Outcome::kIncompleteRequest;
  } else if (may_time_out) {
    context_.tally.count(Met::kRequestTimeout);
  } else {
    broken("an answer to a request that has not ended");
  }
  return expected;
}

Expected Client::decided(const SentRequest& request, const Moment& moment) {
  if (request.framing == AnswerFraming::kBare && !request.closes) {
    context_.tally.count(is_half_closed_ ? Met::kEndedByEndOfStream : Met::kEndedByQuiet);
  }
  return context_.oracle.decide(request, host_, moment);
}

void Client::check(const Verdicts& verdicts, Instant now) {
  if (!is_connected() || is_over_) return;
  if (has_stalled(now)) is_excused_ = true;
  if (now - last_heard_ >= kIdleMax) may_be_idle_ = true;
  if (connection_->unread_by_server() == 0) last_heard_ = last_sent_;
  if (!connection_->delivered().empty()) {
    const std::string text = connection_->take();
    mix_in(text, context_.hash);
    received_ += text;
    std::size_t taken = 0;
    while (!received_.empty() && take_answer(verdicts)) ++taken;
    context_.operations += taken;
  }
  const ClientState state = connection_->state();
  if (state == ClientState::kOpen) return;
  if (!may_have_ended(verdicts)) broken("the connection ended for no reason");
  if (state == ClientState::kEnded) {
    if (!owed_.empty()) broken("the connection ended before everything was answered");
    if (!received_.empty()) broken("half an answer: " + tests::escaped(received_));
    if (!has_closed_ && !is_half_closed_ && !is_excused_) context_.tally.count(Met::kIdleTimeout);
  } else if (has_stalled(now)) {
    context_.tally.count(Met::kOutputStall);
  }
  context_.trace.note("  client ", number_, "'s connection ended");
  is_over_ = true;
}

bool Client::may_have_ended(const Verdicts& verdicts) const {
  if (is_excused_ || may_be_idle_ || is_half_closed_ || has_closed_) return true;
  // The server closes after the answer that it does not know, which may have been lost.
  return std::ranges::any_of(owed_, [&](const Expected& expected) {
    if (!expected.is_change) return false;
    return verdicts.of(expected.ticket).value_or(engine::Verdict::kDurable) !=
           engine::Verdict::kDurable;
  });
}

bool Client::take_answer(const Verdicts& verdicts) {
  if (owed_.empty()) broken("an answer to nothing: " + tests::escaped(received_));
  const Expected& expected = owed_.front();
  Outcome outcome = expected.outcome;
  if (expected.is_change) {
    const std::optional<engine::Verdict> verdict = verdicts.of(expected.ticket);
    if (!verdict.has_value()) broken("an answer before its change is durable");
    if (*verdict == engine::Verdict::kFailed) outcome = Outcome::kStoreFailed;
    if (*verdict == engine::Verdict::kStopping) outcome = Outcome::kServerStopping;
  }
  const bool is_list = outcome == Outcome::kSuccess && expected.list.has_value();
  const std::optional<std::size_t> length =
      is_list ? length_of_list(received_, expected) : length_of_message(outcome, expected);
  if (!length.has_value()) return false;

  if (outcome == Outcome::kStoreFailed || outcome == Outcome::kServerStopping) {
    context_.tally.count(outcome == Outcome::kStoreFailed ? Met::kUnknownAnswer
                                                          : Met::kStoppingAnswer);
    has_closed_ = true;
  } else if (expected.is_change) {
    context_.oracle.acknowledge(expected);
  }
  received_.erase(0, *length);
  owed_.pop_front();
  return true;
}

// How long the answer at the front of what was received is, if it is all there and right.
std::optional<std::size_t> Client::length_of_message(Outcome outcome,
                                                     const Expected& expected) const {
  const auto is_begun = [this](const std::string& text) {
    return received_.starts_with(std::string_view(text).substr(0, received_.size()));
  };
  std::string text = text_of(outcome, expected, context_.setting.engine.success_code);
  if (expected.or_else.has_value() && !is_begun(text)) {
    text = text_of(*expected.or_else, expected, context_.setting.engine.success_code);
  }
  if (!is_begun(text)) {
    broken("answered " + tests::escaped(received_) + " instead of " + tests::escaped(text));
  }
  return received_.size() < text.size() ? std::nullopt : std::optional(text.size());
}

// How long the list answer at the front of `text` is, if it is all there and right.
std::optional<std::size_t> Client::length_of_list(std::string_view text,
                                                  const Expected& expected) const {
  std::string head =
      "Response " + std::to_string(context_.setting.engine.success_code) + " P2Pv1\n";
  const std::size_t blank = text.find("\n\n");
  if (blank == std::string_view::npos) return std::nullopt;
  const std::size_t start = blank + 2;
  if (start == text.size()) return std::nullopt;
  const bool is_empty = text.substr(start).starts_with("[]");
  const std::size_t close = text.find(is_empty ? "[]" : "']", start);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view message = text.substr(start, close + 2 - start);
  if (expected.framing == AnswerFraming::kLength) {
    head += "ContentLength: " + std::to_string(message.size()) + "\n";
  }
  if (!text.starts_with(head)) broken("another head of a list: " + tests::escaped(text));
  std::string_view rest = text.substr(head.size(), start - 1 - head.size());
  if (expected.list->has_total) {
    std::size_t total = 0;
    if (!rest.starts_with("Total: ") || !rest.ends_with('\n')) broken("no Total");
    for (const char digit : rest.substr(7, rest.size() - 8)) {
      total = total * 10 + static_cast<std::size_t>(digit - '0');
    }
    if (total < expected.list->active) broken("a Total that is too low");
    if (total > expected.list->total_max) broken("a Total that is too high");
  } else if (!rest.empty()) {
    broken("a header that was not asked for: " + tests::escaped(rest));
  }
  std::size_t length = close + 2;
  if (expected.framing == AnswerFraming::kLineFeed) {
    if (length == text.size()) return std::nullopt;
    if (text[length++] != '\n') broken("a list that goes on: " + tests::escaped(text));
  }
  require_list(message, *expected.list);
  return length;
}

void Client::require_list(std::string_view message, const ExpectedList& expected) const {
  engine::PeerListReader reader(message);
  engine::Endpoint peer;
  std::uint64_t sum = 0;
  std::uint64_t seen = 0;
  std::size_t size = 0;
  engine::PeerListStep step = reader.next(peer);
  for (; step == engine::PeerListStep::kPeer; step = reader.next(peer)) {
    const std::uint64_t hash = hash_of(peer);
    sum += hash;
    ++size;
    if (expected.hashes.empty()) continue;
    const auto at = std::ranges::find(expected.hashes, hash);
    if (at == expected.hashes.end()) broken("somebody is listed who is not here");
    const auto bit = std::uint64_t{1} << (at - expected.hashes.begin());
    if ((seen & bit) != 0) broken("somebody is listed twice");
    seen |= bit;
  }
  if (step == engine::PeerListStep::kMalformed) broken("no list: " + tests::escaped(message));
  const bool is_right =
      size == expected.size && (size < expected.active || sum == expected.hash_sum);
  if (!is_right) {
    broken("a list of others than the " + std::to_string(expected.size) +
           " who are here: " + tests::escaped(message));
  }
}

void Client::lose_server() {
  if (!is_connected()) return;
  forget_connection();
}

void Client::check_settled() const {
  if (!is_connected() || is_over_) return;
  if (has_closed_ || is_half_closed_) broken("a connection that does not end");
  if (!sent_.empty()) broken("a request that nobody decided");
  if (!owed_.empty()) broken("a request without an answer");
  if (!received_.empty()) broken("half an answer: " + tests::escaped(received_));
}

}  // namespace rollcall::sim
