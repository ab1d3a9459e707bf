#include "tests/support/power_loss_trial.h"

#include <functional>
#include <memory>
#include <utility>

namespace rollcall::tests {
namespace {

std::size_t hash_of(const SimulatedDisk& disk) {
  std::string all;
  for (const std::string& path : disk.paths()) {
    const std::string content = disk.content(path).value();
    all += path + ' ' + std::to_string(content.size()) + '\n' + content;
  }
  return std::hash<std::string>()(all);
}

}  // namespace

std::string PowerLossTrial::run(const std::vector<Step>& steps) {
  process_.disk().io().watch([this](std::uint64_t number, Io) {
    ios_ = number + 1;
    look();
  });
  process_.start();
  for (const Step& step : steps) process_.perform(step);
  process_.disk().io().watch(nullptr);
  look();
  object("while nothing failed", process_.objection());
  return objection_;
}

void PowerLossTrial::look() {
  const SimulatedDisk& disk = process_.disk();
  const bool is_same = disk_seen_ == &disk && changes_seen_ == disk.changes() &&
                       acknowledgements_seen_ == process_.acknowledgements();
  if (is_same || !objection_.empty()) return;
  if (acknowledgements_seen_ != process_.acknowledgements()) disks_seen_.clear();
  disk_seen_ = &disk;
  changes_seen_ = disk.changes();
  acknowledgements_seen_ = process_.acknowledgements();
  ++looks_;
  for (std::size_t survival = 0; survival < kSurvivals; ++survival) {
    for (unsigned i = 0; i < options_.losses_a_kind; ++i) {
      look_after(static_cast<Survival>(survival));
    }
  }
  look_after_kill();
}

void PowerLossTrial::look_after(Survival survival) {
  const SimulatedDisk& disk = process_.disk();
  const std::size_t kept = random_.below(disk.unsynced_directory_operations() + 1);
  auto left = disk.crash(survival, kept, random_.next());
  if (!is_new(*left)) return;
  if (options_.again_every != 0 && losses_ % options_.again_every == 0) {
    lose_again_at_every_io(*left);
  }
  go_on_after_loss(std::move(left));
}

// What the page cache has may never have reached the disk; an acknowledgement must not build on it.
void PowerLossTrial::look_after_kill() {
  const auto next = process_.successor(process_.disk().kill(), Ending::kKill);
  expect_start_and_go_on(*next, "after a kill");
  const auto last =
      next->successor(next->disk().crash(Survival::kNothing, 0, 0), Ending::kPowerLoss);
  expect_start(*last, "after a kill and a power loss");
}

bool PowerLossTrial::is_new(const SimulatedDisk& left) {
  return disks_seen_.insert(hash_of(left)).second;
}

void PowerLossTrial::go_on_after_loss(std::unique_ptr<SimulatedDisk> left) {
  ++losses_;
  const auto next = process_.successor(std::move(left), Ending::kPowerLoss);
  expect_start_and_go_on(*next, "after a power loss");
  const auto last = next->successor(next->disk().crash(random_.next()), Ending::kPowerLoss);
  expect_start(*last, "after two power losses");
}

// What is there the first time is there every time, until more is acknowledged.
void PowerLossTrial::lose_again_at_every_io(const SimulatedDisk& left) {
  const auto first = process_.successor(left.kill(), Ending::kPowerLoss);
  expect_start(*first, "after a power loss");
  const auto next = first->successor(left.kill(), Ending::kPowerLoss);
  next->disk().io().watch([&](std::uint64_t, Io) {
    const auto last = next->successor(next->disk().crash(random_.next()), Ending::kPowerLoss);
    expect_start(*last, "after a power loss in a recovery");
  });
  expect_start_and_go_on(*next, "after a power loss");
  next->disk().io().watch(nullptr);
}

void PowerLossTrial::expect_start(ProcessOnDisk& process, const char* when) {
  const bool has_started = process.start();
  object(when, process.objection());
  if (!has_started) object(when, "it does not start");
}

void PowerLossTrial::expect_start_and_go_on(ProcessOnDisk& process, const char* when) {
  expect_start(process, when);
  const bool goes_on = process.go_on();
  object(when, process.objection());
  if (!goes_on) object(when, "it does not go on");
}

void PowerLossTrial::object(const char* when, const std::string& objection) {
  if (objection.empty() || !objection_.empty()) return;
  objection_ = "power lost before I/O " + std::to_string(ios_ - 1) + " or at the end; " + when +
               ": " + objection;
}

}  // namespace rollcall::tests
