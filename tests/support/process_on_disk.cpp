#include "tests/support/process_on_disk.h"

#include <utility>

#include "engine/assert.h"

namespace rollcall::tests {
namespace {

// A failed commit is tried again; if that finds that the store cannot be trusted, once more.
constexpr int kTriesMax = 3;
constexpr int kFurtherChanges = 3;

}  // namespace

ProcessOnDisk::ProcessOnDisk(std::unique_ptr<SimulatedDisk> disk, Opener opener)
    : disk_(std::move(disk)), opener_(std::move(opener)) {}

bool ProcessOnDisk::start() {
  if (store_ != nullptr) return true;
  store_ = opener_(*disk_, objection_);
  if (store_ == nullptr) return false;
  if (begin(*store_)) return true;
  end();
  return false;
}

void ProcessOnDisk::perform(const Step& step) {
  if (!start()) return;
  switch (step.kind) {
    case Step::Kind::kChanges:
      return change(step.count);
    case Step::Kind::kCommit:
      for (int i = 0; i < step.count; ++i) commit(*store_);
      return;
    case Step::Kind::kWallClock:
      return step_wall_clock(std::chrono::seconds(step.count));
    case Step::Kind::kReplace:
      return replace(*store_);
    case Step::Kind::kRestart:
      commit(*store_);
      end();
      start();
      return;
    case Step::Kind::kKill:
      kill();
      start();
      return;
  }
  ROLLCALL_ASSERT(!"a step of no kind");
}

bool ProcessOnDisk::go_on() {
  if (!start()) return false;
  for (int i = 0; i < kTriesMax; ++i) {
    change(kFurtherChanges);
    if (commit(*store_)) return true;
  }
  return false;
}

void ProcessOnDisk::object(const std::string& objection) {
  if (objection_.empty()) objection_ = objection;
}

void ProcessOnDisk::end() {
  forget();
  store_.reset();
  ending_before_ = Ending::kKill;
}

// What is left of the process does nothing more, to a disk that nobody looks at. I/Os are counted
// on where they came to.
void ProcessOnDisk::kill() {
  std::unique_ptr<SimulatedDisk> left = disk_->kill();
  left->io() = disk_->io();
  disk_->io() = IoSchedule();
  disk_->io().crash_at(0);
  end();
  disk_ = std::move(left);
}

}  // namespace rollcall::tests
