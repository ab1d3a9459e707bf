// Property: where requests end in a stream with silences and timers, and how each is answered, is
// where and how a plain reading of the protocol says.
//
// The input is a stream (stream.h). The registry has no room for anybody, so that what becomes of a
// valid request is known.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "fuzz/property.h"
#include "fuzz/stream.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/escaped_text.h"
#include "tests/support/session_model.h"

namespace {

using namespace rollcall;
using engine::AnswerFraming;
using engine::Instant;
using engine::Method;
using engine::Outcome;

// Appends the answer, its framing and all, to `text`.
void render(const tests::OwedAnswer& owed, std::string& text) {
  Outcome outcome = owed.outcome;
  if (outcome == Outcome::kSuccess && owed.method == Method::kRegister) {
    outcome = Outcome::kRegistryFull;
  } else if (outcome == Outcome::kSuccess && owed.method != Method::kPQuery) {
    outcome = Outcome::kNotRegistered;
  }
  const std::string_view message =
      outcome == Outcome::kSuccess ? "[]" : engine::message_of(outcome);
  const auto status = static_cast<unsigned>(engine::status_of(outcome));
  text.append("Response ").append(std::to_string(status)).append(" P2Pv1\n");
  if (owed.framing == AnswerFraming::kLength) {
    text.append("ContentLength: ").append(std::to_string(message.size())).append("\n");
  }
  if (owed.has_limit) text.append("Total: 0\n");
  text.append("\n").append(message);
  if (owed.framing == AnswerFraming::kLineFeed) text.append("\n");
}

// One connection at a time, in the engine and in the model. The engine stays from one input to the
// next: nothing is kept but the sessions, and those are closed.
class Comparison {
 public:
  void run(std::string_view input) {
    // Time goes on from input to input, and starts again long before it could overflow.
    constexpr engine::Duration kRestart = std::chrono::hours(24 * 365 * 50);
    if (engine_ == nullptr || now_.time_since_epoch() > kRestart) restart();
    open();
    fuzz::StreamReader stream(input);
    fuzz::Event event;
    while (stream.next(event)) {
      happen(event, stream);
      compare();
    }
    engine_->close(session_);
  }

 private:
  static constexpr engine::Duration kIdleTimeout = std::chrono::seconds(90);

  void restart() {
    engine::RegistryOptions registry;
    registry.peers_max = 0;
    engine::EngineOptions options;
    options.open_query = true;
    options.idle_timeout = kIdleTimeout;
    now_ = Instant(std::chrono::seconds(1000));
    engine_.reset();
    registry_ = std::make_unique<engine::Registry>(registry, random_);
    engine_ = std::make_unique<engine::Engine>(*registry_, options, random_);
  }

  void open() {
    session_ = engine_->open(engine::HostAddress::v4(10, 0, 0, 7), time());
    last_active_ = now_;
    model_ = tests::SessionModel(kIdleTimeout, now_);
  }

  void happen(fuzz::Event event, const fuzz::StreamReader& stream) {
    switch (event) {
      case fuzz::Event::kBytes:
        return receive(stream.bytes());
      case fuzz::Event::kQuiet:
        if (!model_.awaits_quiet()) return;
        engine_->quiet(session_, time(), out_);
        return model_.quiet(owed_);
      case fuzz::Event::kEndOfStream:
        engine_->end_of_stream(session_, time(), out_);
        return model_.end_of_stream(owed_);
      case fuzz::Event::kNextTimer:
        return pass_time(model_.is_open() ? model_.deadline() - now_ : engine::Duration(0));
      case fuzz::Event::kReopen:
        engine_->close(session_);
        return open();
      case fuzz::Event::kWait:
        return pass_time(stream.wait());
    }
  }

  void receive(std::string_view bytes) {
    const std::size_t consumed = engine_->receive(session_, tests::bytes_of(bytes), time(), out_);
    if (consumed != bytes.size()) fuzz::broken("bytes are left over");
    if (model_.is_open()) last_active_ = now_;
    model_.receive(bytes, now_, owed_);
  }

  void pass_time(engine::Duration duration) {
    now_ += duration;
    while (model_.deadline() <= now_) {
      const auto due = engine_->due(now_);
      if (due != session_) fuzz::broken("no timer is due where one should be");
      engine_->time_out(session_, time(), out_);
      model_.time_out(now_, owed_);
      compare();
    }
    if (engine_->due(now_).has_value()) fuzz::broken("a timer is due where none should be");
    if (engine_->next_deadline() <= now_) engine_->tick(time());
  }

  void compare() {
    expected_.clear();
    for (const tests::OwedAnswer& owed : owed_) render(owed, expected_);
    owed_.clear();
    if (out_.view() != expected_) {
      fuzz::broken("answered: " + tests::escaped(out_.view()) +
                   "; expected: " + tests::escaped(expected_));
    }
    out_.clear();
    if (engine_->is_open(session_) != model_.is_open()) fuzz::broken("open or not");
    if (engine_->awaits_quiet(session_) != model_.awaits_quiet())
      fuzz::broken("awaits quiet or not");
    if (engine_->longest_idle().has_value() != model_.is_open()) fuzz::broken("idle or not");
    if (model_.is_open() && engine_->longest_idle_since() != last_active_) {
      fuzz::broken("idle for another time");
    }
    if (model_.is_open() && engine_->next_deadline() > model_.deadline()) {
      fuzz::broken("a timer is forgotten");
    }
    engine_->check_invariants();
  }

  engine::Time time() const { return {now_, engine::WallTime(std::chrono::days(20'000))}; }

  tests::SeededRandom random_{1};
  std::unique_ptr<engine::Registry> registry_;
  std::unique_ptr<engine::Engine> engine_;
  Instant now_{};
  Instant last_active_{};
  engine::SessionId session_{};
  tests::SessionModel model_{kIdleTimeout, Instant()};
  engine::OutputBuffer out_;
  std::vector<tests::OwedAnswer> owed_;
  std::string expected_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Comparison comparison;
  comparison.run(fuzz::text_of(data, size));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return fuzz::mutate_stream(data, size, size_max, seed);
}
