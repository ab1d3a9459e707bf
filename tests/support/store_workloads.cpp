#include "tests/support/store_workloads.h"

#include <sqlite3.h>

#include <array>
#include <utility>

#include "tests/support/server_process_on_disk.h"
#include "tests/support/sqlite_store_opener.h"
#include "tests/support/store_process.h"

namespace rollcall::tests {
namespace {

using Kind = Step::Kind;
using Steps = std::vector<Step>;
using Through = Workload::Through;

constexpr Step changes(int count) { return {Kind::kChanges, count}; }
constexpr Step commits(int count) { return {Kind::kCommit, count}; }
constexpr Step kCommit{Kind::kCommit};
constexpr Step kReplace{Kind::kReplace};
constexpr Step kRestart{Kind::kRestart};
constexpr Step kKill{Kind::kKill};
constexpr Step wall_clock(int seconds) { return {Kind::kWallClock, seconds}; }

Steps operator+(Steps left, const Steps& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
Steps operator*(int times, const Steps& steps) {
  Steps all;
  for (int i = 0; i < times; ++i) all = std::move(all) + steps;
  return all;
}

// Thresholds so low that a few commits reach them.
store::SqliteStore::Options options(std::uint64_t checkpoint_bytes, std::uint64_t rewrite_bytes) {
  store::SqliteStore::Options options;
  options.checkpoint_bytes = checkpoint_bytes;
  options.rewrite_bytes_min = rewrite_bytes;
  options.step_entries_min = 8;
  return options;
}

constexpr std::uint64_t kNever = std::uint64_t{1} << 40;

std::vector<Workload> through_the_store() {
  const Steps small = {changes(3), kCommit};
  const Steps some = {changes(6), kCommit};
  const Steps several = {changes(1), changes(2), changes(1), kCommit};
  return {
      {"SmallBatches", Through::kStore, 30, options(kNever, kNever), 8 * small},
      {"SeveralBatchesACommit", Through::kStore, 30, options(kNever, kNever), 6 * several},
      {"BigBatches", Through::kStore, 300, options(kNever, kNever),
       3 * Steps{changes(300), kCommit}},
      {"Checkpoints", Through::kStore, 30, options(20'000, kNever), 10 * small},
      {"BigBatchesAndCheckpoints", Through::kStore, 200, options(30'000, kNever),
       4 * Steps{changes(200), kCommit}},
      {"ListsWrittenAnew", Through::kStore, 30, options(kNever, 1'000), 14 * small},
      // The kill is in the midst of a copy, the end where the list before the next one is deleted.
      {"ListsWrittenAnewInManySteps", Through::kStore, 60, options(30'000, 4'000),
       16 * some + Steps{commits(20)} + 8 * some + Steps{kKill} + some + Steps{commits(25)}},
      {"GrowthWithoutAnEnd", Through::kStore, 5'000, options(30'000, 2'000),
       10 * Steps{changes(20), kCommit}},
      {"WallClockSteps", Through::kStore, 20, options(20'000, 1'000),
       4 * Steps{wall_clock(7), kCommit, changes(2), wall_clock(-3), kCommit}},
      {"Replacement", Through::kStore, 40, options(20'000, 1'000),
       2 * small + 2 * Steps{changes(5), kReplace, changes(2), kCommit} + 2 * small},
      {"ReplacementsInARow", Through::kStore, 40, options(kNever, kNever),
       small + Steps{kReplace, kReplace, kKill, kReplace, changes(4), kCommit, kRestart} + small},
      {"CleanRestarts", Through::kStore, 30, options(20'000, 1'000),
       4 * (Steps{changes(4), kCommit, changes(2), kRestart})},
      {"Kills", Through::kStore, 30, options(kNever, 2'000),
       4 * (small + Steps{changes(2), kKill})},
      {"KillsAndRestartsAndReplacements", Through::kStore, 60, options(20'000, 1'500),
       2 * (2 * small + Steps{kKill} + small + Steps{kReplace} + small + Steps{kRestart})},
      {"Import", Through::kStore, 400, options(kNever, kNever),
       Steps{changes(150), changes(150), changes(100), kReplace, kRestart} + small},
      {"CreationAlone", Through::kStore, 10, options(kNever, kNever),
       Steps{kCommit, kRestart, kKill, kRestart}},
  };
}

std::vector<Workload> through_a_server() {
  const Steps traffic = {changes(4), kCommit};
  return {
      {"Server", Through::kServer, 20, options(kNever, kNever), 8 * traffic},
      {"ServerThatMaintains", Through::kServer, 30, options(20'000, 600), 14 * traffic},
      {"ServerWhoseWallClockSteps", Through::kServer, 20, options(20'000, 600),
       3 * (2 * traffic + Steps{wall_clock(9)} + traffic)},
      {"ServerThatRestartsAndIsKilled", Through::kServer, 30, options(20'000, 1'000),
       2 * (3 * traffic + Steps{changes(3), kKill} + 2 * traffic + Steps{changes(2), kRestart})},
  };
}

template <typename T, std::size_t size>
T one_of(const std::array<T, size>& values, engine::SampleGenerator& random) {
  return values[random.below(size)];
}

Step random_step(Through through, engine::SampleGenerator& random) {
  const std::uint64_t kind = random.below(20);
  const std::uint64_t big = random.below(6) == 0 ? 150 : 8;
  if (kind < 7) return changes(static_cast<int>(1 + random.below(big)));
  if (kind < 14) return commits(static_cast<int>(1 + random.below(big) / 4));
  if (kind < 15) return wall_clock(static_cast<int>(1 + random.below(10)));
  if (kind < 16) return through == Through::kStore ? kReplace : kKill;
  return kind < 18 ? kRestart : kKill;
}

}  // namespace

Workload random_workload(std::uint64_t seed) {
  engine::SampleGenerator random(seed);
  Workload workload;
  workload.name = "Random" + std::to_string(seed);
  workload.through = random.below(3) == 0 ? Through::kServer : Through::kStore;
  workload.nicks = one_of(std::array<std::uint64_t, 4>{3, 20, 100, 900}, random);
  workload.options =
      options(one_of(std::array<std::uint64_t, 5>{5'000, 9'000, 20'000, 60'000, kNever}, random),
              one_of(std::array<std::uint64_t, 5>{200, 600, 2'000, 8'000, kNever}, random));
  workload.options.step_entries_min = one_of(std::array<std::size_t, 4>{1, 3, 8, 40}, random);
  const std::uint64_t steps = 8 + random.below(22);
  for (std::uint64_t i = 0; i < steps; ++i) {
    workload.steps.push_back(random_step(workload.through, random));
  }
  return workload;
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> list = through_the_store();
    for (Workload& workload : through_a_server()) list.push_back(std::move(workload));
    return list;
  }();
  return all;
}

std::unique_ptr<ProcessOnDisk> process_for(const Workload& workload,
                                           const SimulatedDisk::Options& disk,
                                           const ProcessOnDisk::Opener& opener) {
  // SQLite draws the salts of a WAL from a generator of the whole process.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr);
  sqlite3_randomness(0, nullptr);
  auto on = std::make_unique<SimulatedDisk>(disk);
  auto opens = opener ? opener : sqlite_store_opener(workload.options);
  switch (workload.through) {
    case Workload::Through::kStore:
      return std::make_unique<StoreProcess>(std::move(on), std::move(opens), workload.nicks);
    case Workload::Through::kServer:
      return std::make_unique<ServerProcessOnDisk>(std::move(on), std::move(opens), workload.nicks);
  }
  __builtin_unreachable();
}

}  // namespace rollcall::tests
