// What is particular to the store in an SQLite file: its files, and what it makes of bad ones.

#include "store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/random.h"
#include "store/record.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::tests {
namespace {

using std::chrono::milliseconds;
using store::OpenError;
using store::Result;
using store::SqliteStore;
using Kind = OpenError::Kind;
using Ports = std::map<std::string, unsigned>;

constexpr const char* kPath = "/peers.db";

std::string packed(const std::string& nick, std::uint16_t port) {
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = port;
  record.active = true;
  record.cookie = engine::Cookie{{7, 8, 9}};
  record.deadline = store::LeaseTime(milliseconds(1'700'000'000'123));
  record.registered_at = engine::WallTime(std::chrono::seconds(1'700'000'000));
  std::string text;
  store::pack(record, text);
  return text;
}

// The entries of a list in memory.
class Listed final : public store::EntrySource {
 public:
  explicit Listed(Ports ports) : ports_(std::move(ports)) {}

  bool read(Position& position, std::size_t entries_max, std::string& text) override {
    auto at = ports_.begin();
    std::advance(at, position.entry);
    for (; entries_max > 0 && at != ports_.end(); --entries_max, ++position.entry, ++at) {
      text += packed(at->first, static_cast<std::uint16_t>(at->second));
    }
    return at != ports_.end();
  }

 private:
  Ports ports_;
};

SqliteStore::Options on(SimulatedDisk& disk) {
  SqliteStore::Options options;
  options.files = &disk;
  options.vfs = disk.vfs_name();
  return options;
}

using Opened = std::variant<std::unique_ptr<SqliteStore>, OpenError>;

// What a file holds, or why it cannot be used.
struct Found {
  std::optional<OpenError> error;
  Ports ports;
  milliseconds offset{0};
};

Found find(const std::string& path, const SqliteStore::Options& options) {
  Opened opened = SqliteStore::open(path, options);
  if (const auto* error = std::get_if<OpenError>(&opened)) return {.error = *error};
  SqliteStore& store = *std::get<std::unique_ptr<SqliteStore>>(opened);
  Found found;
  const store::Loaded loaded = store.load([&](milliseconds, std::string_view text) {
    while (const auto record = store::unpack(text)) {
      found.ports[std::string(record->nick)] = record->port;
    }
    return text.empty();
  });
  found.offset = loaded.wall_offset;
  if (loaded.result != Result::kDone) found.error = store.error();
  return found;
}

std::unique_ptr<SqliteStore> ready(const std::string& path, const SqliteStore::Options& options) {
  Opened opened = SqliteStore::open(path, options);
  EXPECT_EQ(std::get_if<OpenError>(&opened), nullptr);
  auto store = std::get<std::unique_ptr<SqliteStore>>(std::move(opened));
  EXPECT_EQ(store->load([](milliseconds, std::string_view) { return true; }).result, Result::kDone);
  return store;
}

void write(SqliteStore& store, const std::string& nick, std::uint16_t port) {
  ASSERT_EQ(store.append(packed(nick, port)), Result::kDone);
  ASSERT_EQ(store.sync(), Result::kDone);
}

// Does maintenance until none is due.
void settle(SqliteStore& store, store::EntrySource& entries) {
  bool more = true;
  for (int steps = 0; steps < 1000 && more; ++steps) {
    ASSERT_EQ(store.maintain(entries, more), Result::kDone);
    ASSERT_EQ(store.sync(), Result::kDone);
    store.check_invariants();
  }
  EXPECT_FALSE(more);
}

// A disk with a file that was closed in order: two entries in the list, two rows in the journal.
std::unique_ptr<SimulatedDisk> small_file() {
  auto disk = std::make_unique<SimulatedDisk>();
  SqliteStore::Options options = on(*disk);
  options.rewrite_bytes_min = 1;
  {
    const auto store = ready(kPath, options);
    write(*store, "alice", 1);
    write(*store, "bob", 2);
    Listed entries({{"alice", 1}, {"bob", 2}});
    settle(*store, entries);
    EXPECT_EQ(store->sizes().peers, 2u);
    EXPECT_EQ(store->sizes().journal_rows, 0u);
    write(*store, "bob", 3);
    write(*store, "carol", 4);
    EXPECT_EQ(store->sizes().journal_rows, 2u);
  }
  EXPECT_EQ(disk->paths(), (std::vector<std::string>{kPath})) << "all of it is in the file";
  return disk;
}

const Ports kSmall{{"alice", 1}, {"bob", 3}, {"carol", 4}};

// A file with this content and nothing else, on a disk of its own, is looked at, and stays as it
// is.
Found found_in(const std::string& content, const store::sqlite::Schema* schema = nullptr) {
  SimulatedDisk disk;
  disk.put(kPath, content);
  SqliteStore::Options options = on(disk);
  options.schema = schema;
  options.when_missing = SqliteStore::WhenMissing::kRefuse;
  Found found = find(kPath, options);
  EXPECT_EQ(disk.content(kPath), content);
  return found;
}

void expect_corrupt(const Found& found, const std::string& what) {
  ASSERT_TRUE(found.error.has_value());
  EXPECT_EQ(found.error->kind, Kind::kCorrupt);
  EXPECT_NE(found.error->message.find(kPath), std::string::npos) << found.error->message;
  EXPECT_NE(found.error->message.find(what), std::string::npos) << found.error->message;
  EXPECT_EQ(found.error->message.find('\n'), std::string::npos) << found.error->message;
}

void expect_error_or_right(const Found& found, const std::string& context) {
  if (found.error.has_value()) {
    EXPECT_EQ(found.error->kind, Kind::kCorrupt) << context << found.error->message;
  } else {
    EXPECT_EQ(found.ports, kSmall) << context;
    EXPECT_EQ(found.offset, milliseconds(0)) << context;
  }
}

TEST(SqliteStore, FindsTheListAndTheJournalOnTop) {
  const auto disk = small_file();
  const Found found = find(kPath, on(*disk));
  EXPECT_FALSE(found.error.has_value());
  EXPECT_EQ(found.ports, kSmall);
}

TEST(SqliteStore, EveryChangedByteIsNoticedOrDoesNotMatter) {
  const std::string content = small_file()->content(kPath).value();
  engine::SampleGenerator random(4);
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random.below(255)));
    const Found found = found_in(changed);
    expect_error_or_right(found, "byte " + std::to_string(at) + ": ");
    noticed += found.error.has_value();
  }
  EXPECT_GT(noticed, 500u);
}

TEST(SqliteStoreSlow, EveryChangedBitIsNoticedOrDoesNotMatter) {
  const std::string content = small_file()->content(kPath).value();
  for (std::size_t bit = 0; bit < content.size() * 8; ++bit) {
    std::string changed = content;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    expect_error_or_right(found_in(changed), "bit " + std::to_string(bit) + ": ");
  }
}

TEST(SqliteStore, EveryPrefixIsNoticed) {
  const std::string content = small_file()->content(kPath).value();
  for (std::size_t bytes = 0; bytes < content.size(); ++bytes) {
    expect_corrupt(found_in(content.substr(0, bytes)), "");
  }
}

TEST(SqliteStore, WhatIsNoDataFileIsRefused) {
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

TEST(SqliteStore, DatabaseOfAnotherProgramIsRefused) {
  const std::string other = content_made_by("", "PRAGMA journal_mode=WAL; CREATE TABLE t(x)");
  expect_corrupt(found_in(other), "not one of Rollcall's");
}

TEST(SqliteStore, NewerFormatIsRefusedByName) {
  const std::string content = small_file()->content(kPath).value();
  const auto version = store::sqlite::current_schema().version();
  const std::string next = std::to_string(version + 1);
  const std::string newer = content_made_by(content, "PRAGMA user_version=" + next);
  expect_corrupt(found_in(newer), "format " + next);
  const std::string same =
      content_made_by(content, "PRAGMA user_version=" + std::to_string(version));
  EXPECT_FALSE(found_in(same).error.has_value());
}

TEST(SqliteStore, FileWithOtherTablesOrRowsIsRefused) {
  const std::string content = small_file()->content(kPath).value();
  const std::string changes[] = {
      "CREATE TABLE more(x)",
      "CREATE INDEX nicks ON entries(nick)",
      "CREATE TRIGGER t AFTER INSERT ON journal BEGIN DELETE FROM entries; END",
      "DROP VIEW peers",
      "DELETE FROM state",
      "UPDATE state SET wall_offset_ms = 1",
      "DELETE FROM entries WHERE nick = 'alice'",
      "UPDATE entries SET port = 70000 WHERE nick = 'alice'",
      "UPDATE entries SET port = 5 WHERE nick = 'alice'",
      "UPDATE entries SET host = 'example.org' WHERE nick = 'alice'",
      "UPDATE entries SET cookie = x'00' WHERE nick = 'alice'",
      "DELETE FROM journal WHERE sequence = (SELECT min(sequence) FROM journal)",
      "DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)",
      "DELETE FROM journal",
      "UPDATE journal SET records = x'00'",
      "INSERT INTO entries SELECT -1000000, nick, host, port, is_active, cookie, deadline_ms, "
      "registered_at, activity_bits, activity_day FROM entries WHERE nick = 'alice'",
  };
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    expect_corrupt(found_in(content_made_by(content, change)), "");
  }
}

TEST(SqliteStore, OlderFormatIsMigratedWhenItIsUsed) {
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
  EXPECT_EQ(find(kPath, options).ports, kSmall) << "and again, as a file of the new format";
  { write(*ready(kPath, options), "dave", 5); }
  expect_corrupt(find(kPath, on(disk)), "format " + std::to_string(next.version()));
}

TEST(SqliteStore, DamagedFileOfAnOlderFormatIsNotTouched) {
  std::string content = small_file()->content(kPath).value();
  content = content_made_by(content, "UPDATE journal SET records = x'00'");
  const auto current = store::sqlite::current_schema().migrations;
  std::vector<const char*> migrations(current.begin(), current.end());
  migrations.push_back("CREATE TABLE added(x);");
  const store::sqlite::Schema next{migrations};
  expect_corrupt(found_in(content, &next), "");
}

// ---- The WAL that a process leaves behind ----

// A disk on which a process has died after some commits; each is `nick`, its number.
std::unique_ptr<SimulatedDisk> killed_after_commits(unsigned commits) {
  SimulatedDisk disk;
  const auto store = ready(kPath, on(disk));
  for (unsigned i = 1; i <= commits; ++i) {
    write(*store, "alice", static_cast<std::uint16_t>(i));
  }
  return disk.kill();
}

std::string wal_of(const SimulatedDisk& disk) {
  return disk.content(std::string(kPath) + "-wal").value();
}

Found found_with_wal(const std::string& content, const std::string& wal) {
  SimulatedDisk disk;
  disk.put(kPath, content);
  disk.put(std::string(kPath) + "-wal", wal);
  Found found = find(kPath, on(disk));
  EXPECT_EQ(disk.content(kPath), content);
  EXPECT_EQ(wal_of(disk), wal);
  return found;
}

TEST(SqliteStore, KilledProcessLosesNoCommit) {
  const auto disk = killed_after_commits(5);
  EXPECT_EQ(find(kPath, on(*disk)).ports, (Ports{{"alice", 5}}));
}

TEST(SqliteStore, ChangedByteOfTheWalIsNoticedUnlessItIsInTheLastCommit) {
  const auto disk = killed_after_commits(4);
  const std::string content = disk->content(kPath).value();
  const std::string wal = wal_of(*disk);
  engine::SampleGenerator random(5);
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < wal.size(); ++at) {
    std::string changed = wal;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random.below(255)));
    const Found found = found_with_wal(content, changed);
    if (found.error.has_value()) {
      EXPECT_EQ(found.error->kind, Kind::kCorrupt);
      ++noticed;
    } else {
      EXPECT_GE(found.ports.at("alice"), 3u) << "byte " << at;
    }
  }
  EXPECT_GT(noticed, wal.size() / 2);
}

TEST(SqliteStore, WalThatIsCutShortEndsWithAWholeCommit) {
  const auto disk = killed_after_commits(4);
  const std::string content = disk->content(kPath).value();
  const std::string wal = wal_of(*disk);
  unsigned last = 0;
  for (std::size_t bytes = 0; bytes <= wal.size(); bytes += 256) {
    const Found found = found_with_wal(content, wal.substr(0, bytes));
    ASSERT_FALSE(found.error.has_value()) << found.error->message;
    const unsigned port = found.ports.empty() ? 0 : found.ports.at("alice");
    EXPECT_GE(port, last);
    last = port;
  }
}

// ---- Files ----

TEST(SqliteStore, SecondOneOnTheSameFileIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/peers.db";
  const auto store = ready(path, {});
  write(*store, "alice", 1);
  const Found found = find(path, {});
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
  const Found found = find(kPath, on(disk));
  EXPECT_EQ(found.ports, (Ports{{"alice", 1}}));
  EXPECT_EQ(found.offset, milliseconds(7));
  Listed others({{"bob", 2}});
  EXPECT_EQ(SqliteStore::make(kPath, on(disk), others, milliseconds(0))->kind, Kind::kExists);
  EXPECT_EQ(find(kPath, on(disk)).ports, (Ports{{"alice", 1}}));
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

// How long the journal of a list of 1,000 gets in relation to it, where each commit has so many
// records.
double longest_journal(std::size_t records) {
  SimulatedDisk disk;
  SqliteStore::Options options = on(disk);
  options.rewrite_bytes_min = 1;
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

TEST(SqliteStore, JournalGetsAsLongAsTheListAndUnderLoadALittleLonger) {
  EXPECT_GE(longest_journal(10), 0.9);
  EXPECT_LE(longest_journal(10), 1.2);
  EXPECT_GE(longest_journal(500), 1.9) << "all is copied with the commit that makes it due";
  EXPECT_LE(longest_journal(500), 2.6);
}

// As an operator sees it (docs/durability.md).
TEST(SqliteStore, ViewShowsPeersWithReadableTimes) {
  const std::string content = small_file()->content(kPath).value();
  SimulatedDisk disk;
  disk.put(kPath, content);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open_v2(kPath, &database, SQLITE_OPEN_READWRITE, disk.vfs_name().c_str()),
            SQLITE_OK);
  std::string shown;
  const auto show = [](void* to, int columns, char** values, char**) {
    for (int i = 0; i < columns; ++i) {
      *static_cast<std::string*>(to) += std::string(values[i] == nullptr ? "-" : values[i]) + '|';
    }
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(database,
                         "PRAGMA locking_mode=EXCLUSIVE; SELECT * FROM peers WHERE nick = 'alice'",
                         show, &shown, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  EXPECT_NE(shown.find("alice|10.0.0.7|1|active|2023-11-14 22:13:20|2023-11-14 22:13:20|-|"),
            std::string::npos)
      << shown;
}

}  // namespace
}  // namespace rollcall::tests
