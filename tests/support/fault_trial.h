#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/store_workloads.h"

namespace rollcall::tests {

// Runs a workload while one fault happens to its disk, once or for good. Then the power is lost,
// and in another outcome the process is killed, started again on what the page cache has, and the
// power is lost after its first acknowledgement: the ledger must hold each time. In a third one the
// fault is healed, and the process must acknowledge again.
class FaultTrial {
 public:
  // For `opener` see process_for.
  FaultTrial(const Workload& workload, Fault fault, Times times,
             ProcessOnDisk::Opener opener = nullptr)
      : workload_(workload), fault_(fault), times_(times), opener_(std::move(opener)) {}

  // From I/O `number` on. The number of the I/O that it happened to; empty if there was none.
  std::optional<std::uint64_t> run(std::uint64_t number, std::uint64_t seed);
  // At every I/O that it can happen to.
  void run_at_each(std::uint64_t seed);

  std::uint64_t runs() const { return runs_; }
  // The first thing that must not be, and where; empty if there is none.
  const std::string& objection() const { return objection_; }

 private:
  void lose_power(ProcessOnDisk& process);
  void kill_and_lose_power(ProcessOnDisk& process);
  void heal(ProcessOnDisk& process);
  void expect_start(ProcessOnDisk& process, const char* when);
  void object(const std::string& what, const std::string& objection);

  const Workload& workload_;
  const Fault fault_;
  const Times times_;
  const ProcessOnDisk::Opener opener_;
  std::uint64_t number_ = 0;
  std::uint64_t runs_ = 0;
  std::string objection_;
};

}  // namespace rollcall::tests
