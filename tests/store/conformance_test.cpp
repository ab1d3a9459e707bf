// The contract of a store, checked of every implementation.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/memory_store.h"
#include "store/store.h"

namespace rollcall::tests {
namespace {

using store::Record;
using store::Result;
using store::Store;
using store::WallInstant;

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

using Factory = std::unique_ptr<StoreUnderTest> (*)();

class StoreConformance : public testing::TestWithParam<Factory> {
 protected:
  // What a store that is opened now finds.
  std::map<std::string, Record> found() {
    std::map<std::string, Record> records;
    const auto store = under_test_->open();
    const Result result = store->load([&](const Record& record) {
      EXPECT_TRUE(records.emplace(record.nick, record).second) << record.nick << " was given twice";
    });
    EXPECT_EQ(result, Result::kDone);
    return records;
  }

  std::unique_ptr<StoreUnderTest> under_test_ = GetParam()();
};

Record record_with(std::string nick, std::uint16_t port) {
  Record record;
  record.nick = std::move(nick);
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = port;
  record.active = true;
  record.cookie = engine::Cookie{{1, 2, 3}};
  record.deadline = WallInstant(std::chrono::milliseconds(1'700'000'000'123));
  record.registered_at = engine::WallTime(std::chrono::seconds(1'700'000'000));
  record.activity_bits = 5;
  record.activity_day = 19'675;
  return record;
}

TEST_P(StoreConformance, NewStoreIsEmpty) { EXPECT_TRUE(found().empty()); }

TEST_P(StoreConformance, SyncedRecordsSurviveACrashWhole) {
  const std::vector<Record> batch = {record_with("alice", 1),
                                     record_with(std::string(255, 'n'), 2)};
  const auto store = under_test_->open();
  ASSERT_EQ(store->append(batch), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  under_test_->crash();
  const auto records = found();
  ASSERT_EQ(records.size(), 2u);
  for (const Record& record : batch) EXPECT_EQ(records.at(record.nick), record);
}

TEST_P(StoreConformance, LastRecordOfANickWinsWithinABatchAndAcross) {
  const auto store = under_test_->open();
  const std::vector<Record> first = {record_with("alice", 1), record_with("alice", 2)};
  const std::vector<Record> second = {record_with("bob", 3), record_with("alice", 4)};
  ASSERT_EQ(store->append(first), Result::kDone);
  ASSERT_EQ(store->append(second), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  const auto records = found();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records.at("alice").port, 4);
  EXPECT_EQ(records.at("bob").port, 3);
}

TEST_P(StoreConformance, UnsyncedBatchIsNotThereInPart) {
  const auto store = under_test_->open();
  const std::vector<Record> kept = {record_with("alice", 1)};
  const std::vector<Record> lost = {record_with("alice", 2), record_with("bob", 2)};
  ASSERT_EQ(store->append(kept), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);
  ASSERT_EQ(store->append(lost), Result::kDone);
  under_test_->crash();
  const auto records = found();
  const bool is_there = records.contains("bob");
  EXPECT_EQ(records.at("alice").port, is_there ? 2 : 1);
}

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values(+[] {
                           return std::unique_ptr<StoreUnderTest>(new MemoryStoreUnderTest);
                         }));

TEST(MemoryStore, CrashKeepsAPrefixOfTheBatches) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    const std::vector<Record> batch = {record_with("alice", port)};
    ASSERT_EQ(store.append(batch), Result::kDone);
  }
  EXPECT_EQ(device.unsynced_batches(), 3u);
  device.crash(2);
  std::uint16_t port = 0;
  store::MemoryStore(device).load([&](const Record& record) { port = record.port; });
  EXPECT_EQ(port, 2);
}

TEST(MemoryStore, FailsOnceOrForGoodAndChangesNothing) {
  store::MemoryDevice device;
  store::MemoryStore store(device);
  const std::vector<Record> batch = {record_with("alice", 1)};
  device.fail_after(1, Result::kFull, false);
  EXPECT_EQ(store.append(batch), Result::kDone);
  EXPECT_EQ(store.append(batch), Result::kFull);
  EXPECT_EQ(device.unsynced_batches(), 1u);
  EXPECT_EQ(store.sync(), Result::kDone);
  device.fail_after(0, Result::kFailed, true);
  EXPECT_EQ(store.append(batch), Result::kFailed);
  EXPECT_EQ(store.sync(), Result::kFailed);
  device.heal();
  EXPECT_EQ(store.sync(), Result::kDone);
}

TEST(Record, IsTheEntryAfterTheChangeWithDates) {
  engine::Change change;
  change.nick = "alice";
  change.port = 9999;
  change.active = true;
  change.has_cookie = true;
  change.cookie = {{7}};
  const engine::Instant now{std::chrono::hours(5)};
  const WallInstant wall(std::chrono::milliseconds(1'700'000'000'000));
  change.deadline = now + std::chrono::seconds(7200) + std::chrono::microseconds(900);
  const Record record = store::record_of(change, wall, now);
  EXPECT_EQ(record.nick, "alice");
  EXPECT_EQ(record.port, 9999);
  EXPECT_EQ(record.cookie, change.cookie);
  EXPECT_EQ(record.deadline, wall + std::chrono::seconds(7200));
}

}  // namespace
}  // namespace rollcall::tests
