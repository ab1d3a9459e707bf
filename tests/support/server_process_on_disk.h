#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/output_buffer.h"
#include "engine/registry/registry.h"
#include "store/group_commit.h"
#include "store/recovery.h"
#include "store/registry_entries.h"
#include "tests/support/process_on_disk.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {

// Hands changes on to a group commit, and writes down what they leave behind.
class WrittenDown final : public engine::ChangeLog {
 public:
  WrittenDown(store::GroupCommit& group, const store::LeaseClock& clock, AnswerLedger& ledger)
      : group_(group), clock_(clock), ledger_(ledger) {}

  void append(const engine::Change& change) override;
  bool accepts() override { return group_.accepts(); }
  std::optional<engine::Ticket> ticket() override { return group_.ticket(); }

  // What AnswerLedger::decided said of the last change.
  std::uint64_t last_decision() const { return last_decision_; }

 private:
  store::GroupCommit& group_;
  const store::LeaseClock clock_;
  AnswerLedger& ledger_;
  std::uint64_t last_decision_ = 0;
};

// A server with everything but its transport: requests in wire text, an engine, a registry, group
// commit and recovery. Its ledger is of the answers that say Success. Commits are a second apart.
class ServerProcessOnDisk final : public ProcessOnDisk {
 public:
  // Requests are of `nicks` different ones, and less than one lease apart.
  ServerProcessOnDisk(std::unique_ptr<SimulatedDisk> disk, Opener opener, std::uint64_t nicks);
  ~ServerProcessOnDisk() override;

  std::unique_ptr<ProcessOnDisk> successor(std::unique_ptr<SimulatedDisk> left,
                                           Ending ending) const override;

 private:
  // What runs, from one start to the next end.
  struct Server;
  struct Waiting {
    std::string nick;
    std::uint64_t decision;
    engine::OutputBuffer answer;
  };

  bool begin(store::Store& store) override;
  void change(int count) override;
  bool commit(store::Store& store) override;
  void replace(store::Store& store) override;
  void step_wall_clock(std::chrono::seconds by) override { clocks_.wall += by; }
  void forget() override;

  void request(const std::string& nick, const std::string& text);
  void release();
  engine::Time time() const;
  StoreContent content() const;

  const std::uint64_t nicks_;
  engine::SampleGenerator generator_;
  SeededRandom random_{1};
  store::ClockReading clocks_;
  AnswerLedger ledger_;
  std::optional<engine::Registry> registry_;
  std::unique_ptr<Server> server_;
  std::map<engine::SessionId, Waiting> waiting_;
  bool offset_is_due_ = false;
  bool was_refused_ = false;  // a request since the last commit, because the store had failed
};

}  // namespace rollcall::tests
