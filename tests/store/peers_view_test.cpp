// What an operator sees of a data file with `sqlite3` (docs/durability.md).

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/store/data_file_under_test.h"

namespace rollcall::tests {
namespace {

using store::Record;

constexpr std::array<std::uint16_t, 6> kPorts = {1, 127, 128, 255, 256, 65535};
constexpr milliseconds kOffset{-3'600'000};

class Records final : public store::EntrySource {
 public:
  explicit Records(const std::vector<Record>& records) : records_(records) {}

  bool read(Position& position, std::size_t entries_max, std::string& text) override {
    for (; entries_max > 0 && position.entry < records_.size(); --entries_max) {
      store::pack(records_[position.entry++], text);
    }
    return position.entry < records_.size();
  }

 private:
  const std::vector<Record>& records_;
};

using Rows = std::multiset<std::string>;

// What a query gives from a file with these entries, a row as `a|b|c`, with - for NULL.
Rows shown(const std::vector<Record>& records, const std::string& query) {
  SimulatedDisk disk;
  Records entries(records);
  EXPECT_FALSE(SqliteStore::make(kPath, on(disk), entries, kOffset).has_value());
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(kPath, &database, SQLITE_OPEN_READWRITE, disk.vfs_name().c_str()),
            SQLITE_OK);
  Rows rows;
  const auto add = [](void* to, int columns, char** values, char**) {
    std::string row;
    for (int i = 0; i < columns; ++i) {
      row.append(i == 0 ? "" : "|").append(values[i] == nullptr ? "-" : values[i]);
    }
    static_cast<Rows*>(to)->insert(row);
    return 0;
  };
  const std::string sql = "PRAGMA locking_mode=EXCLUSIVE;" + query;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), add, &rows, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
  rows.erase("exclusive");
  return rows;
}

std::string utc(std::time_t seconds) {
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &fields);
  return text.data();
}

TEST(PeersView, ShowsPeersWithReadableTimes) {
  EXPECT_EQ(shown({sample_record("alice", 1)}, "SELECT * FROM peers"),
            (Rows{"alice|10.0.0.7|1|active|2023-11-14 22:13:20|2023-11-14 21:13:20|-"}));
  EXPECT_TRUE(shown({}, "SELECT * FROM peers").empty());
}

TEST(PeersView, ShowsWhateverAFieldHolds) {
  const std::string longest(255, 'n');
  std::vector<Record> records;
  Rows expected;
  const auto add = [&](Record record, const std::string& host) {
    records.push_back(record);
    const std::string date = utc((record.deadline.time_since_epoch() + kOffset).count() / 1000);
    expected.insert(std::string(record.nick) + "|" + host + "|" + std::to_string(record.port) +
                    (record.active ? "|active|" : "|inactive|") +
                    utc(record.registered_at.time_since_epoch().count()) +
                    (record.active ? "|" + date + "|-" : "|-|" + date));
  };
  for (const bool has_cookie : {false, true}) {
    for (const bool is_active : {false, true}) {
      for (const std::string_view nick :
           {std::string_view("n"), std::string_view("Zo\xC3\xAB"), std::string_view(longest)}) {
        for (const std::uint16_t port : kPorts) {
          Record record = sample_record(nick, port);
          record.active = is_active;
          if (!has_cookie) record.cookie.reset();
          record.host = engine::HostAddress::v4(0, 127, 128, 255);
          add(record, "0.127.128.255");
          record.host.bytes = {0x20, 1, 0x0d, 0xb8, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
          record.deadline = store::kLeaseTimeMax;
          record.registered_at = engine::WallTime(std::chrono::seconds(0xFFFFFFFF));
          add(record, "2001:0db8:ff80:0000:0000:0000:0000:0001");
          record.deadline = store::LeaseTime(milliseconds(0x010203040506));
          record.registered_at = engine::WallTime(std::chrono::seconds(0x01020304));
          add(record, "2001:0db8:ff80:0000:0000:0000:0000:0001");
        }
      }
    }
  }
  EXPECT_EQ(shown(records, "SELECT * FROM peers"), expected);
}

TEST(PeersView, ShowsEachOfManyOnce) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 5000; ++i) nicks.push_back("peer-" + std::to_string(i));
  std::vector<Record> records;
  for (const std::string& nick : nicks) records.push_back(sample_record(nick, 80));
  EXPECT_EQ(shown(records, "SELECT nick FROM peers"), Rows(nicks.begin(), nicks.end()));
  EXPECT_EQ(shown(records, "SELECT nick FROM peers LIMIT 10").size(), 10u);
  EXPECT_EQ(shown(records, "SELECT port FROM peers WHERE nick = 'peer-4999'"), (Rows{"80"}));
}

}  // namespace
}  // namespace rollcall::tests
