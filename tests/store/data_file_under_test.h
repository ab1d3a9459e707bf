#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "store/record.h"
#include "store/sqlite_store.h"
#include "tests/store/sample_record.h"
#include "tests/support/simulated_disk.h"

// Data files of a few entries, each a nick and a port, and what a store finds in them.

namespace rollcall::tests {

using std::chrono::milliseconds;
using store::OpenError;
using store::Result;
using store::SqliteStore;
using Kind = OpenError::Kind;
using Ports = std::map<std::string, unsigned>;

inline constexpr const char* kPath = "/peers.db";

inline std::string packed(const std::string& nick, std::uint16_t port) {
  std::string text;
  store::pack(sample_record(nick, port), text);
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

inline SqliteStore::Options on(SimulatedDisk& disk) {
  SqliteStore::Options options;
  options.files = &disk;
  options.vfs = disk.vfs_name();
  return options;
}

using Opened = std::variant<std::unique_ptr<SqliteStore>, OpenError>;

// What a file holds, or why it cannot be used.
struct FileContent {
  std::optional<OpenError> error;
  Ports ports;
  milliseconds offset{0};
};

inline FileContent find(const std::string& path, const SqliteStore::Options& options) {
  Opened opened = SqliteStore::open(path, options);
  if (const auto* error = std::get_if<OpenError>(&opened)) return {.error = *error};
  SqliteStore& store = *std::get<std::unique_ptr<SqliteStore>>(opened);
  FileContent found;
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

inline std::unique_ptr<SqliteStore> ready(const std::string& path,
                                          const SqliteStore::Options& options) {
  Opened opened = SqliteStore::open(path, options);
  EXPECT_EQ(std::get_if<OpenError>(&opened), nullptr);
  auto store = std::get<std::unique_ptr<SqliteStore>>(std::move(opened));
  EXPECT_EQ(store->load([](milliseconds, std::string_view) { return true; }).result, Result::kDone);
  return store;
}

inline void write(SqliteStore& store, const std::string& nick, std::uint16_t port) {
  ASSERT_EQ(store.append(packed(nick, port)), Result::kDone);
  ASSERT_EQ(store.sync(), Result::kDone);
}

// Does maintenance until none is due.
inline void settle(SqliteStore& store, store::EntrySource& entries) {
  bool more = true;
  for (int steps = 0; steps < 1000 && more; ++steps) {
    ASSERT_EQ(store.maintain(entries, more), Result::kDone);
    ASSERT_EQ(store.sync(), Result::kDone);
    store.check_invariants();
  }
  EXPECT_FALSE(more);
}

// A disk with a file that was closed in order: two entries in the list, two rows in the journal.
inline std::unique_ptr<SimulatedDisk> small_file() {
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

inline const Ports kSmall{{"alice", 1}, {"bob", 3}, {"carol", 4}};

inline void expect_corrupt(const FileContent& found, const std::string& what) {
  ASSERT_TRUE(found.error.has_value());
  EXPECT_EQ(found.error->kind, Kind::kCorrupt);
  EXPECT_NE(found.error->message.find(kPath), std::string::npos) << found.error->message;
  EXPECT_NE(found.error->message.find(what), std::string::npos) << found.error->message;
  EXPECT_EQ(found.error->message.find('\n'), std::string::npos) << found.error->message;
}

// A disk on which a process has died after some commits; each is `nick`, its number.
inline std::unique_ptr<SimulatedDisk> killed_after_commits(unsigned commits) {
  SimulatedDisk disk;
  const auto store = ready(kPath, on(disk));
  for (unsigned i = 1; i <= commits; ++i) {
    write(*store, "alice", static_cast<std::uint16_t>(i));
  }
  return disk.kill();
}

inline std::string wal_of(const SimulatedDisk& disk) {
  return disk.content(std::string(kPath) + "-wal").value();
}

}  // namespace rollcall::tests
