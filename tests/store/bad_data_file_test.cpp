// What a store makes of a data file that is damaged, or is none of its own: a named error or the
// right list, and not a byte changed.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <span>
#include <string>
#include <vector>

#include "engine/random.h"
#include "store/sqlite/schema.h"
#include "tests/store/data_file_under_test.h"

namespace rollcall::tests {
namespace {

// A file with this content and nothing else, on a disk of its own, is looked at, and stays as it
// is.
FileContent found_in(const std::string& content, const store::sqlite::Schema* schema = nullptr) {
  SimulatedDisk disk;
  disk.put(kPath, content);
  SqliteStore::Options options = on(disk);
  options.schema = schema;
  options.when_missing = SqliteStore::WhenMissing::kRefuse;
  FileContent found = find(kPath, options);
  EXPECT_EQ(disk.content(kPath), content);
  return found;
}

void expect_error_or_right(const FileContent& found, const std::string& context) {
  if (found.error.has_value()) {
    EXPECT_EQ(found.error->kind, Kind::kCorrupt) << context << found.error->message;
  } else {
    EXPECT_EQ(found.ports, kSmall) << context;
    EXPECT_EQ(found.offset, milliseconds(0)) << context;
  }
}

// Every byte is changed in one of so many tests, which run side by side.
constexpr std::size_t kParts = 16;

class BadDataFileInParts : public testing::TestWithParam<std::size_t> {};

TEST_P(BadDataFileInParts, EveryChangedByteIsNoticedOrDoesNotMatter) {
  const std::string content = small_file()->content(kPath).value();
  engine::SampleGenerator random(4 + GetParam());
  std::size_t noticed = 0;
  for (std::size_t at = GetParam(); at < content.size(); at += kParts) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random.below(255)));
    const FileContent found = found_in(changed);
    expect_error_or_right(found, "byte " + std::to_string(at) + ": ");
    noticed += found.error.has_value();
  }
  EXPECT_GT(noticed, 500u / kParts);
}

INSTANTIATE_TEST_SUITE_P(Of, BadDataFileInParts, testing::Range(std::size_t{0}, kParts));

// Of what is written, that is: most of a page is zeros, of which the test above changes every byte.
TEST(BadDataFileSlow, EveryChangedBitIsNoticedOrDoesNotMatter) {
  const std::string content = small_file()->content(kPath).value();
  constexpr std::size_t kBeside = 8;
  const std::string zeros(2 * kBeside + 1, '\0');
  std::size_t changed_bytes = 0;
  for (std::size_t at = 0; at < content.size(); ++at) {
    const std::size_t from = at < kBeside ? 0 : at - kBeside;
    if (zeros.starts_with(content.substr(from, zeros.size()))) continue;
    ++changed_bytes;
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = content;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const std::string context = "byte " + std::to_string(at) + " bit " + std::to_string(bit);
      expect_error_or_right(found_in(changed), context + ": ");
    }
  }
  EXPECT_GT(changed_bytes, 1000u);
}

TEST(BadDataFile, EveryPrefixIsNoticed) {
  const std::string content = small_file()->content(kPath).value();
  for (std::size_t bytes = 0; bytes < content.size(); ++bytes) {
    expect_corrupt(found_in(content.substr(0, bytes)), "");
  }
}

TEST(BadDataFile, WhatIsNoDataFileIsRefused) {
  expect_corrupt(found_in(""), "empty");
  expect_corrupt(found_in("Dear diary"), "not one of Rollcall's");
  expect_corrupt(found_in(std::string(10'000, 'x')), "not one of Rollcall's");
}

// A file that SQLite itself has written.
std::string content_made_by(const std::string& content, const std::string& sql) {
  SimulatedDisk disk;
  if (!content.empty()) disk.put(kPath, content);
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(kPath, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            disk.vfs_name().c_str()),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, ("PRAGMA locking_mode=EXCLUSIVE;" + sql).c_str(), nullptr,
                         nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
  return disk.content(kPath).value();
}

TEST(BadDataFile, DatabaseOfAnotherProgramIsRefused) {
  const std::string other = content_made_by("", "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
  expect_corrupt(found_in(other), "not one of Rollcall's");
}

TEST(BadDataFile, NewerFormatIsRefusedByName) {
  const std::string content = small_file()->content(kPath).value();
  const auto version = store::sqlite::current_schema().version();
  const std::string next = std::to_string(version + 1);
  const std::string newer = content_made_by(content, "PRAGMA user_version=" + next);
  expect_corrupt(found_in(newer), "format " + next);
  const std::string same =
      content_made_by(content, "PRAGMA user_version=" + std::to_string(version));
  EXPECT_FALSE(found_in(same).error.has_value());
}

void expect_each_corrupt(const std::string& content, std::span<const std::string> changes) {
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    expect_corrupt(found_in(content_made_by(content, change)), "");
  }
}

TEST(BadDataFile, FileWithOtherTablesOrRowsIsRefused) {
  const std::string content = small_file()->content(kPath).value();
  const std::string changes[] = {
      "CREATE TABLE more(x)",
      "CREATE INDEX more ON entries(records)",
      "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM entries; END",
      "DROP VIEW peers",
      "DELETE FROM state",
      "UPDATE state SET wall_offset_ms = 1",
      "UPDATE state SET entries_count = entries_count + 1",
      "UPDATE state SET entries_last = entries_last + 1",
      "DELETE FROM entries",
      "UPDATE entries SET id = id + 1",
      "UPDATE entries SET records = x'00'",
      "UPDATE entries SET records = records || x'00'",
      "UPDATE entries SET checksum = checksum + 1",
      "DELETE FROM journal WHERE sequence = (SELECT min(sequence) FROM journal)",
      "DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)",
      "DELETE FROM journal",
      "UPDATE journal SET records = x'00'",
      "INSERT INTO entries SELECT -1000000, records, checksum FROM entries",
  };
  expect_each_corrupt(content, changes);
}

TEST(BadDataFile, ListIsRefusedIfOneOfItsRowsIsNotTheOneThatWasWritten) {
  Ports ports;
  for (unsigned i = 0; i < 300; ++i) ports["peer-" + std::to_string(1000 + i)] = 80;
  SimulatedDisk disk;
  Listed entries(ports);
  ASSERT_FALSE(SqliteStore::make(kPath, on(disk), entries, milliseconds(0)).has_value());
  const std::string content = disk.content(kPath).value();
  ASSERT_EQ(found_in(content).ports, ports);
  // A row as it may have been before, when its id was another list's: as long, and whole.
  const std::string other = packed("peer-1000", 81);
  const auto sum = static_cast<std::int64_t>(
      store::sqlite::checksum(store::sqlite::RowKind::kEntries, 1, other));
  std::string hex;
  for (const char byte : other) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    hex += kDigits[static_cast<std::uint8_t>(byte) & 15];
  }
  const std::string changes[] = {
      "DELETE FROM entries WHERE id = 1",
      "DELETE FROM entries WHERE id = 2",
      "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)",
      "DELETE FROM entries",
      "UPDATE entries SET records = (SELECT records FROM entries WHERE id = 2), "
      "checksum = (SELECT checksum FROM entries WHERE id = 2) WHERE id = 1",
      "UPDATE entries SET records = x'" + hex + "' || substr(records, 1 + " +
          std::to_string(other.size()) + ") WHERE id = 1",
      "UPDATE entries SET records = x'" + hex + "', checksum = " + std::to_string(sum) +
          " WHERE id = 1",
      "UPDATE state SET entries_first = 2",
      "UPDATE state SET entries_last = 2",
      "UPDATE state SET entries_bytes = entries_bytes - 1",
      "UPDATE state SET entries_checksum = entries_checksum - 1",
  };
  expect_each_corrupt(content, changes);
}

// The row of a list of one row in another version, under its own checksum: a page that was lost
// leaves such a one where an id is used again.
TEST(BadDataFile, WholeRowOfAnEarlierListIsNoticed) {
  const auto list_of = [](std::uint16_t port) {
    SimulatedDisk disk;
    Listed entries({{"alice", port}});
    EXPECT_FALSE(SqliteStore::make(kPath, on(disk), entries, milliseconds(0)).has_value());
    return disk.content(kPath).value();
  };
  const std::string old_list = list_of(1);
  std::string list = list_of(2);
  ASSERT_EQ(found_in(list).ports, (Ports{{"alice", 2}}));
  const std::size_t at = old_list.find("alice");
  ASSERT_NE(at, std::string::npos);
  const std::size_t page = at / store::sqlite::kPageBytes * store::sqlite::kPageBytes;
  list.replace(page, store::sqlite::kPageBytes, old_list, page, store::sqlite::kPageBytes);
  expect_corrupt(found_in(list), "damaged");
}

TEST(BadDataFile, OlderFormatIsMigratedWhenItIsUsed) {
  const std::string content = small_file()->content(kPath).value();
  const auto current = store::sqlite::current_schema().migrations;
  std::vector<const char*> migrations(current.begin(), current.end());
  migrations.push_back("CREATE TABLE added(x); INSERT INTO added VALUES(1);");
  const store::sqlite::Schema next{migrations};

  SimulatedDisk disk;
  disk.put(kPath, content);
  SqliteStore::Options options = on(disk);
  options.schema = &next;
  EXPECT_EQ(find(kPath, options).ports, kSmall);
  EXPECT_EQ(disk.content(kPath), content) << "it was only read";
  { write(*ready(kPath, options), "dave", 5); }
  EXPECT_EQ(find(kPath, options).ports.size(), kSmall.size() + 1);
  expect_corrupt(find(kPath, on(disk)), "format " + std::to_string(next.version()));
}

// Whatever goes wrong while a file is migrated, it is of the old format or of the new one, and what
// was acknowledged is in it.
class Migration : public testing::Test {
 protected:
  SqliteStore::Options options(SimulatedDisk& disk) const {
    SqliteStore::Options options = on(disk);
    options.schema = &next_;
    return options;
  }
  void expect_content(SimulatedDisk& disk, bool is_acknowledged) const {
    const FileContent found = find(kPath, options(disk));
    ASSERT_EQ(found.error, std::nullopt);
    Ports with_change = kSmall;
    with_change["dave"] = 5;
    EXPECT_TRUE(found.ports == with_change || (!is_acknowledged && found.ports == kSmall));
  }

  const std::string old_ = small_file()->content(kPath).value();

 private:
  static std::vector<const char*> migrations() {
    const auto current = store::sqlite::current_schema().migrations;
    std::vector<const char*> migrations(current.begin(), current.end());
    migrations.push_back("CREATE TABLE added(x); INSERT INTO added VALUES(1);");
    return migrations;
  }
  const std::vector<const char*> migrations_ = migrations();
  const store::sqlite::Schema next_{migrations_};
};

TEST_F(Migration, IsMadeAgainWhereItFails) {
  for (const Fault fault : {Fault::kIoError, Fault::kDiskFull, Fault::kFailedSync}) {
    bool has_failed = true;
    for (std::uint64_t at = 0; has_failed && at < 1000; ++at) {
      SimulatedDisk disk;
      disk.put(kPath, old_);
      {
        const auto store = ready(kPath, options(disk));
        disk.io().fail_at(disk.io().next() + at, fault, Times::kOnce);
        Ports ports = kSmall;
        ports["dave"] = 5;
        Listed entries(ports);
        Result result = Result::kFailed;
        for (int tries = 0; result != Result::kDone && tries < 3; ++tries) {
          result = store->append(packed("dave", 5));
          if (result == Result::kDone) result = store->sync();
          if (result == Result::kDistrusted) result = store->replace(entries, milliseconds(0));
        }
        EXPECT_EQ(result, Result::kDone);
        has_failed = disk.io().count(fault) > 0;
      }
      expect_content(disk, true);
      EXPECT_TRUE(find(kPath, on(disk)).error.has_value()) << "it is of the new format";
    }
    EXPECT_FALSE(has_failed) << "every I/O was tried";
  }
}

TEST_F(Migration, IsThereOrNotAfterAPowerLoss) {
  SimulatedDisk disk;
  disk.put(kPath, old_);
  int losses = 0;
  disk.io().watch([&](std::uint64_t, Io) {
    for (std::uint64_t seed = 0; seed < 20; ++seed, ++losses) {
      expect_content(*disk.crash(seed), false);
    }
  });
  {
    const auto store = ready(kPath, options(disk));
    write(*store, "dave", 5);
    disk.io().watch({});
    for (std::uint64_t seed = 0; seed < 20; ++seed) expect_content(*disk.crash(seed), true);
  }
  EXPECT_GT(losses, 100);
}

TEST_F(Migration, IsNotNeededWhereTheFileIsReplaced) {
  SimulatedDisk disk;
  disk.put(kPath, old_);
  {
    const auto store = ready(kPath, options(disk));
    Listed entries(kSmall);
    ASSERT_EQ(store->replace(entries, milliseconds(0)), Result::kDone);
    write(*store, "dave", 5);
  }
  expect_content(disk, true);
}

TEST(BadDataFile, FirstFormatIsReadAndBecomesTheCurrentOne) {
  SimulatedDisk disk;
  disk.put(kPath, content_made_by(small_file()->content(kPath).value(), "PRAGMA user_version=1"));
  EXPECT_EQ(find(kPath, on(disk)).ports, kSmall);
  { write(*ready(kPath, on(disk)), "dave", 5); }
  const std::string version = disk.content(kPath)->substr(60, 4);  // where SQLite has it
  EXPECT_EQ(version, std::string("\0\0\0\2", 4));
  EXPECT_EQ(find(kPath, on(disk)).ports.size(), kSmall.size() + 1);
}

TEST(BadDataFile, DamagedFileOfAnOlderFormatIsNotTouched) {
  std::string content = small_file()->content(kPath).value();
  content = content_made_by(content, "UPDATE journal SET records = x'00'");
  const auto current = store::sqlite::current_schema().migrations;
  std::vector<const char*> migrations(current.begin(), current.end());
  migrations.push_back("CREATE TABLE added(x);");
  const store::sqlite::Schema next{migrations};
  expect_corrupt(found_in(content, &next), "");
}

// ---- The WAL that a process leaves behind ----

FileContent found_with_wal(const std::string& content, const std::string& wal) {
  SimulatedDisk disk;
  disk.put(kPath, content);
  disk.put(std::string(kPath) + "-wal", wal);
  FileContent found = find(kPath, on(disk));
  EXPECT_EQ(disk.content(kPath), content);
  EXPECT_EQ(wal_of(disk), wal);
  return found;
}

TEST_P(BadDataFileInParts, ChangedByteOfTheWalIsNoticedUnlessItIsInTheLastCommit) {
  const auto disk = killed_after_commits(4);
  const std::string content = disk->content(kPath).value();
  const std::string wal = wal_of(*disk);
  engine::SampleGenerator random(5 + GetParam());
  std::size_t noticed = 0;
  for (std::size_t at = GetParam(); at < wal.size(); at += kParts) {
    std::string changed = wal;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random.below(255)));
    const FileContent found = found_with_wal(content, changed);
    if (found.error.has_value()) {
      EXPECT_EQ(found.error->kind, Kind::kCorrupt);
      ++noticed;
    } else {
      EXPECT_GE(found.ports.at("alice"), 3u) << "byte " << at;
    }
  }
  EXPECT_GT(noticed, wal.size() / kParts / 2);
}

constexpr std::size_t kWalHeaderBytes = 32;
constexpr std::size_t kFrameBytes = 24 + store::sqlite::kPageBytes;

std::size_t frames_in(const std::string& wal) {
  return (wal.size() - kWalHeaderBytes) / kFrameBytes;
}

TEST(BadDataFile, LostBlockOfTheWalIsNoticedUnlessItIsInTheLastCommits) {
  constexpr std::size_t kBlockBytes = 4096;
  const auto disk = killed_after_commits(12);
  const std::string content = disk->content(kPath).value();
  const std::string wal = wal_of(*disk);
  const std::size_t frames = frames_in(wal);
  ASSERT_GT(frames, 8u);
  std::size_t losses = 0;
  // Each is a commit, and a block may be of two. What follows two more is damage.
  for (std::size_t frame = 1; frame + 2 < frames; ++frame) {
    const std::size_t begins = kWalHeaderBytes + frame * kFrameBytes;
    for (const std::size_t lost : {begins - 1, begins, begins + kFrameBytes / 2}) {
      std::string changed = wal;
      changed.replace(lost / kBlockBytes * kBlockBytes, kBlockBytes, kBlockBytes, '\0');
      if (changed == wal) continue;
      SCOPED_TRACE("frame " + std::to_string(frame) + ", byte " + std::to_string(lost - begins));
      ++losses;
      expect_corrupt(found_with_wal(content, changed), "cannot be read");
    }
  }
  EXPECT_GT(losses, frames);
}

// It is the sector with the first bytes of the first frame, which hold what was there before.
TEST(BadDataFile, SectorThatALastCommitDidNotReachIsNoDamage) {
  constexpr std::size_t kFrame = 41;  // its header begins eight bytes before a sector ends
  constexpr std::size_t kBegins = kWalHeaderBytes + kFrame * kFrameBytes;
  static_assert(kBegins % 512 == 504);
  SimulatedDisk disk;
  const auto store = ready(kPath, on(disk));
  std::uint16_t commits = 0;
  do {
    write(*store, "alice", ++commits);
    ASSERT_LT(commits, 100);
  } while (frames_in(wal_of(disk)) < kFrame);
  std::string batch;
  for (std::uint16_t i = 1; i <= 2000; ++i) batch += packed("peer-" + std::to_string(i), i);
  ASSERT_EQ(store->append(batch), Result::kDone);
  ASSERT_EQ(store->sync(), Result::kDone);

  std::string wal = wal_of(disk);
  ASSERT_GT(frames_in(wal), kFrame + 2);
  const std::string before = wal.substr(kBegins - kFrameBytes, 8);
  ASSERT_NE(before.substr(4), std::string(4, '\0')) << "the end of a transaction";
  ASSERT_EQ(wal.substr(kBegins + 4, 4), std::string(4, '\0')) << "not the end of one";
  wal.replace(kBegins, before.size(), before);
  const FileContent found = found_with_wal(disk.content(kPath).value(), wal);
  EXPECT_FALSE(found.error.has_value()) << found.error->message;
  EXPECT_EQ(found.ports, (Ports{{"alice", commits}}));
}

TEST(BadDataFile, WalWithoutItsFileIsRefused) {
  const std::string wal_path = std::string(kPath) + "-wal";
  SimulatedDisk disk;
  disk.put(wal_path, wal_of(*killed_after_commits(4)));
  const std::string wal = wal_of(disk);
  for (const auto when_missing :
       {SqliteStore::WhenMissing::kCreate, SqliteStore::WhenMissing::kRefuse}) {
    SqliteStore::Options options = on(disk);
    options.when_missing = when_missing;
    expect_corrupt(find(kPath, options), "is missing, but " + wal_path);
  }
  Listed entries({{"alice", 1}});
  EXPECT_EQ(SqliteStore::make(kPath, on(disk), entries, milliseconds(0))->kind, Kind::kCorrupt);
  EXPECT_EQ(disk.paths(), std::vector<std::string>{wal_path});
  EXPECT_EQ(wal_of(disk), wal);
  disk.put(wal_path, "");
  EXPECT_FALSE(find(kPath, on(disk)).error.has_value()) << "nothing is lost";
}

TEST(BadDataFile, WalThatIsCutShortEndsWithAWholeCommit) {
  const auto disk = killed_after_commits(4);
  const std::string content = disk->content(kPath).value();
  const std::string wal = wal_of(*disk);
  unsigned last = 0;
  for (std::size_t bytes = 0; bytes <= wal.size(); bytes += 256) {
    const FileContent found = found_with_wal(content, wal.substr(0, bytes));
    ASSERT_FALSE(found.error.has_value()) << found.error->message;
    const unsigned port = found.ports.empty() ? 0 : found.ports.at("alice");
    EXPECT_GE(port, last);
    last = port;
  }
}

}  // namespace
}  // namespace rollcall::tests
