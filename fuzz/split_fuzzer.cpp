// Property: however a stream is cut and its answers are drained, the answers are the same.
//
// The input is the stream as it stands. The byte 0xF5, which no valid text holds, and the one
// behind it stand for what happens besides:
//
//   0xF5 'q'   quiet            0xF5 't'   time passes until the next timer is due
//   0xF5 'e'   end of stream    0xF5 'o'   the connection is closed and another one opened
//   0xF5 and any other byte: that many tenths of a second pass

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/registry/siphash.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/escaped_text.h"
#include "tests/support/seeded_random.h"

namespace {

using namespace rollcall;
using engine::Instant;

constexpr char kEvent = '\xF5';
// Lists of their long addresses are three thousand bytes long: a few go over the high mark.
constexpr std::size_t kPeers = 60;

// How one run cuts the stream and drains the answers.
struct Cutting {
  std::size_t piece_bytes_max;  // at most so many bytes at once
  bool is_random;               // a random number of them
  bool is_drained_late;         // only when the engine takes nothing more
};

// One engine, one connection at a time, and everything that can be seen of it.
class Run {
 public:
  Run(std::string_view input, const Cutting& cutting)
      : cutting_(cutting), cuts_(engine::siphash13({1, 2}, input)) {
    register_peers();
    session_ = engine_.open(kHost, time());
    while (!input.empty()) {
      const std::size_t event = std::min(input.find(kEvent), input.size());
      receive(input.substr(0, event));
      input.remove_prefix(event);
      if (input.size() < 2) break;
      happen(input[1]);
      input.remove_prefix(2);
    }
  }

  const std::string& seen() const { return seen_; }

 private:
  static constexpr engine::HostAddress kHost{
      {0x20, 1, 0xd, 0xb8, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x66, 0x66}};

  static engine::RegistryOptions options() {
    engine::RegistryOptions options;
    options.ttl = std::chrono::seconds(60);
    options.peers_per_host_max = kPeers + 3;
    return options;
  }

  engine::Time time() const {
    return {now_,
            engine::WallTime(std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch()))};
  }

  void register_peers() {
    std::string text;
    for (std::size_t peer = 0; peer < kPeers; ++peer) {
      text += "Register P2Pv1\n\npeer-" + std::to_string(peer) + "\n80\n";
    }
    const engine::SessionId session = engine_.open(kHost, time());
    engine_.receive(session, tests::bytes_of(text), time(), out_);
    engine_.close(session);
    out_.clear();
  }

  void receive(std::string_view text) {
    while (!text.empty()) {
      std::size_t piece = std::min(text.size(), cutting_.piece_bytes_max);
      if (cutting_.is_random) piece = 1 + cuts_.below(piece);
      std::string_view rest = text.substr(0, piece);
      while (!rest.empty()) {
        const std::size_t consumed = engine_.receive(session_, tests::bytes_of(rest), time(), out_);
        rest.remove_prefix(consumed);
        if (consumed == 0 || !cutting_.is_drained_late) drain();
      }
      engine_.check_invariants();
      text.remove_prefix(piece);
    }
    note_state();
  }

  void happen(char event) {
    switch (event) {
      case 'q':
        engine_.quiet(session_, time(), out_);
        break;
      case 'e':
        engine_.end_of_stream(session_, time(), out_);
        break;
      case 't':
        now_ = std::max(now_, std::min(engine_.next_deadline(), now_ + std::chrono::hours(3)));
        pass_time();
        break;
      case 'o':
        engine_.close(session_);
        session_ = engine_.open(kHost, time());
        break;
      default:
        now_ += std::chrono::milliseconds(100) * static_cast<std::uint8_t>(event);
        pass_time();
        break;
    }
    note_state();
  }

  void pass_time() {
    for (auto due = engine_.due(now_); due.has_value(); due = engine_.due(now_)) {
      engine_.time_out(*due, time(), out_);
    }
    if (engine_.next_deadline() <= now_) engine_.tick(time());
  }

  void drain() {
    seen_ += out_.view();
    out_.clear();
  }

  void note_state() {
    drain();
    seen_ += engine_.is_open(session_) ? "<open" : "<closed";
    if (engine_.awaits_quiet(session_)) seen_ += ", awaits quiet";
    seen_ += ", next " + std::to_string((engine_.next_deadline() - now_).count()) + ">";
    engine_.check_invariants();
  }

  Cutting cutting_;
  engine::SampleGenerator cuts_;
  tests::SeededRandom random_{1};
  engine::Registry registry_{options(), random_};
  engine::Engine engine_{registry_, {}, random_};
  Instant now_{std::chrono::seconds(1000)};
  engine::SessionId session_{};
  engine::OutputBuffer out_;
  std::string seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = Run(input, {SIZE_MAX, false, true}).seen();
  for (const Cutting& cutting :
       {Cutting{1, false, false}, Cutting{40, true, false}, Cutting{SIZE_MAX, true, true}}) {
    const std::string cut = Run(input, cutting).seen();
    if (cut == whole) continue;
    std::fprintf(stderr, "whole:\n%s\ncut:\n%s\n", tests::escaped(whole).c_str(),
                 tests::escaped(cut).c_str());
    __builtin_trap();
  }
  return 0;
}
