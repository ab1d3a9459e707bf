#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/output_buffer.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {

// Two servers to which the same bytes arrive on the same connections: one engine is given those of
// several connections together, the other one's one after the other. Nobody may see a difference:
// few nicks and hosts, so that they meet, small limits, requests in pieces, outputs at their mark,
// and answers that are held.
class ArrivalsTrial {
 public:
  // A number below the one that is passed. All that happens in a trial follows from these.
  using Choose = std::function<std::size_t(std::size_t below)>;

  explicit ArrivalsTrial(Choose choose);

  // Something arrives, is sent or resolved, or time passes. Returns where the two differ; empty if
  // nowhere.
  std::string step();

  // Asserts what must always hold of both.
  void check_invariants() const;

  // What happened so far, for those who want to know whether it was enough.
  struct Seen {
    std::size_t together = 0;  // arrivals that were not alone
    std::size_t left_over = 0;
    std::size_t held = 0;
    std::size_t closed = 0;
    std::size_t full_batches = 0;  // as many requests together as a batch has, or more
  };
  const Seen& seen() const { return seen_; }

 private:
  static constexpr std::size_t kConnections = 4;

  struct Connection {
    engine::SessionId session;
    engine::OutputBuffer out;
    std::string unread;
  };

  // Remembers what was told, and holds answers back where there is a store: until the trial
  // resolves them.
  struct Log final : engine::ChangeLog {
    explicit Log(bool holds_answers) : holds(holds_answers) {}
    void append(const engine::Change& change) override { told[change.shard].emplace_back(change); }
    bool accepts() override { return is_accepting; }
    std::optional<engine::Ticket> ticket() override {
      return holds ? std::optional(++last_ticket) : std::nullopt;
    }

    bool holds;
    bool is_accepting = true;
    engine::Ticket last_ticket = 0;
    // By shard: a batch is decided shard by shard, so only the order within each is the same.
    std::map<std::uint32_t, std::vector<ToldChange>> told;
  };

  struct Server {
    Server(const engine::RegistryOptions& options, bool has_store);

    SeededRandom random{1};
    Log log;
    engine::Registry registry;
    engine::Engine engine;
    std::array<Connection, kConnections> connections;
  };

  static engine::RegistryOptions choose_options(const Choose& choose);

  engine::Time time() const { return {now_, engine::WallTime(std::chrono::days(20'000))}; }
  template <typename Act>
  void on_both(Act act) {
    act(together_);
    act(in_turn_);
  }
  void open(std::size_t number);
  std::string choose_text();
  void arrive();
  bool may_differ(std::span<const std::size_t> who) const;
  void send(std::size_t number, std::size_t bytes_max);
  void replace(std::size_t number);
  void resolve();
  void pass_time();
  std::string compare();
  bool were_told_the_same();

  Choose choose_;
  engine::Instant now_{std::chrono::seconds(1000)};
  std::array<engine::HostAddress, kConnections> hosts_;
  engine::RegistryOptions options_;
  bool has_store_;
  Server together_;
  Server in_turn_;
  Seen seen_;
};

}  // namespace rollcall::tests
