#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/registry/registry.h"
#include "store/group_commit.h"
#include "store/recovery.h"
#include "store/registry_entries.h"
#include "tests/sim/client.h"
#include "tests/sim/disk.h"
#include "tests/sim/oracle.h"
#include "tests/sim/setting.h"
#include "tests/sim/tally.h"
#include "transport/loopback.h"

namespace rollcall::sim {

// The simulation's time and the server's: the server's monotonic clock begins anew with each start.
struct Clocks {
  engine::Duration server_ahead{};  // by how much its monotonic clock is ahead of the simulation's
  store::WallInstant wall_start;    // what the wall clock showed when the simulation began
  std::chrono::milliseconds wall_jump{0};

  store::ClockReading reading(engine::Instant now) const {
    return {now + server_ahead,
            wall_start + std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()) +
                wall_jump};
  }
};

// Listens to what an engine tells the store, in the simulation's time.
class Tap final : public engine::ChangeLog {
 public:
  Tap(engine::ChangeLog& inner, engine::Duration ahead) : inner_(inner), ahead_(ahead) {}

  void append(const engine::Change& change) override;
  bool accepts() override { return inner_.accepts(); }
  std::optional<engine::Ticket> ticket() override;
  void commit_soon() override { inner_.commit_soon(); }

  std::vector<Told> told;
  engine::Ticket last_ticket = 0;

 private:
  engine::ChangeLog& inner_;
  const engine::Duration ahead_;
};

// All of a server between its start and its end, in one thread: what rollcalld puts together, with
// the loopback for TCP, and with the store's thread taken step by step.
//
//   step_store:  begin_gather ─► gather_lane … ─► commit ─► the engine is told ─► begin_gather …
class Server final : public Verdicts {
 public:
  // Recovers what is on the disk. All of these must outlive this.
  Server(const Setting& setting, Disk& disk, engine::RandomSource& random, const Clocks& clocks,
         engine::Instant now, Tally& tally);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // How recovery went. Where it is not done, or power was lost, this can only be destroyed.
  const store::Recovered& recovered() const { return recovered_; }
  bool has_power() const { return disk_.has_power(); }

  // Its entries, in the simulation's time.
  std::array<Peer, kNicks> peers() const;

  transport::Loopback& loopback() { return *loopback_; }
  engine::Registry& registry() { return registry_; }
  Tap& tap() { return *tap_; }
  // In the simulation's time.
  engine::Instant now() const { return loopback_->time().now - clocks_.server_ahead; }
  engine::Instant next_event() const;
  void skip_to(engine::Instant when) { loopback_->skip_to(when + clocks_.server_ahead); }

  // ---- The store's thread ----

  // Whether it has something to do now.
  bool has_store_work() const;
  void step_store();
  bool store_works() const { return store_works_; }
  // What failures it meets from here on.
  void note_failures(bool for_good) { fails_for_good_ = for_good; }
  // Everything that was appended is committed, if there is time for that; what is not is given up.
  void stop(bool has_time);
  bool has_verdict_under_way() const { return resolved_.has_value(); }
  std::optional<engine::Verdict> of(engine::Ticket ticket) const override;

  void check_invariants() const;
  void check_budgets() const;

 private:
  enum class Stage : std::uint8_t { kIdle, kGathering, kGathered };

  void commit();
  void tell_engine(engine::Ticket up_to, engine::Verdict verdict);

  const Setting& setting_;
  Disk& disk_;
  const Clocks& clocks_;
  Tally& tally_;
  engine::Registry registry_;
  std::unique_ptr<store::Store> store_;  // null where it could not be opened
  const store::Recovered recovered_;
  std::optional<store::RegistryEntries> entries_;
  std::optional<store::GroupCommit> group_;
  std::optional<Tap> tap_;
  std::optional<engine::Engine> engine_;
  std::optional<transport::Loopback> loopback_;

  Stage stage_ = Stage::kIdle;
  std::size_t lane_ = 0;
  bool is_asked_ = false;
  bool store_works_ = true;
  bool fails_for_good_ = false;
  std::optional<store::Resolved> resolved_;  // and the engine does not know yet
  struct Told {
    engine::Ticket up_to;
    engine::Verdict verdict;
  };
  std::vector<Told> verdicts_;
};

}  // namespace rollcall::sim
