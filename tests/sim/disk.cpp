#include "tests/sim/disk.h"

#include <string>
#include <variant>

#include "store/sqlite_store.h"
#include "tests/sim/broken.h"

namespace rollcall::sim {

using store::Result;
using store::SqliteStore;
using tests::SimulatedDisk;

namespace {

// Small, so that a run goes through checkpoints and rewritten lists.
constexpr std::uint64_t kCheckpointBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kRewriteBytes = std::uint64_t{8} << 10;
constexpr std::size_t kStepEntries = 8;

tests::Fault fault_of(Result result) {
  switch (result) {
    case Result::kFull:
      return tests::Fault::kDiskFull;
    case Result::kDone:
    case Result::kFailed:
      return tests::Fault::kIoError;
    case Result::kDistrusted:
      return tests::Fault::kFailedSync;
  }
  __builtin_unreachable();
}

}  // namespace

// ---- Disk ----

void Disk::fail_after(std::size_t operations, Result result, bool for_good) {
  may_fail_ = true;
  do_fail_after(operations, result, for_good);
}

void Disk::heal() {
  may_fail_ = false;
  do_heal();
}

void Disk::lose_power(std::size_t survival) { do_lose_power(survival); }

// ---- MemoryDisk ----

class MemoryDisk::PoweredStore final : public store::Store {
 public:
  explicit PoweredStore(MemoryDisk& disk) : disk_(disk), inner_(disk.device_) {}

  store::Loaded load(const Visit& visit) override { return inner_.load(visit); }
  Result append(std::string_view batch) override {
    return disk_.take_operation() ? inner_.append(batch) : Result::kFailed;
  }
  Result set_wall_offset(std::chrono::milliseconds offset) override {
    return disk_.take_operation() ? inner_.set_wall_offset(offset) : Result::kFailed;
  }
  Result maintain(store::EntrySource& entries, bool& more) override {
    return disk_.take_operation() ? inner_.maintain(entries, more) : Result::kFailed;
  }
  Result sync() override {
    if (!disk_.take_operation()) return Result::kFailed;
    return disk_.lies_ ? Result::kDone : inner_.sync();
  }
  Result replace(store::EntrySource& entries, std::chrono::milliseconds wall_offset) override {
    return disk_.take_operation() ? inner_.replace(entries, wall_offset) : Result::kFailed;
  }

 private:
  MemoryDisk& disk_;
  store::MemoryStore inner_;
};

std::unique_ptr<store::Store> MemoryDisk::open() { return std::make_unique<PoweredStore>(*this); }

bool MemoryDisk::take_operation() {
  if (left_ == 0) has_power_ = false;
  if (left_.has_value() && *left_ > 0) --*left_;
  return has_power_;
}

void MemoryDisk::do_fail_after(std::size_t operations, Result result, bool for_good) {
  device_.fail_after(operations, result, for_good);
}

void MemoryDisk::do_lose_power(std::size_t survival) {
  device_.crash(survival % 2 == 0 ? 0 : device_.unsynced_batches());
  has_power_ = true;
  left_.reset();
}

// ---- SqliteDisk ----

SqliteDisk::SqliteDisk(bool lies)
    : disk_(std::make_unique<SimulatedDisk>(SimulatedDisk::Options{.ignores_syncs = lies})) {}

std::unique_ptr<store::Store> SqliteDisk::open() {
  before_.reset();
  is_all_durable_ = std::exchange(has_lost_power_, false);
  SqliteStore::Options options;
  options.checkpoint_bytes = kCheckpointBytes;
  options.rewrite_bytes_min = kRewriteBytes;
  options.step_entries_min = kStepEntries;
  options.files = disk_.get();
  options.vfs = disk_->vfs_name();
  auto opened = SqliteStore::open("/rollcall.db", options);
  if (auto* opening = std::get_if<std::unique_ptr<SqliteStore>>(&opened))
    return std::move(*opening);
  const auto& error = std::get<store::OpenError>(opened);
  if (error.kind == store::OpenError::Kind::kCorrupt) throw Broken(error.message);
  return nullptr;
}

void SqliteDisk::lose_power_after(std::size_t operations) {
  disk_->io().crash_at(disk_->io().next() + operations);
}

void SqliteDisk::do_fail_after(std::size_t operations, Result result, bool for_good) {
  disk_->io().fail_at(disk_->io().next() + operations, fault_of(result),
                      for_good ? tests::Times::kForGood : tests::Times::kOnce);
}

void SqliteDisk::do_lose_power(std::size_t survival) {
  // The first of every eight ways is the strictest, another one that only the process ends.
  std::unique_ptr<SimulatedDisk> after = survival % 8 == kNothingSurvives
                                             ? disk_->crash(tests::Survival::kNothing, 0, survival)
                                         : survival % 8 == 4 ? disk_->kill()
                                                             : disk_->crash(survival);
  has_lost_power_ = survival % 8 != 4;
  before_ = std::exchange(disk_, std::move(after));
}

}  // namespace rollcall::sim
