// What is particular to the store in an SQLite file: its files and its maintenance.

#include "store/sqlite_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/store/data_file_under_test.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::tests {
namespace {

TEST(SqliteStore, FindsTheListAndTheJournalOnTop) {
  const auto disk = small_file();
  const FileContent found = find(kPath, on(*disk));
  EXPECT_FALSE(found.error.has_value());
  EXPECT_EQ(found.ports, kSmall);
}

TEST(SqliteStore, KilledProcessLosesNoCommit) {
  const auto disk = killed_after_commits(5);
  EXPECT_EQ(find(kPath, on(*disk)).ports, (Ports{{"alice", 5}}));
}

// ---- Files ----

TEST(SqliteStore, SecondOneOnTheSameFileIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/peers.db";
  const auto store = ready(path, {});
  write(*store, "alice", 1);
  const FileContent found = find(path, {});
  ASSERT_TRUE(found.error.has_value());
  EXPECT_EQ(found.error->kind, Kind::kInUse);
  write(*store, "alice", 2);
}

// SQLite's own lock is gone while another database takes the place of the one that it is on.
TEST(SqliteStore, IsLockedEvenWhereItsDatabaseIsNot) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/peers.db";
  { write(*ready(path, {}), "alice", 1); }
  std::unique_ptr<store::Files::Lock> lock;
  const auto files = store::system_files();
  ASSERT_EQ(files->lock(path + "-lock", lock), 0);
  EXPECT_EQ(find(path, {}).error->kind, Kind::kInUse);
  Listed entries({{"bob", 2}});
  EXPECT_EQ(SqliteStore::make(path, {}, entries, milliseconds(0))->kind, Kind::kInUse);
  lock.reset();
  EXPECT_EQ(find(path, {}).ports, (Ports{{"alice", 1}}));
}

TEST(SqliteStore, OptionsSayWhetherAFileIsToBeThere) {
  SimulatedDisk disk;
  SqliteStore::Options options = on(disk);
  options.when_missing = SqliteStore::WhenMissing::kRefuse;
  EXPECT_EQ(find(kPath, options).error->kind, Kind::kMissing);
  EXPECT_TRUE(disk.paths().empty());
}

TEST(SqliteStore, IsMadeWithItsEntriesOnlyWhereThereIsNone) {
  SimulatedDisk disk;
  Listed entries({{"alice", 1}});
  EXPECT_FALSE(SqliteStore::make(kPath, on(disk), entries, milliseconds(7)).has_value());
  const FileContent found = find(kPath, on(disk));
  EXPECT_EQ(found.ports, (Ports{{"alice", 1}}));
  EXPECT_EQ(found.offset, milliseconds(7));
  Listed others({{"bob", 2}});
  EXPECT_EQ(SqliteStore::make(kPath, on(disk), others, milliseconds(0))->kind, Kind::kExists);
  EXPECT_EQ(find(kPath, on(disk)).ports, (Ports{{"alice", 1}}));
}

TEST(SqliteStore, ThatCouldNotBeMadeLeavesNone) {
  Listed entries({{"alice", 1}});
  bool has_failed = true;
  for (std::uint64_t at = 0; has_failed; ++at) {
    ASSERT_LT(at, 1000u);
    SimulatedDisk disk;
    disk.io().fail_at(at, Fault::kIoError, Times::kOnce);
    const auto error = SqliteStore::make(kPath, on(disk), entries, milliseconds(0));
    has_failed = disk.io().first_fault().has_value();
    if (!error.has_value()) continue;
    EXPECT_EQ(disk.paths(), std::vector<std::string>{}) << "a fault at I/O " << at;
    // What was being written may be left by a power loss, and is nobody's list.
    const auto left = disk.crash(at);
    SqliteStore::Options options = on(*left);
    options.when_missing = SqliteStore::WhenMissing::kRefuse;
    EXPECT_EQ(find(kPath, options).error->kind, Kind::kMissing) << "a fault at I/O " << at;
  }
}

TEST(SqliteStore, FileThatIsNoDatabaseTakesNobodysPlace) {
  const auto disk = small_file();
  disk->put(std::string(kPath) + "-next", std::string(5000, 'x'));
  expect_corrupt(find(kPath, on(*disk)), "-next cannot be used");
  disk->remove(std::string(kPath) + "-next");
  EXPECT_EQ(find(kPath, on(*disk)).ports, kSmall);
}

TEST(SqliteStore, MissingDirectoryAndDirectoryInTheFilesPlaceAreRefused) {
  const TemporaryDirectory directory;
  EXPECT_EQ(find(directory.path() + "/missing/peers.db", {}).error->kind, Kind::kMissingDirectory);
  const std::string inner = directory.path() + "/inner";
  std::filesystem::create_directory(inner);
  EXPECT_EQ(find(inner, {}).error->kind, Kind::kCorrupt);
}

TEST(SqliteStore, RemainsOfAnUnfinishedFileAreInNobodysWay) {
  const auto disk = small_file();
  disk->put(std::string(kPath) + "-new", "half of");
  EXPECT_EQ(find(kPath, on(*disk)).ports, kSmall);
  const auto store = ready(kPath, on(*disk));
  Listed entries({{"zoe", 9}});
  EXPECT_EQ(store->replace(entries, milliseconds(5)), Result::kDone);
  EXPECT_EQ(find(kPath, on(*disk->kill())).ports, (Ports{{"zoe", 9}}));
}

TEST(SqliteStore, FileThatWasToTakeThePlaceOfAnotherDoesSoAtTheNextStart) {
  SimulatedDisk disk;
  disk.put(std::string(kPath) + "-next", small_file()->content(kPath).value());
  const auto killed = killed_after_commits(3);
  disk.put(kPath, killed->content(kPath).value());
  disk.put(std::string(kPath) + "-wal", wal_of(*killed));
  EXPECT_EQ(find(kPath, on(disk)).ports, kSmall);
  EXPECT_FALSE(disk.content(std::string(kPath) + "-next").has_value());
}

TEST(SqliteStore, LinkThatLeadsNowhereIsNoNewFile) {
  const TemporaryDirectory directory;
  const std::string link = directory.path() + "/peers.db";
  std::filesystem::create_symlink(directory.path() + "/elsewhere/peers.db", link);
  EXPECT_EQ(find(link, {}).error->kind, Kind::kCorrupt);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
}

TEST(SqliteStore, WalThatACheckpointCannotReadIsDistrusted) {
  SqliteStore::Options options;
  options.checkpoint_bytes = 1;
  std::optional<std::uint64_t> read_at;
  for (const Result result : {Result::kDone, Result::kDistrusted}) {
    SimulatedDisk disk;
    options.files = &disk;
    options.vfs = disk.vfs_name();
    const auto store = ready(kPath, options);
    for (std::uint16_t i = 1; i <= 2; ++i) write(*store, "alice", i);
    ASSERT_EQ(store->append(packed("bob", 2)), Result::kDone);
    if (read_at.has_value()) disk.io().fail_at(*read_at, Fault::kIoError, Times::kOnce);
    disk.io().watch([&](std::uint64_t number, Io io) {
      if (io == Io::kRead) read_at = number;
    });
    EXPECT_EQ(store->sync(), result);
    ASSERT_TRUE(read_at.has_value());
    disk.io().watch({});
  }
}

// ---- Maintenance ----

TEST(SqliteStore, ListIsWrittenAnewInStepsWhileChangesArrive) {
  SimulatedDisk disk;
  SqliteStore::Options options = on(disk);
  options.rewrite_bytes_min = 1000;
  options.step_entries_min = 3;
  Ports ports;
  {
    const auto store = ready(kPath, options);
    for (std::uint16_t i = 1; i <= 500; ++i) {
      const std::string nick = "peer" + std::to_string(i % 40);
      ports[nick] = i;
      ASSERT_EQ(store->append(packed(nick, i)), Result::kDone);
      Listed entries(ports);
      bool more = false;
      ASSERT_EQ(store->maintain(entries, more), Result::kDone);
      ASSERT_EQ(store->sync(), Result::kDone);
      EXPECT_LT(store->sizes().journal_bytes, 20'000u);
      if (i % 50 == 0) {
        EXPECT_EQ(find(kPath, on(*disk.kill())).ports, ports);
      }
    }
    EXPECT_GT(store->sizes().peers, 0u);
  }
  EXPECT_EQ(find(kPath, options).ports, ports);
  EXPECT_LT(disk.content(kPath)->size(), 200'000u) << "what is stale is deleted";
}

TEST(SqliteStore, PagesOfWhatIsDeletedAreNotWritten) {
  SimulatedDisk disk;
  SqliteStore::Options options = on(disk);
  options.rewrite_bytes_min = 2'000'000;
  options.step_entries_min = 2000;  // two steps of deletion
  const auto store = ready(kPath, options);
  std::string batch;
  while (batch.size() < 100'000) batch += packed("alice", 1);
  Listed entries({{"alice", 1}});
  bool more = false;
  while (!more) {
    ASSERT_EQ(store->append(batch), Result::kDone);
    ASSERT_EQ(store->sync(), Result::kDone);
    ASSERT_LT(store->sizes().journal_bytes, 3'000'000u);
    ASSERT_EQ(store->maintain(entries, more), Result::kDone);
  }
  const std::uint64_t deleted = store->sizes().journal_bytes;
  ASSERT_EQ(store->sync(), Result::kDone);
  ASSERT_EQ(store->sizes().journal_bytes, 0u);
  const std::uint64_t written = disk.io().count(Io::kWrite);
  settle(*store, entries);
  EXPECT_LT(disk.io().count(Io::kWrite) - written, deleted / store::sqlite::kPageBytes / 2);
}

// How long the journal of a list of 1,000 gets in relation to it, where each commit has so many
// records.
double longest_journal(std::size_t records, std::uint64_t bytes_under_load = 1'000'000) {
  SimulatedDisk disk;
  SqliteStore::Options options = on(disk);
  options.rewrite_bytes_min = 1;
  options.rewrite_bytes_under_load = bytes_under_load;
  const auto store = ready(kPath, options);
  Ports ports;
  for (unsigned i = 0; i < 1000; ++i) ports["peer" + std::to_string(1000 + i)] = i + 1;
  Listed entries(ports);
  EXPECT_EQ(store->replace(entries, milliseconds(0)), Result::kDone);
  std::string batch;
  for (std::size_t i = 0; i < records; ++i) batch += packed("peer1000", 1);
  const double list_bytes = 1000.0 * static_cast<double>(packed("peer1000", 1).size());
  double longest = 0;
  for (std::size_t written = 0; written < 40'000; written += records) {
    EXPECT_EQ(store->append(batch), Result::kDone);
    bool more = false;
    EXPECT_EQ(store->maintain(entries, more), Result::kDone);
    EXPECT_EQ(store->sync(), Result::kDone);
    longest = std::max(longest, static_cast<double>(store->sizes().journal_bytes) / list_bytes);
  }
  return longest;
}

TEST(SqliteStore, JournalGetsAsLongAsTheListAndTwiceThatUnderLoad) {
  EXPECT_GE(longest_journal(10), 0.9);
  EXPECT_LE(longest_journal(10), 1.2);
  EXPECT_GE(longest_journal(500), 1.4) << "all is copied with the commit that makes it due";
  EXPECT_LE(longest_journal(500), 2.1);
  EXPECT_LE(longest_journal(500, 44'000), 1.1) << "a list and a third";
  EXPECT_GE(longest_journal(400, 1), 0.7) << "as long as the list all the same";
}

}  // namespace
}  // namespace rollcall::tests
