// The contract of a store, checked of every implementation.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/memory_store.h"
#include "store/record.h"
#include "store/store.h"
#include "tests/store/sample_record.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/sqlite_store_opener.h"

namespace rollcall::tests {
namespace {

using std::chrono::milliseconds;
using store::Record;
using store::Result;
using store::Store;

std::string packed(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records) store::pack(record, text);
  return text;
}

// Records by nick, the last of each; each with a nick of its own.
class Records {
 public:
  void add(std::string_view text) {
    while (!text.empty()) {
      const auto record = store::unpack(text);
      ASSERT_TRUE(record.has_value());
      Record& kept = records_[std::string(record->nick)];
      kept = *record;
      kept.nick = records_.find(std::string(record->nick))->first;
    }
  }
  std::size_t size() const { return records_.size(); }
  bool contains(const std::string& nick) const { return records_.contains(nick); }
  const Record& at(std::string_view nick) const { return records_.at(std::string(nick)); }

 private:
  std::map<std::string, Record> records_;
};

// Entries as a list in memory has them.
class ListedEntries final : public store::EntrySource {
 public:
  explicit ListedEntries(std::vector<Record> records) : records_(std::move(records)) {}

  bool read(Position& position, std::size_t entries_max, std::string& text) override {
    for (; entries_max > 0 && position.entry < records_.size(); --entries_max) {
      store::pack(records_[position.entry++], text);
    }
    return position.entry < records_.size();
  }

 private:
  std::vector<Record> records_;
};

// A device on which stores of one kind can be opened one after the other, as after a restart.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual std::unique_ptr<Store> open() = 0;
  // The power is lost with nothing kept that was not synced.
  virtual void crash() = 0;
};

class MemoryStoreUnderTest final : public StoreUnderTest {
 public:
  std::unique_ptr<Store> open() override { return std::make_unique<store::MemoryStore>(device_); }
  void crash() override { device_.crash(0); }

 private:
  store::MemoryDevice device_;
};

// Whoever opens a store finds what a killed process left: the one before may still be there, and
// holds its lock on a disk of its own.
class SqliteStoreUnderTest final : public StoreUnderTest {
 public:
  SqliteStoreUnderTest() { disks_.push_back(std::make_unique<SimulatedDisk>()); }

  std::unique_ptr<Store> open() override {
    disks_.push_back(disks_.back()->kill());
    auto store = sqlite_store_opener({})(*disks_.back(), objections_);
    EXPECT_NE(store, nullptr) << objections_;
    return store;
  }
  void crash() override {
    disks_.push_back(disks_.back()->crash(Survival::kNothing, /*directory_operations=*/0, 0));
  }

 private:
  std::vector<std::unique_ptr<SimulatedDisk>> disks_;
  std::string objections_;
};

template <typename Kind>
std::unique_ptr<StoreUnderTest> make() {
  return std::make_unique<Kind>();
}

using Factory = std::unique_ptr<StoreUnderTest> (*)();

class StoreConformance : public testing::TestWithParam<Factory> {
 protected:
  // What a store that is opened now finds.
  Records found() {
    Records records;
    const auto store = under_test_->open();
    std::vector<milliseconds> offsets;
    const store::Loaded loaded = store->load([&](milliseconds offset, std::string_view text) {
      offsets.push_back(offset);
      records.add(text);
      return true;
    });
    EXPECT_EQ(loaded.result, Result::kDone);
    wall_offset_ = loaded.wall_offset;
    for (const milliseconds offset : offsets) EXPECT_EQ(offset, wall_offset_);
    return records;
  }

  // A store that is ready to be appended to.
  std::unique_ptr<Store> opened() {
    auto store = under_test_->open();
    EXPECT_EQ(store->load([](milliseconds, std::string_view) { return true; }).result,
              Result::kDone);
    return store;
  }

  milliseconds wall_offset_{0};

  std::unique_ptr<StoreUnderTest> under_test_ = GetParam()();
};

TEST_P(StoreConformance, NewStoreIsEmpty) {
  EXPECT_EQ(found().size(), 0u);
  EXPECT_EQ(wall_offset_, milliseconds(0));
}

TEST_P(StoreConformance, SyncedRecordsSurviveACrashWhole) {
  const std::string longest(255, 'n');
  const std::vector<Record> batch = {sample_record("alice", 1), sample_record(longest, 2)};
  const auto store = opened();
  ASSERT_EQ(store->append(packed(batch)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  under_test_->crash();
  const auto records = found();
  ASSERT_EQ(records.size(), 2u);
  for (const Record& record : batch) EXPECT_EQ(records.at(record.nick), record);
}

TEST_P(StoreConformance, LastRecordOfANickWinsWithinABatchAndAcross) {
  const auto store = opened();
  const std::vector<Record> first = {sample_record("alice", 1), sample_record("alice", 2)};
  const std::vector<Record> second = {sample_record("bob", 3), sample_record("alice", 4)};
  ASSERT_EQ(store->append(packed(first)), Result::kDone);
  ASSERT_EQ(store->append(packed(second)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  const auto records = found();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records.at("alice").port, 4);
  EXPECT_EQ(records.at("bob").port, 3);
}

TEST_P(StoreConformance, UnsyncedBatchIsNotThereInPart) {
  const auto store = opened();
  const std::vector<Record> kept = {sample_record("alice", 1)};
  const std::vector<Record> lost = {sample_record("alice", 2), sample_record("bob", 2)};
  ASSERT_EQ(store->append(packed(kept)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  ASSERT_EQ(store->append(packed(lost)), Result::kDone);
  under_test_->crash();
  const auto records = found();
  const bool is_there = records.contains("bob");
  EXPECT_EQ(records.at("alice").port, is_there ? 2 : 1);
}

TEST_P(StoreConformance, AReadingCanBeEnded) {
  const auto store = opened();
  ASSERT_EQ(store->append(packed({sample_record("alice", 1)})), Result::kDone);
  ASSERT_EQ(store->set_wall_offset(milliseconds(-5000)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  ASSERT_EQ(store->append(packed({sample_record("alice", 2)})), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  std::size_t visits = 0;
  const store::Loaded loaded =
      under_test_->open()->load([&](milliseconds, std::string_view) { return ++visits == 0; });
  EXPECT_EQ(loaded.result, Result::kDone);
  EXPECT_EQ(visits, 1u);
}

TEST_P(StoreConformance, WallOffsetSurvivesFromTheNextSyncOn) {
  const auto store = opened();
  ASSERT_EQ(store->append(packed({sample_record("alice", 1)})), Result::kDone);
  ASSERT_EQ(store->set_wall_offset(milliseconds(-5000)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  ASSERT_EQ(store->set_wall_offset(milliseconds(7000)), Result::kDone);
  under_test_->crash();
  found();
  EXPECT_EQ(wall_offset_, milliseconds(-5000));
}

TEST_P(StoreConformance, ReplacementTakesThePlaceOfEverything) {
  const auto store = opened();
  const std::vector<Record> batch = {sample_record("alice", 1), sample_record("bob", 2)};
  ASSERT_EQ(store->append(packed(batch)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  ListedEntries entries({sample_record("bob", 3), sample_record("carol", 4)});
  ASSERT_EQ(store->replace(entries, milliseconds(77)), Result::kDone);
  const std::vector<Record> later = {sample_record("dave", 5)};
  ASSERT_EQ(store->append(packed(later)), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  under_test_->crash();
  const auto records = found();
  EXPECT_EQ(records.size(), 3u);
  EXPECT_EQ(records.at("bob").port, 3);
  EXPECT_EQ(records.at("carol").port, 4);
  EXPECT_EQ(records.at("dave").port, 5);
  EXPECT_EQ(wall_offset_, milliseconds(77));
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values(make<MemoryStoreUnderTest>));
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values(make<SqliteStoreUnderTest>));

TEST(MemoryStore, CrashKeepsAPrefixOfTheBatches) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    const std::vector<Record> batch = {sample_record("alice", port)};
    ASSERT_EQ(store.append(packed(batch)), Result::kDone);
  }
  EXPECT_EQ(device.unsynced_batches(), 3u);
  device.crash(2);
  Records records;
  store::MemoryStore(device).load([&](milliseconds, std::string_view text) {
    records.add(text);
    return true;
  });
  EXPECT_EQ(records.at("alice").port, 2);
}

TEST(MemoryStore, AFailureDropsWhatWaited) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  const std::string batch = packed({sample_record("alice", 1)});
  device.fail_after(1, Result::kFull, false);
  EXPECT_EQ(store.append(batch), Result::kDone);
  EXPECT_EQ(store.append(batch), Result::kFull);
  EXPECT_EQ(device.unsynced_batches(), 0u);
  EXPECT_EQ(store.append(batch), Result::kDone);
  EXPECT_EQ(store.sync(), Result::kDone);
  device.fail_after(0, Result::kFailed, true);
  EXPECT_EQ(store.append(batch), Result::kFailed);
  EXPECT_EQ(store.append(batch), Result::kFailed);
  device.heal();
  EXPECT_EQ(store.append(batch), Result::kDone);
  EXPECT_EQ(store.sync(), Result::kDone);
}

TEST(MemoryStore, ADistrustedOneTakesNothingUntilItIsReplaced) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  const std::string batch = packed({sample_record("alice", 1)});
  EXPECT_EQ(store.append(batch), Result::kDone);
  device.fail_after(0, Result::kDistrusted, false);
  EXPECT_EQ(store.sync(), Result::kDistrusted);
  EXPECT_EQ(store.append(batch), Result::kDistrusted);
  ListedEntries entries({sample_record("alice", 2)});
  EXPECT_EQ(store.replace(entries, milliseconds(0)), Result::kDone);
  EXPECT_EQ(store.append(batch), Result::kDone);
  EXPECT_EQ(store.sync(), Result::kDone);
}

TEST(MemoryStore, MaintenanceKeepsWhatThereIsInFewBatches) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  std::vector<Record> all;
  std::vector<std::string> nicks;
  for (int i = 0; i < 100; ++i) nicks.push_back("peer" + std::to_string(i));
  for (const std::string& nick : nicks) all.push_back(sample_record(nick, 1));
  ListedEntries entries(all);
  for (const Record& record : all) {
    ASSERT_EQ(store.append(packed({record})), Result::kDone);
    bool more = false;
    ASSERT_EQ(store.maintain(entries, more), Result::kDone);
    ASSERT_EQ(store.sync(), Result::kDone);
  }
  EXPECT_LT(device.durable_batches(), 50u);
  Records records;
  store::MemoryStore(device).load([&](milliseconds, std::string_view text) {
    records.add(text);
    return true;
  });
  EXPECT_EQ(records.size(), 100u);
}

}  // namespace
}  // namespace rollcall::tests
