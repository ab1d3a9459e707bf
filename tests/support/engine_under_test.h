#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {

// What the answers to requests that end with a line feed look like.
inline constexpr std::string_view kSuccessLine = "Response 20 P2Pv1\n\nSuccess\n";

// `Response 400 P2Pv1\n\nBad message: bad nick\n`, for example.
std::string answer_line(engine::Outcome outcome);

// A change that was told; its nick is kept beside it, since the one inside is only borrowed.
struct ToldChange {
  explicit ToldChange(const engine::Change& told) : change(told), nick(told.nick) {
    change.nick = {};
  }
  engine::Change change;
  std::string nick;
};

class ChangeRecorder final : public engine::ChangeLog {
 public:
  void append(const engine::Change& change) override { told.emplace_back(change); }
  bool accepts() override { return true; }
  std::optional<engine::Ticket> ticket() override { return std::nullopt; }
  std::vector<ToldChange> told;
};

// A registry with one engine, spoken to in wire text by hosts that each have one connection. Time
// stands still until it is moved.
class EngineUnderTest {
 public:
  explicit EngineUnderTest(const engine::RegistryOptions& registry_options = {},
                           const engine::EngineOptions& engine_options = {});

  engine::Registry& registry() { return registry_; }
  engine::Engine& engine() { return engine_; }
  std::vector<ToldChange>& changes() { return changes_.told; }

  // ---- Time ----

  engine::Time time() const {
    return {now_, wall_at_start_ + std::chrono::floor<std::chrono::seconds>(now_ - kStart)};
  }
  engine::Instant now() const { return now_; }
  // Moves both clocks on.
  void advance(engine::Duration by) { now_ += by; }
  // Moves the wall clock alone, either way.
  void set_wall_clock(std::chrono::seconds by) { wall_at_start_ += by; }
  // Sweeps until nothing more is due now.
  void sweep();

  // ---- Sessions. What each returns is what the engine had to say, and is sent at once. ----

  engine::SessionId open(const engine::HostAddress& host) { return engine_.open(host, time()); }
  // Presents `text`, and its rest again as long as some is left over.
  std::string receive(engine::SessionId session, std::string_view text);
  std::string quiet(engine::SessionId session);
  std::string end_of_stream(engine::SessionId session);
  std::string time_out(engine::SessionId session);

  // What the host's connection says to `text`. It is opened when it is first used.
  std::string ask(const engine::HostAddress& host, std::string_view text);

 private:
  static constexpr engine::Instant kStart{std::chrono::seconds(1000)};

  SeededRandom random_{1};
  ChangeRecorder changes_;
  engine::Registry registry_;
  engine::Engine engine_;
  engine::Instant now_ = kStart;
  engine::WallTime wall_at_start_{std::chrono::days(20'000)};
  std::vector<std::pair<engine::HostAddress, engine::SessionId>> hosts_;
};

// The bytes of `text`, as a transport would hand them over.
inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The addresses in `['10.0.0.7:9999', '10.0.0.8:80']`, sorted; the listing's own form with a comma
// at the end is as good. Whatever is not an address in quotes separates them.
std::vector<std::string> addresses_in(std::string_view list);

}  // namespace rollcall::tests
