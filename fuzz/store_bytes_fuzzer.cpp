// Property: whatever bytes a data file and its WAL consist of, opening and loading them ends with a
// clear error or a list, twice the same, and changes neither by a byte; a single byte that is wrong
// makes no other list of it; and a list that was loaded can be changed and is found again.
//
// The input chooses a pair of files that a store has written, and what is done to them:
//
//   base  1   which pair; 0 is two empty files
//   edit … edit, each
//     kind    1   see Edit
//     offset  3   where, little-endian; modulo what is there
//     bytes   1   how many bytes follow (of kOverwrite…), or as many as there are (of kRestIs…)
//     content

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fuzz/property.h"
#include "store/record.h"
#include "store/sqlite/data_file.h"
#include "store/sqlite_store.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/store_ledger.h"
#include "tests/support/store_process.h"

namespace {

using namespace rollcall;
using store::OpenError;
using store::Result;
using store::SqliteStore;
using tests::SimulatedDisk;
using tests::StoreContent;

constexpr const char* kPath = "/rollcall.db";
constexpr const char* kWalPath = "/rollcall.db-wal";

struct FilePair {
  std::string database;
  std::string wal;
  // The list that they hold, behind what it was before each transaction in the WAL.
  std::vector<StoreContent> lists;
};

enum class Edit : std::uint8_t {
  kOverwriteDatabase,
  kOverwriteWal,
  kCutDatabase,
  kCutWal,
  kRestIsDatabase,  // the rest of the input stands in the place of what is behind `offset`
  kRestIsWal,
  kSumUpWal,  // its checksums are put right, so that SQLite looks at what was changed
};
constexpr std::size_t kEdits = 7;

// ---- Files that a store has written ----

std::string record(int number, std::uint16_t port) {
  const std::string nick = "peer-" + std::to_string(number);
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = port;
  record.active = number % 3 != 0;
  if (number % 2 == 0) record.cookie = engine::Cookie{{1, 2, 3}};
  record.deadline = store::LeaseTime(std::chrono::milliseconds(1'700'000'000'000));
  std::string packed;
  store::pack(record, packed);
  return packed;
}

// SQLite draws the salts of a WAL; a base is to be the same every time.
void seed_sqlite() {
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr);
  sqlite3_randomness(0, nullptr);
}

std::unique_ptr<SqliteStore> open(SimulatedDisk& disk, std::optional<OpenError>& error) {
  SqliteStore::Options options;
  options.when_missing = SqliteStore::WhenMissing::kCreate;
  options.rewrite_bytes_min = 500;
  options.step_entries_min = 4;
  options.files = &disk;
  options.vfs = disk.vfs_name();
  auto opened = SqliteStore::open(kPath, options);
  if (auto* failed = std::get_if<OpenError>(&opened)) {
    error = std::move(*failed);
    return nullptr;
  }
  return std::get<0>(std::move(opened));
}

// After so many commits, each with maintenance, on top of a list that was written whole.
FilePair written(int commits) {
  seed_sqlite();
  SimulatedDisk disk;
  StoreContent list;
  list.wall_offset = std::chrono::milliseconds(1234);
  for (int i = 0; i < 12; ++i) list.add(record(i, 80));
  std::vector<StoreContent> lists = {list};
  std::optional<OpenError> error;
  const auto store = open(disk, error);
  store->load([](auto, auto) { return true; });
  tests::PackedList entries(list);
  store->replace(entries, list.wall_offset);
  for (int i = 0; i < commits; ++i) {
    const std::string batch = record(i, 81) + record(2 * i, 82);
    StoreContent changed;
    changed.add(batch);
    for (const auto& [nick, packed] : changed.records) entries.put(nick, packed);
    bool more = false;
    store->maintain(entries, more);
    store->append(batch);
    if (store->sync() != Result::kDone) fuzz::broken("a base cannot be written");
    list.add(batch);
    lists.push_back(list);
  }
  return {disk.content(kPath).value(), disk.content(kWalPath).value_or(""), std::move(lists)};
}

const std::array<FilePair, 6>& bases() {
  static const std::array<FilePair, 6> all = {FilePair{}, written(0),  written(1),
                                              written(8), written(11), written(20)};
  return all;
}

// ---- What is done to them ----

// The checksums of a WAL (sqlite.org/fileformat2.html#the_wal_file_format), of pages of the
// database.
class WalSums {
 public:
  explicit WalSums(std::string& wal) : wal_(wal) {}

  void put_right() {
    if (wal_.size() < kHeaderBytes) return;
    is_big_endian_ = (wal_[3] & 1) != 0;
    add(0, kHeaderBytes - 8);
    store(kHeaderBytes - 8);
    for (std::size_t at = kHeaderBytes; at + kFrameBytes <= wal_.size(); at += kFrameBytes) {
      std::copy_n(wal_.begin() + 16, 8, wal_.begin() + static_cast<std::ptrdiff_t>(at + 8));
      add(at, 8);
      add(at + kFrameHeaderBytes, kFrameBytes - kFrameHeaderBytes);
      store(at + 16);
    }
  }

 private:
  static constexpr std::size_t kHeaderBytes = 32;
  static constexpr std::size_t kFrameHeaderBytes = 24;
  static constexpr std::size_t kFrameBytes = kFrameHeaderBytes + store::sqlite::kPageBytes;

  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(wal_[at + (is_big_endian_ ? i : 3 - i)]);
    }
    return value;
  }
  void add(std::size_t at, std::size_t bytes) {
    for (const std::size_t end = at + bytes; at < end; at += 8) {
      first_ += word(at) + second_;
      second_ += word(at + 4) + first_;
    }
  }
  void store(std::size_t at) {
    for (const std::uint32_t sum : {first_, second_}) {
      for (int shift = 24; shift >= 0; shift -= 8) wal_[at++] = static_cast<char>(sum >> shift);
    }
  }

  std::string& wal_;
  bool is_big_endian_ = false;
  std::uint32_t first_ = 0;
  std::uint32_t second_ = 0;
};

std::size_t take(std::string_view& input, std::size_t bytes) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < bytes && !input.empty(); ++i) {
    value |= std::size_t{static_cast<std::uint8_t>(input.front())} << (8 * i);
    input.remove_prefix(1);
  }
  return value;
}

void edit(FilePair& files, std::string_view& input) {
  const auto kind = static_cast<Edit>(take(input, 1) % kEdits);
  const bool is_wal =
      kind == Edit::kOverwriteWal || kind == Edit::kCutWal || kind == Edit::kRestIsWal;
  std::string& file = is_wal ? files.wal : files.database;
  const std::size_t offset = take(input, 3) % (file.size() + 1);
  const std::string_view content = input.substr(0, take(input, 1));
  switch (kind) {
    case Edit::kOverwriteDatabase:
    case Edit::kOverwriteWal:
      file.replace(offset, content.size(), content);
      input.remove_prefix(std::min(content.size(), input.size()));
      return;
    case Edit::kCutDatabase:
    case Edit::kCutWal:
      file.resize(offset);
      return;
    case Edit::kRestIsDatabase:
    case Edit::kRestIsWal:
      file.replace(offset, std::string::npos, input);
      input = {};
      return;
    case Edit::kSumUpWal:
      WalSums(files.wal).put_right();
      return;
  }
}

FilePair files_of(std::string_view input) {
  FilePair files = bases()[take(input, 1) % bases().size()];
  while (!input.empty()) edit(files, input);
  return files;
}

// What may be found if all that was done to the files is one wrong byte, or a WAL that was cut off:
// where the last transaction is not whole, it looks as a power loss leaves it. Empty if more was
// done.
std::vector<StoreContent> lists_of(std::string_view input) {
  const std::vector<StoreContent>& lists = bases()[take(input, 1) % bases().size()].lists;
  if (lists.empty()) return {};
  const auto last = lists.end() - 1;
  if (input.empty()) return {*last};
  const auto kind = static_cast<Edit>(take(input, 1) % kEdits);
  take(input, 3);
  const std::size_t bytes = std::min(take(input, 1), input.size());
  if (kind == Edit::kCutWal && input.empty()) return lists;
  if (bytes != 1 || input.size() != 1) return {};
  if (kind == Edit::kOverwriteDatabase) return {*last};
  if (kind == Edit::kOverwriteWal) return {std::max(lists.begin(), last - 1), lists.end()};
  return {};
}

// ---- The property ----

struct Outcome {
  std::optional<OpenError> error;
  StoreContent list;
};

void check_error(const OpenError& error) {
  if (error.kind != OpenError::Kind::kCorrupt) fuzz::broken("not damaged, but " + error.message);
  if (!error.message.starts_with(kPath)) fuzz::broken("no file is named: " + error.message);
  if (error.message.find('\n') != std::string::npos) fuzz::broken("more than one line");
}

Outcome load(SimulatedDisk& disk) {
  Outcome outcome;
  const auto store = open(disk, outcome.error);
  if (store != nullptr) {
    bool is_whole = true;
    const store::Loaded loaded = store->load([&](auto, std::string_view packed) {
      is_whole &= outcome.list.add(packed);
      return true;
    });
    outcome.list.wall_offset = loaded.wall_offset;
    if (loaded.result != Result::kDone) outcome.error = store->error();
    if (loaded.result == Result::kDone && !is_whole) fuzz::broken("a record is not whole");
    store->check_invariants();
  }
  if (outcome.error.has_value()) check_error(*outcome.error);
  return outcome;
}

// A list that could be loaded can be changed, if need be in a file of its own, and is found again.
void go_on(SimulatedDisk& disk, StoreContent list) {
  {
    std::optional<OpenError> error;
    const auto store = open(disk, error);
    store->load([](auto, auto) { return true; });
    const std::string batch = record(3, 90) + record(40, 91);
    list.add(batch);
    tests::PackedList entries(list);
    bool more = false;
    Result result = store->maintain(entries, more);
    if (result == Result::kDone) result = store->append(batch);
    if (result == Result::kDone) result = store->sync();
    if (result != Result::kDone) result = store->replace(entries, list.wall_offset);
    if (result != Result::kDone) fuzz::broken("it cannot go on: " + store->error().message);
    store->check_invariants();
  }
  const Outcome after = load(disk);
  if (after.error.has_value()) fuzz::broken("it went on, and now " + after.error->message);
  if (after.list != list) fuzz::broken("it went on, and is another list");
}

// `lists` are those that may be found; any, if it is empty.
void check(const FilePair& files, const std::vector<StoreContent>& lists) {
  SimulatedDisk disk;
  disk.put(kPath, files.database);
  if (!files.wal.empty()) disk.put(kWalPath, files.wal);
  const Outcome first = load(disk);
  if (disk.content(kPath) != files.database) fuzz::broken("the database was changed");
  if (disk.content(kWalPath).value_or("") != files.wal) fuzz::broken("the WAL was changed");
  const Outcome second = load(disk);
  if (first.error.has_value() != second.error.has_value()) fuzz::broken("two verdicts");
  if (first.error.has_value()) return;
  if (first.list != second.list) fuzz::broken("two lists");
  if (!lists.empty() && std::ranges::find(lists, first.list) == lists.end()) {
    fuzz::broken("another list: " + tests::difference(first.list, lists.back()));
  }
  go_on(disk, first.list);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  check(files_of(input), lists_of(input));
  return 0;
}
