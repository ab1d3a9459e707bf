#include "tests/support/exchange_runner.h"

#include <chrono>
#include <map>
#include <utility>

#include "engine/host_address.h"
#include "tests/support/escaped_text.h"

namespace rollcall::tests {
namespace {

// The connections of an exchange that says nothing else come from here.
constexpr engine::HostAddress kUsualHost = engine::HostAddress::v4(127, 0, 0, 1);

// An exchange that waits for less than this means it exactly.
constexpr engine::Duration kExactWait = std::chrono::milliseconds(100);

// Where time is not exact: from the end of a silence until the server has noticed it.
constexpr engine::Duration kNoticeTime = std::chrono::milliseconds(400);

class Runner {
 public:
  Runner(const Exchange& exchange, const Cutting& cutting, TransportUnderTest& transport)
      : exchange_(exchange), cutting_(cutting), transport_(transport) {}

  std::optional<std::string> run() {
    for (const ExchangeStep& step : exchange_.steps) {
      line_ = step.line;
      connection_ = step.connection;
      next_ = &step == &exchange_.steps.back() ? nullptr : &step + 1;
      std::visit([this](const auto& action) { perform(action); }, step.action);
      if (failure_) return failure_;
    }
    for (const auto& [name, client] : clients_) {
      connection_ = name;
      end(*client);
      if (failure_) return failure_;
    }
    return std::nullopt;
  }

 private:
  void perform(const From& from) {
    if (clients_.contains(connection_)) return fail("the connection exists already");
    clients_[connection_] = transport_.connect(from.host);
  }

  void perform(const Send& send) {
    expect_nothing_unread();
    const std::optional<std::string> bytes = send.bytes.bytes(captures_);
    if (!bytes) return fail("a cookie that no answer showed");
    std::string_view rest = *bytes;
    while (!rest.empty()) {
      const std::size_t piece = piece_of(rest.size(), bytes->size());
      client().send(rest.substr(0, piece));
      rest.remove_prefix(piece);
    }
    ++chunk_;
  }

  std::size_t piece_of(std::size_t rest, std::size_t whole) const {
    switch (cutting_.kind) {
      case Cutting::Kind::kWhole:
        return rest;
      case Cutting::Kind::kByteByByte:
        return 1;
      case Cutting::Kind::kTwoPieces:
        return chunk_ == cutting_.chunk && rest == whole ? cutting_.first_bytes : rest;
    }
    return rest;
  }

  void perform(const Expect& expect) {
    ClientUnderTest& from = client();
    from.look();
    WirePattern::Match match = expect.answer.match(from.received(), captures_);
    while (match.fit == WirePattern::Fit::kNeedsMore && from.await_more()) {
      match = expect.answer.match(from.received(), captures_);
    }
    if (match.fit == WirePattern::Fit::kMatches) return from.take(match.at);
    fail("expected: " + expect.answer.text() + "\n  got:      " + escaped(from.received()) +
         "\n  differs at byte " + std::to_string(match.at));
  }

  void perform(const HalfClose&) {
    expect_nothing_unread();
    client().half_close();
  }

  void perform(const Reset&) {
    expect_nothing_unread();
    client().reset();
  }

  void perform(const ExpectClosed&) {
    while (client().state() == ClientState::kOpen && client().await_more()) {
    }
    expect_nothing_unread();
    if (client().state() == ClientState::kOpen) fail("expected: the end of the stream");
    if (client().state() == ClientState::kReset) fail("expected: the end of the stream, no reset");
  }

  void perform(const ExpectOpen&) {
    expect_nothing_unread();
    if (client().state() != ClientState::kOpen) fail("expected: the connection stays open");
  }

  void perform(const Quiet&) {
    const engine::Duration quiet = exchange_.server.quiet;
    if (transport_.has_exact_time()) return pass(quiet);
    // The answer shows that the quiet time has passed; where none comes, the server must have had
    // every chance to notice, however busy the machine is.
    const bool is_answered = next_ != nullptr && std::holds_alternative<Expect>(next_->action);
    if (!is_answered) pass(quiet + kNoticeTime);
  }

  void perform(const Wait& wait) { pass(wait.duration); }

  void pass(engine::Duration duration) {
    expect_nothing_unread();
    transport_.pass(duration);
  }

  void end(ClientUnderTest& client) {
    if (client.state() != ClientState::kOpen) return;
    client.half_close();
    const std::string rest = client.await_end();
    if (!rest.empty()) fail("after the last line came: " + escaped(rest));
    if (client.state() == ClientState::kOpen) fail("the server does not close after end of stream");
  }

  // Every answer that came must have been expected by now.
  void expect_nothing_unread() {
    for (const auto& [name, client] : clients_) {
      client->look();
      if (!client->received().empty()) {
        fail("expected: nothing more on " + name + "\n  got:      " + escaped(client->received()));
      }
    }
  }

  ClientUnderTest& client() {
    std::unique_ptr<ClientUnderTest>& client = clients_[connection_];
    if (client == nullptr) client = transport_.connect(kUsualHost);
    return *client;
  }

  // The first failure is the one that tells.
  void fail(const std::string& what) {
    if (failure_) return;
    failure_ = exchange_.file + ":" + std::to_string(line_) + ": " + exchange_.title + " (" +
               cutting_.text() + ")\n  " + what;
  }

  const Exchange& exchange_;
  const Cutting& cutting_;
  TransportUnderTest& transport_;
  std::map<std::string, std::unique_ptr<ClientUnderTest>> clients_;
  Captures captures_;
  std::size_t chunk_ = 0;
  std::size_t line_ = 0;
  std::string connection_;
  const ExchangeStep* next_ = nullptr;
  std::optional<std::string> failure_;
};

}  // namespace

std::string Cutting::text() const {
  switch (kind) {
    case Kind::kWhole:
      return "whole";
    case Kind::kByteByByte:
      return "byte by byte";
    case Kind::kTwoPieces:
      return "chunk " + std::to_string(chunk + 1) + " cut after byte " +
             std::to_string(first_bytes);
  }
  return {};
}

std::vector<Cutting> two_piece_cuttings(const Exchange& exchange) {
  std::vector<Cutting> cuttings;
  std::size_t chunk = 0;
  for (const ExchangeStep& step : exchange.steps) {
    const auto* send = std::get_if<Send>(&step.action);
    if (send == nullptr) continue;
    for (std::size_t first = 1; first < send->bytes.length().value_or(0); ++first) {
      cuttings.push_back({Cutting::Kind::kTwoPieces, chunk, first});
    }
    ++chunk;
  }
  return cuttings;
}

engine::Duration duration_of(const Exchange& exchange) {
  engine::Duration total{};
  for (const ExchangeStep& step : exchange.steps) {
    if (const auto* wait = std::get_if<Wait>(&step.action)) total += wait->duration;
    if (std::holds_alternative<Quiet>(step.action)) total += exchange.server.quiet;
  }
  return total;
}

bool can_run(const Exchange& exchange, const TransportUnderTest& transport) {
  for (const ExchangeStep& step : exchange.steps) {
    const auto* from = std::get_if<From>(&step.action);
    if (from != nullptr && !transport.can_play(from->host)) return false;
    const auto* wait = std::get_if<Wait>(&step.action);
    const bool is_exact = wait != nullptr && wait->duration < kExactWait;
    if (is_exact && !transport.has_exact_time()) return false;
  }
  return transport.can_pass(duration_of(exchange));
}

std::optional<std::string> run_exchange(const Exchange& exchange, const Cutting& cutting,
                                        TransportUnderTest& transport) {
  return Runner(exchange, cutting, transport).run();
}

}  // namespace rollcall::tests
