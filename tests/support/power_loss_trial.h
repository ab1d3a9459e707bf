#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>

#include "tests/support/store_workloads.h"

namespace rollcall::tests {

// Runs a workload once and stops before every I/O of it, and at its end, to look at what would be
// left: after power losses of every kind; and after the end of the process, of which the page cache
// survives until the power is lost after the next acknowledgement. On each of these disks a process
// is started, compares what it finds with the ledger, goes on for a while, and loses power again.
class PowerLossTrial {
 public:
  struct Options {
    std::uint64_t seed = 1;
    unsigned losses_a_kind = 1;  // before each I/O
    // Before each so many-th I/O that made a difference, every I/O of the process that comes after
    // is a power loss too. 0 for none.
    std::uint64_t again_every = 0;
  };

  // `process` is about to begin.
  PowerLossTrial(const Options& options, ProcessOnDisk& process)
      : options_(options), process_(process), random_(options.seed) {}

  // The first thing that must not be, and where; empty if there is none.
  std::string run(const std::vector<Step>& steps);

  std::uint64_t ios() const { return ios_; }
  // Different disks that were left, and looked at.
  std::uint64_t losses() const { return losses_; }

 private:
  void look();
  void look_after(Survival survival);
  void look_after_kill();
  // Whether this one was not looked at already since the last acknowledgement.
  bool is_new(const SimulatedDisk& left);
  void go_on_after_loss(std::unique_ptr<SimulatedDisk> left);
  void lose_again_at_every_io(const SimulatedDisk& left);
  void expect_start(ProcessOnDisk& process, const char* when);
  void expect_start_and_go_on(ProcessOnDisk& process, const char* when);
  void object(const char* when, const std::string& objection);

  const Options options_;
  ProcessOnDisk& process_;
  engine::SampleGenerator random_;

  const SimulatedDisk* disk_seen_ = nullptr;
  std::uint64_t changes_seen_ = 0;
  std::uint64_t acknowledgements_seen_ = 0;
  std::unordered_set<std::size_t> disks_seen_;  // their hashes

  std::uint64_t ios_ = 0;
  std::uint64_t looks_ = 0;
  std::uint64_t losses_ = 0;
  std::string objection_;
};

}  // namespace rollcall::tests
