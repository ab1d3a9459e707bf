// SQLite on the simulated disk: that it is a file system to it, and loses what it should.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/simulated_disk.h"

namespace rollcall::tests {
namespace {

class Connection {
 public:
  explicit Connection(SimulatedDisk& disk, int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {
    result_ = sqlite3_open_v2("/test.db", &db_, flags, disk.vfs_name().c_str());
  }
  ~Connection() { sqlite3_close(db_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int result() const { return result_; }
  int system_error() { return sqlite3_system_errno(db_); }
  int run(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }
  // The first column of all rows.
  std::string rows(const char* sql) {
    std::string text;
    const auto add = [](void* to, int, char** columns, char**) {
      *static_cast<std::string*>(to) += std::string(columns[0] == nullptr ? "-" : columns[0]) + ' ';
      return 0;
    };
    const int result = sqlite3_exec(db_, sql, add, &text, nullptr);
    return result == SQLITE_OK ? text : sqlite3_errmsg(db_);
  }
  // Exclusive, in WAL mode, each commit synced. Whether it works.
  bool use_wal() {
    return run("PRAGMA locking_mode=EXCLUSIVE") == SQLITE_OK &&
           rows("PRAGMA journal_mode=WAL") == "wal " && run("PRAGMA synchronous=FULL") == SQLITE_OK;
  }

 private:
  sqlite3* db_ = nullptr;
  int result_ = SQLITE_OK;
};

TEST(SimulatedVfs, KeepsADatabaseOnItsDisk) {
  SimulatedDisk disk;
  for (const char* mode : {"DELETE", "WAL"}) {
    Connection connection(disk);
    ASSERT_EQ(connection.result(), SQLITE_OK);
    ASSERT_EQ(connection.run("PRAGMA locking_mode=EXCLUSIVE"), SQLITE_OK);
    connection.rows((std::string("PRAGMA journal_mode=") + mode).c_str());
    ASSERT_EQ(
        connection.run("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(randomblob(9999))"),
        SQLITE_OK);
    disk.check_invariants();
  }
  {
    Connection connection(disk);
    ASSERT_TRUE(connection.use_wal());
    EXPECT_EQ(connection.rows("SELECT length(x) FROM t"), "9999 9999 ");
    EXPECT_EQ(connection.rows("PRAGMA integrity_check"), "ok ");
  }
  EXPECT_EQ(disk.paths(), std::vector<std::string>{"/test.db"});
  EXPECT_GT(disk.io().count(Io::kWrite), 0u);
}

TEST(SimulatedVfs, ASecondConnectionIsToldThatTheDatabaseIsBusy) {
  SimulatedDisk disk;
  Connection first(disk);
  ASSERT_TRUE(first.use_wal());
  ASSERT_EQ(first.run("CREATE TABLE t(x)"), SQLITE_OK);
  {
    Connection second(disk);
    EXPECT_EQ(second.run("SELECT * FROM t"), SQLITE_BUSY);
  }
  // A killed process holds no locks.
  const auto killed = disk.kill();
  Connection third(*killed);
  ASSERT_TRUE(third.use_wal());
  EXPECT_EQ(third.rows("SELECT count(*) FROM t"), "0 ");
}

TEST(SimulatedVfs, ReadersShareAndAWriterWaitsForThem) {
  SimulatedDisk disk;
  Connection one(disk);
  ASSERT_EQ(one.run("CREATE TABLE t(x); INSERT INTO t VALUES(1)"), SQLITE_OK);
  Connection other(disk);
  ASSERT_EQ(one.run("BEGIN; SELECT * FROM t"), SQLITE_OK);
  EXPECT_EQ(other.rows("SELECT x FROM t"), "1 ");
  EXPECT_EQ(other.run("INSERT INTO t VALUES(2)"), SQLITE_BUSY);
  disk.check_invariants();
  ASSERT_EQ(one.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(other.run("INSERT INTO t VALUES(2)"), SQLITE_OK);
}

TEST(SimulatedVfs, SaysWhyAFileCannotBeOpened) {
  SimulatedDisk disk;
  Connection connection(disk, SQLITE_OPEN_READWRITE);
  EXPECT_EQ(connection.result(), SQLITE_CANTOPEN);
  EXPECT_EQ(connection.system_error(), ENOENT);
}

TEST(SimulatedVfs, SaysWhetherTheDatabaseWasMoved) {
  SimulatedDisk disk;
  Connection connection(disk);
  ASSERT_EQ(connection.run("CREATE TABLE t(x)"), SQLITE_OK);
  ASSERT_EQ(disk.rename("/test.db", "/other.db"), 0);
  EXPECT_EQ(connection.run("INSERT INTO t VALUES(1)"), SQLITE_READONLY);
}

TEST(SimulatedVfs, FaultsAreErrorsOfSqlite) {
  SimulatedDisk disk;
  Connection connection(disk);
  ASSERT_TRUE(connection.use_wal());
  ASSERT_EQ(connection.run("CREATE TABLE t(x)"), SQLITE_OK);
  const auto fails_with = [&](Fault fault) {
    disk.io().fail_at(disk.io().next(), fault, Times::kForGood);
    const int result = connection.run("INSERT INTO t VALUES(1)");
    disk.io().heal();
    return result;
  };
  EXPECT_EQ(fails_with(Fault::kDiskFull), SQLITE_FULL);
  EXPECT_EQ(fails_with(Fault::kShortWrite), SQLITE_FULL);
  // The first I/O reads, and SQLite takes a file that cannot be read for a broken one.
  EXPECT_EQ(fails_with(Fault::kIoError), SQLITE_CORRUPT);
  EXPECT_EQ(fails_with(Fault::kFailedSync), SQLITE_IOERR);
  EXPECT_EQ(connection.run("INSERT INTO t VALUES(2)"), SQLITE_OK);
}

TEST(SimulatedVfs, TheDirectoryIsSyncedWithTheFirstSyncOfAJournal) {
  SimulatedDisk disk;
  Connection connection(disk);
  ASSERT_TRUE(connection.use_wal());
  ASSERT_EQ(connection.run("CREATE TABLE t(x)"), SQLITE_OK);
  EXPECT_EQ(disk.unsynced_directory_operations(), 0u);
  const auto left = disk.crash(Survival::kNothing, 0, 0);
  EXPECT_EQ(left->paths(), (std::vector<std::string>{"/test.db", "/test.db-wal"}));
}

// Commits one row after the other, and the number of those that are there after a crash at every
// I/O, compared with those whose commit had returned.
struct Losses {
  int crashes = 0;
  int lost = 0;    // commits that had returned
  int broken = 0;  // databases
};
Losses losses(const SimulatedDisk::Options& options) {
  SimulatedDisk disk(options);
  Losses losses;
  int committed = 0;
  disk.io().watch([&](std::uint64_t number, Io) {
    ++losses.crashes;
    const auto left = disk.crash(number);
    if (!left->content("/test.db").has_value()) return;
    Connection after(*left);
    const bool is_sound = after.use_wal() && after.rows("PRAGMA integrity_check") == "ok ";
    if (!is_sound) ++losses.broken;
    const std::string rows = after.rows("SELECT x FROM t");
    if (std::count(rows.begin(), rows.end(), ' ') < committed) ++losses.lost;
  });
  Connection connection(disk);
  EXPECT_TRUE(connection.use_wal());
  EXPECT_EQ(connection.run("CREATE TABLE t(x); PRAGMA wal_autocheckpoint=10"), SQLITE_OK);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(connection.run("INSERT INTO t VALUES(zeroblob(1000))"), SQLITE_OK);
    ++committed;
  }
  disk.io().watch(nullptr);
  return losses;
}

TEST(SimulatedVfs, SqliteLosesNothingThatItSynced) {
  const Losses found = losses({});
  EXPECT_GT(found.crashes, 200);
  EXPECT_EQ(found.lost, 0);
  EXPECT_EQ(found.broken, 0);
}

TEST(SimulatedVfs, SqliteLosesNothingWithoutPowersafeOverwrite) {
  const Losses found = losses({.powersafe_overwrite = false});
  EXPECT_EQ(found.lost, 0);
  EXPECT_EQ(found.broken, 0);
}

TEST(SimulatedVfs, SqliteLosesWhatADiskThatIgnoresSyncsForgets) {
  const Losses found = losses({.ignores_syncs = true});
  EXPECT_GT(found.lost, 0);
  EXPECT_GT(found.broken, 0);
}

}  // namespace
}  // namespace rollcall::tests
