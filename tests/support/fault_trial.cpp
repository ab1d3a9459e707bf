#include "tests/support/fault_trial.h"

#include <memory>

namespace rollcall::tests {
namespace {

// Acknowledgements after a fault that are looked at before later writes could make up for them.
constexpr int kLooksMax = 3;

}  // namespace

std::optional<std::uint64_t> FaultTrial::run(std::uint64_t number, std::uint64_t seed) {
  number_ = number;
  const auto process = process_for(workload_, {.seed = seed}, opener_);
  process->disk().io().fail_at(number, fault_, times_);
  int looks_left = kLooksMax;
  process->start();
  std::uint64_t acknowledged = 0;
  for (const Step& step : workload_.steps) {
    process->perform(step);
    const bool is_news = process->disk().io().first_fault().has_value() &&
                         acknowledged != process->acknowledgements();
    if (is_news && looks_left > 0) {
      --looks_left;
      lose_power(*process);
    }
    acknowledged = process->acknowledgements();
  }
  const std::optional<std::uint64_t> happened_to = process->disk().io().first_fault();
  if (!happened_to.has_value()) return std::nullopt;
  ++runs_;
  number_ = *happened_to;
  object("while it lasted", process->objection());
  lose_power(*process);
  kill_and_lose_power(*process);
  heal(*process);
  return happened_to;
}

void FaultTrial::run_at_each(std::uint64_t seed) {
  std::uint64_t number = 0;
  while (const auto happened_to = run(number, seed)) {
    if (!objection_.empty()) return;
    number = *happened_to + 1;
  }
}

void FaultTrial::lose_power(ProcessOnDisk& process) {
  const auto next =
      process.successor(process.disk().crash(Survival::kNothing, 0, 0), Ending::kPowerLoss);
  expect_start(*next, "after a power loss");
}

void FaultTrial::kill_and_lose_power(ProcessOnDisk& process) {
  const auto next = process.successor(process.disk().kill(), Ending::kKill);
  expect_start(*next, "after a kill");
  if (!next->go_on()) object("after a kill", "it does not go on");
  lose_power(*next);
}

void FaultTrial::heal(ProcessOnDisk& process) {
  process.disk().io().heal();
  if (!process.go_on()) object("healed", "it does not go on");
  object("healed", process.objection());
  lose_power(process);
}

void FaultTrial::expect_start(ProcessOnDisk& process, const char* when) {
  const bool has_started = process.start();
  object(when, process.objection());
  if (!has_started) object(when, "it does not start");
}

void FaultTrial::object(const std::string& what, const std::string& objection) {
  if (objection.empty() || !objection_.empty()) return;
  objection_ = what + ", fault " + std::to_string(static_cast<int>(fault_)) +
               (times_ == Times::kOnce ? " once" : " for good") + " at I/O " +
               std::to_string(number_) + ": " + objection;
}

}  // namespace rollcall::tests
