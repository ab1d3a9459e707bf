// Property: a stream cut at random, byte by byte and not at all gives the same answers, state and
// close reason, with quiet, timers and end of stream at fuzzed places, however the answers are
// drained.
//
// The input is a stream (stream.h). Every other connection of it comes from another host.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/registry/siphash.h"
#include "fuzz/property.h"
#include "fuzz/stream.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/escaped_text.h"

namespace {

using namespace rollcall;
using engine::HostAddress;
using engine::Instant;

// How one run cuts the stream and drains the answers.
struct Cutting {
  std::size_t piece_bytes_max;  // at most so many bytes at once
  bool is_random;               // a random number of them
  // The output was nearly at its mark before, and is drained only when the engine takes nothing
  // more; otherwise it is drained at once.
  bool is_drained_late;
};

// A source that starts again with every run.
class Restartable final : public engine::RandomSource {
 public:
  void restart() { generator_ = engine::SampleGenerator(1); }
  void fill(std::span<std::byte> bytes) override {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator_.below(256));
  }

 private:
  engine::SampleGenerator generator_{1};
};

// Knows who is registered, so that they can be taken out again.
class Registered final : public engine::ChangeLog {
 public:
  struct Entry {
    std::string nick;
    engine::Change change;
  };

  void append(const engine::Change& change) override {
    const auto known = std::ranges::find(entries_, change.nick, &Entry::nick);
    if (known == entries_.end()) {
      entries_.push_back({std::string(change.nick), change});
    } else {
      known->change = change;
    }
  }
  bool accepts() override { return true; }
  std::optional<engine::Ticket> ticket() override { return std::nullopt; }

  std::vector<Entry> take() { return std::exchange(entries_, {}); }

 private:
  std::vector<Entry> entries_;
};

// Takes the number of this header out of the head that begins at `head`.
void blank_number(std::string& text, std::size_t head, std::string_view header) {
  const std::size_t found = text.find(header, head);
  if (found >= text.find("\n\n", head)) return;
  const std::size_t digits = found + header.size();
  text.replace(digits, text.find('\n', digits) - digits, "some");
}

// Puts the addresses of each list in order, for a list has none. What was drawn for a sample, and
// how long that is, is taken out of it; so is the total beside it, which counts who has expired
// until a request about them, or a sweep, notices.
void normalize_lists(std::string& text) {
  constexpr std::string_view kBegin = "\n['";
  std::size_t at = text.find(kBegin);
  while (at != std::string::npos) {
    const std::size_t end = text.find("']", at);
    const std::string_view list = std::string_view(text).substr(at + 2, end - at - 1);
    std::vector<std::string> addresses = tests::addresses_in(list);
    const std::size_t head = text.rfind("Response ", at);
    const bool is_sample = text.substr(head, at - head).find("Total: ") != std::string::npos;
    std::string sorted;
    for (const std::string& address : addresses) {
      sorted.append("'").append(is_sample ? std::string_view("somebody") : address).append("' ");
    }
    text.replace(at + 2, end - at - 1, sorted);
    if (is_sample) {
      blank_number(text, head, "\nContentLength: ");
      blank_number(text, head, "\nTotal: ");
    }
    at = text.find(kBegin, text.find(kBegin, head) + kBegin.size());
  }
}

// The engine stays from one run to the next, because it takes longer to make than to use: a run
// ends by taking everyone out of the registry, and the next one begins at the same fraction of a
// sweep. The clock goes on.
class Server {
 public:
  Server() {
    engine::RegistryOptions options;
    options.ttl = fuzz::kStreamTtl;
    options.peers_max = 4;
    options.peers_per_host_max = 3;
    options.inactive_max = 0;
    registry_ = std::make_unique<engine::Registry>(options, random_);
    engine::EngineOptions engine_options;
    engine_options.idle_timeout = 2 * fuzz::kStreamTtl;
    engine_ = std::make_unique<engine::Engine>(*registry_, engine_options, random_, &registered_);
  }

  // Long before time could overflow.
  bool is_old() const { return now_.time_since_epoch() > std::chrono::hours(24 * 365 * 50); }

  // Appends to `seen` everything that can be seen of a run.
  void run(std::string_view input, const Cutting& cutting, std::string& seen) {
    begin(input, cutting);
    fuzz::StreamReader stream(input);
    fuzz::Event event;
    while (stream.next(event)) {
      happen(event, stream);
      note_state();
    }
    end();
    seen.swap(seen_);
    if (seen.find('[') != std::string::npos) normalize_lists(seen);
  }

 private:
  static constexpr std::array kHosts = {
      HostAddress::v4(10, 0, 0, 7),
      HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

  engine::Time time() const { return {now_, engine::WallTime(std::chrono::days(20'000))}; }

  void begin(std::string_view input, const Cutting& cutting) {
    const auto slot = engine::limits::kWheelSlot;
    now_ = Instant((now_.time_since_epoch() / slot + 1) * slot);
    engine_->tick(time());
    random_.restart();
    cutting_ = cutting;
    cuts_ = engine::SampleGenerator(engine::siphash13({1, 2}, input));
    before_ = engine_->counters();
    seen_.clear();
    out_.clear();
    if (cutting.is_drained_late) {
      // What an earlier connection left there, up to a few answers below the mark.
      const std::size_t bytes = engine::limits::kOutputHighMark - cuts_.below(500);
      out_.prepare(bytes);
      out_.commit(bytes);
    }
    waiting_ = out_.size();
    host_ = 0;
    session_ = engine_->open(kHosts[host_], time());
  }

  void end() {
    engine_->close(session_);
    for (const Registered::Entry& entry : registered_.take()) {
      if (!entry.change.active) continue;
      engine::Request leave;
      leave.method = engine::Method::kLeave;
      leave.nick = entry.nick;
      if (entry.change.has_cookie) leave.cookie_header = engine::CookieHeader::kShown;
      leave.cookie = entry.change.cookie;
      engine::Operation operation{&leave, &entry.change.host};
      registry_->execute({&operation, 1}, false, time(), nullptr);
    }
    if (registry_->active() != 0) fuzz::broken("somebody cannot be taken out");
    note_difference(before_.answers, engine_->counters().answers);
    note_difference(before_.requests, engine_->counters().requests);
    note(engine_->counters().sessions_idle_closed - before_.sessions_idle_closed);
  }

  void receive(std::string_view text) {
    while (!text.empty()) {
      std::size_t piece = std::min(text.size(), cutting_.piece_bytes_max);
      if (cutting_.is_random) piece = 1 + cuts_.below(piece);
      std::string_view rest = text.substr(0, piece);
      while (!rest.empty()) {
        const std::size_t waiting = out_.size();
        const std::size_t consumed =
            engine_->receive(session_, tests::bytes_of(rest), time(), out_);
        if (waiting > engine::limits::kOutputHighMark && out_.size() != waiting) {
          fuzz::broken("something is answered though too much is waiting");
        }
        rest.remove_prefix(consumed);
        if (consumed == 0 && out_.size() <= engine::limits::kOutputHighMark) {
          fuzz::broken("nothing is taken though there is room");
        }
        if (consumed == 0 || !cutting_.is_drained_late) drain();
      }
      // Byte by byte the check behind each event will do.
      if (cutting_.piece_bytes_max > 1) engine_->check_invariants();
      text.remove_prefix(piece);
    }
  }

  void happen(fuzz::Event event, const fuzz::StreamReader& stream) {
    switch (event) {
      case fuzz::Event::kBytes: {
        // So many of the same byte need not come one by one.
        const Cutting cutting = cutting_;
        if (stream.bytes().size() == fuzz::StreamReader::kRepeated) {
          cutting_.piece_bytes_max = std::max<std::size_t>(cutting_.piece_bytes_max, 61);
        }
        receive(stream.bytes());
        cutting_ = cutting;
        return;
      }
      case fuzz::Event::kQuiet:
        return engine_->quiet(session_, time(), out_);
      case fuzz::Event::kEndOfStream:
        return engine_->end_of_stream(session_, time(), out_);
      case fuzz::Event::kNextTimer:
        now_ = std::max(now_, std::min(engine_->next_deadline(), now_ + std::chrono::hours(3)));
        return pass_time();
      case fuzz::Event::kReopen:
        engine_->close(session_);
        host_ = 1 - host_;
        session_ = engine_->open(kHosts[host_], time());
        return;
      case fuzz::Event::kWait:
        now_ += stream.wait();
        return pass_time();
    }
  }

  void pass_time() {
    for (auto due = engine_->due(now_); due.has_value(); due = engine_->due(now_)) {
      engine_->time_out(*due, time(), out_);
    }
    if (engine_->next_deadline() <= now_) engine_->tick(time());
  }

  void drain() {
    if (out_.size() == waiting_) return;
    seen_ += out_.view().substr(waiting_);
    out_.drop_back(out_.size() - waiting_);
  }

  void note(std::uint64_t value) { note_all(std::array{value}); }

  template <std::size_t kSize>
  void note_difference(const std::array<std::uint64_t, kSize>& before,
                       std::array<std::uint64_t, kSize> now) {
    for (std::size_t i = 0; i < kSize; ++i) now[i] -= before[i];
    note_all(now);
  }

  template <std::size_t kSize>
  void note_all(const std::array<std::uint64_t, kSize>& values) {
    std::array<char, sizeof values> bytes;
    std::memcpy(bytes.data(), values.data(), bytes.size());
    seen_.append(bytes.data(), bytes.size());
  }

  void note_state() {
    drain();
    seen_ += engine_->is_open(session_) ? "<open" : "<closed";
    if (engine_->awaits_quiet(session_)) seen_ += ", awaits quiet";
    note(static_cast<std::uint64_t>((engine_->next_deadline() - now_).count()));
    note(registry_->active());
    engine_->check_invariants();
  }

  Restartable random_;
  Registered registered_;
  std::unique_ptr<engine::Registry> registry_;
  std::unique_ptr<engine::Engine> engine_;
  Instant now_{std::chrono::seconds(1000)};

  Cutting cutting_{};
  engine::SampleGenerator cuts_{1};
  engine::EngineCounters before_;
  std::size_t host_ = 0;
  engine::SessionId session_{};
  engine::OutputBuffer out_;
  std::size_t waiting_ = 0;
  std::string seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  static std::unique_ptr<Server> server;
  static std::string whole;
  static std::string cut;
  if (server == nullptr || server->is_old()) server = std::make_unique<Server>();
  server->run(input, {SIZE_MAX, false, true}, whole);
  for (const Cutting& cutting : {Cutting{1, false, false}, Cutting{40, true, false}}) {
    server->run(input, cutting, cut);
    if (cut != whole) {
      fuzz::broken("whole:\n" + tests::escaped(whole) + "\ncut:\n" + tests::escaped(cut));
    }
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return fuzz::mutate_stream(data, size, size_max, seed);
}
