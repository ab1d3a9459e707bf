// That the workloads reach what they are there for.

#include "tests/support/store_workloads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "store/sqlite/data_file.h"
#include "tests/support/sqlite_store_opener.h"

namespace rollcall::tests {
namespace {

// Runs the workload of this name to its end; `watch` looks at the disk before every I/O.
std::unique_ptr<ProcessOnDisk> run(const std::string& name,
                                   const std::function<void(SimulatedDisk&)>& watch) {
  const auto workload = std::ranges::find(workloads(), name, &Workload::name);
  EXPECT_NE(workload, workloads().end()) << name;
  auto process = process_for(*workload);
  process->disk().io().watch([&](std::uint64_t, Io) { watch(process->disk()); });
  process->start();
  for (const Step& step : workload->steps) process->perform(step);
  process->disk().io().watch(nullptr);
  EXPECT_EQ(process->objection(), "");
  return process;
}

// What is in the file that a process has left.
store::StoreSizes sizes_on(SimulatedDisk& disk) {
  store::SqliteStore::Options options;
  options.files = &disk;
  options.vfs = disk.vfs_name();
  auto opened = store::SqliteStore::open(kDataFile, options);
  const auto& store = std::get<0>(opened);
  EXPECT_EQ(store->load([](auto, auto) { return true; }).result, store::Result::kDone);
  return store->sizes();
}

TEST(StoreWorkloads, AreTwentyDifferentOnes) {
  std::set<std::string> names;
  for (const Workload& workload : workloads()) names.insert(workload.name);
  EXPECT_EQ(names.size(), 20u);
}

TEST(StoreWorkloads, AreTheSameEveryTime) {
  const auto nothing = [](SimulatedDisk&) {};
  for (const Workload& workload : workloads()) {
    const auto first = run(workload.name, nothing);
    const auto second = run(workload.name, nothing);
    ASSERT_EQ(first->disk().paths(), second->disk().paths());
    for (const std::string& path : first->disk().paths()) {
      EXPECT_TRUE(first->disk().content(path) == second->disk().content(path)) << workload.name;
    }
  }
}

TEST(StoreWorkloads, ReachCheckpointsThatKeepTheWalShort) {
  std::size_t wal_bytes_max = 0;
  const auto process = run("Checkpoints", [&](SimulatedDisk& disk) {
    const std::string wal = disk.content(std::string(kDataFile) + "-wal").value_or("");
    wal_bytes_max = std::max(wal_bytes_max, wal.size());
  });
  // One commit more than those that make it long enough.
  EXPECT_GT(wal_bytes_max, 20'000u);
  EXPECT_LT(wal_bytes_max, 5 * store::sqlite::kPageBytes);
}

TEST(StoreWorkloads, ReachListsThatAreWrittenAnew) {
  const auto nothing = [](SimulatedDisk&) {};
  for (const char* name :
       {"ListsWrittenAnew", "ListsWrittenAnewInManySteps", "ServerThatMaintains"}) {
    const auto process = run(name, nothing);
    EXPECT_GT(sizes_on(*process->disk().kill()).peers, 0u) << name;
  }
  const auto process = run("SmallBatches", nothing);
  const store::StoreSizes sizes = sizes_on(*process->disk().kill());
  EXPECT_EQ(sizes.peers, 0u);
  EXPECT_EQ(sizes.journal_rows, 8u);
}

}  // namespace
}  // namespace rollcall::tests
