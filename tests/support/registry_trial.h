#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/registry_model.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {

// Their hashes have the same upper half, which is what the index keeps, and belong to the same
// shard of four, in a registry whose key is the first thing that is drawn from SeededRandom(1).
inline constexpr std::array<std::string_view, 2> kCoincidingNicks = {"c61275", "c83244"};

// A registry beside its model, put through whatever comes up: few nicks, hosts and cookies, so that
// they meet, small limits, steps of time to the edges of leases, sweeps and days, and restarts,
// after which a new registry has to go on as if it were the old one.
class RegistryTrial {
 public:
  // A number below the one that is passed. All that happens in a trial follows from these.
  using Choose = std::function<std::size_t(std::size_t below)>;

  // A restart takes as long as dozens of other steps, so it is left out where the last one was
  // fewer than `restart_steps_min` steps ago.
  explicit RegistryTrial(Choose choose, std::size_t restart_steps_min = 0);

  // Does one thing to both. Returns where they differ; empty if nowhere.
  std::string step();

  // Asserts what must always hold of the registry. Takes longer than a step.
  void check_invariants() const;

  // How often each outcome was met.
  const std::map<engine::Outcome, std::size_t>& outcomes() const { return outcomes_; }

 private:
  class Told;

  static engine::RegistryOptions choose_options(const Choose& choose);

  std::string execute_batch();
  engine::Request choose_request(bool only_queries);
  void choose_cookie(engine::Request& request);
  std::string check_sequence(const ToldChange& told);
  std::string list_some();
  void pass_time();
  void sweep();
  std::string restart();
  std::string read_entries();
  void restore_from_log();
  std::string compare() const;

  // An engine's time may lie a little behind that of another.
  engine::Time choose_time();

  Choose choose_;
  const std::size_t restart_steps_min_;
  const engine::RegistryOptions options_;
  SeededRandom random_{1};
  std::unique_ptr<engine::Registry> registry_;
  RegistryModel model_;
  engine::SampleCursor samples_{engine::SampleGenerator(2)};
  engine::Instant now_{std::chrono::hours(1)};
  engine::WallTime wall_{std::chrono::days(20'000) + std::chrono::hours(20)};
  engine::Cookie last_issued_;
  std::size_t steps_since_restart_ = restart_steps_min_;
  // Enough of what was told to restore the registry from.
  std::vector<ToldChange> log_;
  std::map<std::uint32_t, std::uint64_t> sequences_;  // by shard
  std::map<std::string, std::uint32_t> shards_;       // by nick
  std::map<engine::Outcome, std::size_t> outcomes_;
};

}  // namespace rollcall::tests
