// That the trials of power losses and faults notice what they are there for: disks that lie, and
// stores with a mistake each.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "store/record.h"
#include "tests/support/fault_trial.h"
#include "tests/support/power_loss_trial.h"
#include "tests/support/sqlite_store_opener.h"
#include "tests/support/store_workloads.h"

namespace rollcall::tests {
namespace {

using std::chrono::milliseconds;
using store::Result;
using store::Store;

class RightStore : public Store {
 public:
  explicit RightStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  store::Loaded load(const Visit& visit) override { return store_->load(visit); }
  Result append(std::string_view batch) override { return store_->append(batch); }
  Result set_wall_offset(milliseconds offset) override { return store_->set_wall_offset(offset); }
  Result maintain(store::EntrySource& entries, bool& more) override {
    return store_->maintain(entries, more);
  }
  Result sync() override { return store_->sync(); }
  Result replace(store::EntrySource& entries, milliseconds wall_offset) override {
    return store_->replace(entries, wall_offset);
  }

 private:
  const std::unique_ptr<Store> store_;
};

// What was synced is synced before the next batch.
class AcknowledgesBeforeItSyncs final : public RightStore {
 public:
  using RightStore::RightStore;
  Result append(std::string_view batch) override {
    const Result result = RightStore::sync();
    return result == Result::kDone ? RightStore::append(batch) : result;
  }
  Result sync() override { return Result::kDone; }
};

class TearsBatches final : public RightStore {
 public:
  using RightStore::RightStore;
  Result append(std::string_view batch) override {
    std::string_view rest = batch;
    store::unpack(rest);
    Result result = RightStore::append(batch.substr(0, batch.size() - rest.size()));
    if (rest.empty() || result != Result::kDone) return result;
    result = RightStore::sync();
    return result == Result::kDone ? RightStore::append(rest) : result;
  }
};

class LosesEverySeventhBatch final : public RightStore {
 public:
  using RightStore::RightStore;
  Result append(std::string_view batch) override {
    return ++batches_ % 7 == 0 ? Result::kDone : RightStore::append(batch);
  }

 private:
  int batches_ = 0;
};

class ForgetsTheWallOffset final : public RightStore {
 public:
  using RightStore::RightStore;
  Result set_wall_offset(milliseconds) override { return Result::kDone; }
};

class HidesFailedSyncs final : public RightStore {
 public:
  using RightStore::RightStore;
  Result sync() override {
    const Result result = RightStore::sync();
    return result == Result::kDistrusted ? Result::kDone : result;
  }
};

template <typename Wrong>
ProcessOnDisk::Opener opener_of(const Workload& workload) {
  return [right = sqlite_store_opener(workload.options)](
             SimulatedDisk& disk, std::string& objection) -> std::unique_ptr<Store> {
    std::unique_ptr<Store> store = right(disk, objection);
    return store == nullptr ? nullptr : std::make_unique<Wrong>(std::move(store));
  };
}

const Workload& workload_named(const std::string& name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return workload;
  }
  ADD_FAILURE() << "no workload " << name;
  return workloads().front();
}

template <typename Wrong>
std::string power_loss_objection(const std::string& name) {
  const Workload& workload = workload_named(name);
  const auto process = process_for(workload, {}, opener_of<Wrong>(workload));
  return PowerLossTrial({}, *process).run(workload.steps);
}

template <typename Wrong>
std::string failed_sync_objection(const std::string& name) {
  const Workload& workload = workload_named(name);
  FaultTrial trial(workload, Fault::kFailedSync, Times::kOnce, opener_of<Wrong>(workload));
  trial.run_at_each(1);
  return trial.objection();
}

TEST(TrialTeeth, PowerLossOnADiskThatIgnoresSyncsIsNoticedInEveryWorkload) {
  for (const Workload& workload : workloads()) {
    const auto process = process_for(workload);
    // The file is there for sure; what is told from now on is not.
    ASSERT_TRUE(process->start());
    process->disk().ignore_syncs();
    EXPECT_NE(PowerLossTrial({}, *process).run(workload.steps), "") << workload.name;
  }
}

TEST(TrialTeeth, AStoreThatAcknowledgesBeforeItSyncsIsNoticed) {
  EXPECT_NE(power_loss_objection<AcknowledgesBeforeItSyncs>("SmallBatches"), "");
  EXPECT_NE(power_loss_objection<AcknowledgesBeforeItSyncs>("Server"), "");
}

TEST(TrialTeeth, AStoreThatTearsBatchesIsNoticed) {
  EXPECT_NE(power_loss_objection<TearsBatches>("SmallBatches"), "");
}

TEST(TrialTeeth, AStoreThatLosesABatchIsNoticed) {
  EXPECT_NE(power_loss_objection<LosesEverySeventhBatch>("ListsWrittenAnew"), "");
  EXPECT_NE(power_loss_objection<LosesEverySeventhBatch>("ServerThatMaintains"), "");
}

TEST(TrialTeeth, AStoreThatForgetsTheWallOffsetIsNoticed) {
  EXPECT_NE(power_loss_objection<ForgetsTheWallOffset>("WallClockSteps"), "");
  EXPECT_NE(power_loss_objection<ForgetsTheWallOffset>("ServerWhoseWallClockSteps"), "");
}

TEST(TrialTeeth, AStoreThatHidesFailedSyncsIsNoticed) {
  EXPECT_NE(failed_sync_objection<HidesFailedSyncs>("SmallBatches"), "");
  EXPECT_NE(failed_sync_objection<HidesFailedSyncs>("Server"), "");
}

TEST(TrialTeeth, AStoreWithoutAMistakeIsNot) {
  EXPECT_EQ(power_loss_objection<RightStore>("SmallBatches"), "");
  EXPECT_EQ(failed_sync_objection<RightStore>("Server"), "");
}

}  // namespace
}  // namespace rollcall::tests
