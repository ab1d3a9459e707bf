// A recovery that a power loss interrupts, at whatever I/O: the next one brings back the same list.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/registry/registry.h"
#include "store/record.h"
#include "store/recovery.h"
#include "store/registry_entries.h"
#include "tests/support/seeded_random.h"
#include "tests/support/sqlite_store_opener.h"
#include "tests/support/store_ledger.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using Disk = std::unique_ptr<SimulatedDisk>;

constexpr int kPeers = 120;
constexpr std::uint64_t kLossesAnIo = 12;

const store::ClockReading kThen{engine::Instant(1h), store::WallInstant(std::chrono::days(20'000))};

// A packed record whose lease ends `index` seconds before the longest possible one.
std::string packed(int index) {
  const std::string nick = "peer-" + std::to_string(index);
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = 80;
  record.active = true;
  record.deadline =
      store::LeaseTime(kThen.wall.time_since_epoch() + 7200s - std::chrono::seconds(index));
  record.registered_at = engine::WallTime(std::chrono::days(20'000));
  std::string text;
  store::pack(record, text);
  return text;
}

std::unique_ptr<store::Store> open(SimulatedDisk& disk) {
  std::string objection;
  auto store = sqlite_store_opener({})(disk, objection);
  EXPECT_NE(store, nullptr) << objection;
  return store;
}

// A list in the WAL of a process that was killed.
Disk disk_with_peers() {
  auto disk = std::make_unique<SimulatedDisk>();
  const auto store = open(*disk);
  EXPECT_EQ(store->load([](auto, auto) { return true; }).result, store::Result::kDone);
  for (int i = 0; i < kPeers; ++i) {
    EXPECT_EQ(store->append(packed(i)), store::Result::kDone);
    EXPECT_EQ(store->sync(), store::Result::kDone);
  }
  return disk->crash(Survival::kNothing, 0, 0);
}

struct Restored {
  StoreContent list;
  std::uint64_t shortened = 0;
};

Restored recover_at(const store::ClockReading& clocks, SimulatedDisk& disk) {
  const auto store = open(disk);
  SeededRandom random(1);
  engine::Registry registry({}, random);
  const store::Recovered recovered = store::recover(
      *store, registry, [&] { return clocks; }, nullptr);
  EXPECT_EQ(recovered.outcome, store::RecoveryOutcome::kDone);
  store::RegistryEntries entries(registry, recovered.clock);
  std::string all;
  store::EntrySource::Position position;
  while (entries.read(position, kPeers, all)) {
  }
  Restored restored{.shortened = recovered.shortened};
  restored.list.add(all);
  return restored;
}

void expect_the_same_after_every_loss(const store::ClockReading& clocks,
                                      std::uint64_t shortened_at_first) {
  const Disk before = disk_with_peers();
  const Restored expected = recover_at(clocks, *before->kill());
  EXPECT_EQ(expected.list.records.size(), static_cast<std::size_t>(kPeers));
  EXPECT_EQ(expected.shortened, shortened_at_first);

  const Disk disk = before->kill();
  std::optional<std::uint64_t> changes;
  disk->io().watch([&](std::uint64_t number, Io) {
    if (disk->changes() == changes) return;
    changes = disk->changes();
    for (std::uint64_t seed = 0; seed < kLossesAnIo; ++seed) {
      const Disk left = disk->crash(seed);
      EXPECT_EQ(difference(recover_at(clocks, *left).list, expected.list), "") << number;
    }
  });
  recover_at(clocks, *disk);
  disk->io().watch(nullptr);
  // Leases that were cut are on disk by now.
  const Restored again = recover_at(clocks, *disk->crash(Survival::kNothing, 0, 0));
  EXPECT_EQ(difference(again.list, expected.list), "");
  EXPECT_EQ(again.shortened, 0u);
}

TEST(RecoveryPowerLoss, AtEveryIoLeavesTheSameList) { expect_the_same_after_every_loss(kThen, 0); }

TEST(RecoveryPowerLoss, WhileLeasesAreCutLeavesTheSameList) {
  expect_the_same_after_every_loss({kThen.now, kThen.wall - 24h}, kPeers);
}

}  // namespace
}  // namespace rollcall::tests
