#include "store/sqlite/tables.h"

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "engine/limits.h"
#include "engine/registry/siphash.h"
#include "engine/wire/address_text.h"

namespace rollcall::store::sqlite {
namespace {

// Packed records that are handed over at a time.
constexpr std::size_t kVisitBytes = std::size_t{64} << 10;

// What a checksum is of, beside the bytes: a row that is taken for another one is noticed.
enum class RowKind : std::uint64_t { kJournal = 1, kEntry, kState };

std::uint64_t checksum(RowKind kind, std::int64_t id, std::string_view bytes) {
  const engine::HashKey key{static_cast<std::uint64_t>(kind), static_cast<std::uint64_t>(id)};
  return engine::siphash13(key, bytes);
}

// SQLite has signed integers only.
std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }
std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }

std::uint64_t checksum(const StateRow& state) {
  std::string bytes;
  for (const std::uint64_t number :
       {as_unsigned(state.journal_first), as_unsigned(state.journal_reached),
        as_unsigned(state.entries.ids.first), as_unsigned(state.entries.ids.last),
        state.entries.bytes, state.entries.checksum, as_unsigned(state.wall_offset.count())}) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xFF);
  }
  return checksum(RowKind::kState, 1, bytes);
}

// An integer column that has to be within the bounds of its type in a record.
template <typename Number>
bool read_number(const Statement& row, int column, Number& to) {
  const std::int64_t value = row.integer(column);
  to = static_cast<Number>(value);
  return static_cast<std::int64_t>(to) == value;
}

// The entry in a row, whose nick borrows from it. Empty if it is not one.
std::optional<Record> entry_of(const Statement& row) {
  Record record;
  record.nick = row.blob(1);
  if (record.nick.empty() || record.nick.size() > engine::limits::kNickBytesMax)
    return std::nullopt;
  const auto host = engine::parse_host(row.blob(2));
  std::uint32_t registered_at = 0;
  if (!host.has_value() || !read_number(row, 3, record.port) ||
      !read_number(row, 4, record.active) || !read_number(row, 7, registered_at) ||
      !read_number(row, 8, record.activity_bits) || !read_number(row, 9, record.activity_day)) {
    return std::nullopt;
  }
  record.host = *host;
  if (row.type(5) != SQLITE_NULL) {
    const std::string_view cookie = row.blob(5);
    record.cookie.emplace();
    if (cookie.size() != record.cookie->bytes.size()) return std::nullopt;
    std::memcpy(record.cookie->bytes.data(), cookie.data(), cookie.size());
  }
  record.deadline = LeaseTime(std::chrono::milliseconds(row.integer(6)));
  record.registered_at = engine::WallTime(std::chrono::seconds(registered_at));
  return record;
}

// Rows that one statement inserts: to begin and end a statement takes as long as to insert a row.
constexpr std::size_t kRowsAtATime = 32;

std::string insertion_of(std::size_t rows) {
  std::string sql = "INSERT INTO entries VALUES";
  for (std::size_t i = 0; i < rows; ++i) {
    sql += i == 0 ? "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" : ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  }
  return sql;
}

using HostText = std::array<char, engine::kHostTextBytesMax>;

// Row `row` of those that `to` inserts, with a blank id. `host` has to stay until it has run.
void bind_entry(Statement& to, std::size_t row, const Record& record, HostText& host) {
  const int before = static_cast<int>(row) * 10;
  const std::size_t host_bytes = engine::write_host(record.host, host.data());
  to.bind_null(before + 1);
  to.bind_text(before + 2, record.nick);
  to.bind_text(before + 3, {host.data(), host_bytes});
  to.bind(before + 4, record.port);
  to.bind(before + 5, record.active);
  if (record.cookie.has_value()) {
    const void* const bytes = record.cookie->bytes.data();
    to.bind_blob(before + 6, {static_cast<const char*>(bytes), record.cookie->bytes.size()});
  } else {
    to.bind_null(before + 6);
  }
  to.bind(before + 7, record.deadline.time_since_epoch().count());
  to.bind(before + 8, record.registered_at.time_since_epoch().count());
  to.bind(before + 9, record.activity_bits);
  to.bind(before + 10, record.activity_day);
}

// The lowest and the highest id that the query gives.
int range_of(Statement& query, RowRange& rows) {
  const int result = query.step();
  rows = {};
  if (result == SQLITE_ROW && query.type(0) != SQLITE_NULL) {
    rows = {query.integer(0), query.integer(1)};
  }
  query.reset();
  return result == SQLITE_ROW ? SQLITE_OK : result;
}

// Whether `count` finds them all.
int expect(Statement& count, const RowRange& rows) {
  if (rows.empty()) return SQLITE_OK;
  count.bind(1, rows.first);
  count.bind(2, rows.last);
  const int result = count.step();
  const bool are_there = result == SQLITE_ROW && as_unsigned(count.integer(0)) == rows.size();
  count.reset();
  if (result != SQLITE_ROW) return result;
  return are_there ? SQLITE_OK : SQLITE_CORRUPT;
}

}  // namespace

int Tables::prepare(Database& database) {
  const std::string one_row = insertion_of(1);
  const std::string many_rows = insertion_of(kRowsAtATime);
  const std::pair<const char*, Statement*> all[] = {
      {"INSERT OR REPLACE INTO state VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?)", &write_state_},
      {"SELECT journal_first, journal_reached, entries_first, entries_last, entries_bytes, "
       "entries_checksum, "
       "wall_offset_ms, checksum FROM state",
       &read_state_},
      {"INSERT INTO journal VALUES(?, ?, ?)", &append_journal_},
      {"SELECT sequence, records, checksum FROM journal WHERE sequence >= ? ORDER BY sequence",
       &read_journal_},
      {one_row.c_str(), &append_entry_},
      {many_rows.c_str(), &append_entries_},
      {"SELECT * FROM entries WHERE id BETWEEN ? AND ? ORDER BY id", &read_entries_},
      {"SELECT (SELECT min(sequence) FROM journal), (SELECT max(sequence) FROM journal)",
       &journal_rows_},
      {"SELECT (SELECT min(id) FROM entries WHERE id < ?1), "
       "(SELECT max(id) FROM entries WHERE id < ?1)",
       &entry_rows_before_},
      {"SELECT (SELECT min(id) FROM entries WHERE id > ?1), "
       "(SELECT max(id) FROM entries WHERE id > ?1)",
       &entry_rows_behind_},
      {"SELECT count(*) FROM journal WHERE sequence BETWEEN ? AND ?", &count_journal_},
      {"SELECT count(*) FROM entries WHERE id BETWEEN ? AND ?", &count_entries_},
      {"DELETE FROM entries WHERE id BETWEEN ? AND ?", &delete_entries_},
      {"DELETE FROM journal WHERE sequence = ? RETURNING length(records)", &delete_journal_row_},
  };
  for (const auto& [sql, statement] : all) {
    const int result = database.prepare(sql, *statement);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

int Tables::write_state(const StateRow& state) {
  write_state_.bind(1, state.journal_first);
  write_state_.bind(2, state.journal_reached);
  write_state_.bind(3, state.entries.ids.first);
  write_state_.bind(4, state.entries.ids.last);
  write_state_.bind(5, as_signed(state.entries.bytes));
  write_state_.bind(6, as_signed(state.entries.checksum));
  write_state_.bind(7, state.wall_offset.count());
  write_state_.bind(8, as_signed(checksum(state)));
  return write_state_.run();
}

int Tables::read_state(StateRow& state) {
  const int result = read_state_.step();
  if (result == SQLITE_DONE) return SQLITE_CORRUPT;
  if (result != SQLITE_ROW) {
    read_state_.reset();
    return result;
  }
  state.journal_first = read_state_.integer(0);
  state.journal_reached = read_state_.integer(1);
  state.entries.ids = {read_state_.integer(2), read_state_.integer(3)};
  state.entries.bytes = as_unsigned(read_state_.integer(4));
  state.entries.checksum = as_unsigned(read_state_.integer(5));
  state.wall_offset = std::chrono::milliseconds(read_state_.integer(6));
  const std::uint64_t expected = as_unsigned(read_state_.integer(7));
  read_state_.reset();
  return checksum(state) == expected ? SQLITE_OK : SQLITE_CORRUPT;
}

int Tables::append_journal(std::int64_t sequence, std::string_view records) {
  append_journal_.bind(1, sequence);
  append_journal_.bind_blob(2, records);
  append_journal_.bind(3, as_signed(checksum(RowKind::kJournal, sequence, records)));
  return append_journal_.run();
}

int Tables::read_journal(std::int64_t first, const Visit& visit, std::int64_t& last,
                         std::uint64_t& bytes) {
  last = first - 1;
  bytes = 0;
  read_journal_.bind(1, first);
  int result = read_journal_.step();
  for (; result == SQLITE_ROW; result = read_journal_.step()) {
    const std::int64_t sequence = read_journal_.integer(0);
    const std::string_view records = read_journal_.blob(1);
    const auto expected = as_unsigned(read_journal_.integer(2));
    if (sequence != last + 1 || checksum(RowKind::kJournal, sequence, records) != expected) {
      result = SQLITE_CORRUPT;
      break;
    }
    last = sequence;
    bytes += records.size();
    if (!visit(records)) {
      result = SQLITE_DONE;
      break;
    }
  }
  read_journal_.reset();
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

int Tables::append_entries(std::string_view packed, EntryRows& rows) {
  std::array<Record, kRowsAtATime> records;
  while (!packed.empty()) {
    std::size_t size = 0;
    std::int64_t id = rows.ids.last;
    for (; size < records.size() && !packed.empty(); ++size) {
      const std::string_view before = packed;
      const std::optional<Record> record = unpack(packed);
      if (!record.has_value()) return SQLITE_MISUSE;
      records[size] = *record;
      const std::string_view bytes = before.substr(0, before.size() - packed.size());
      rows.bytes += bytes.size();
      rows.checksum += checksum(RowKind::kEntry, ++id, bytes);
    }
    const int result = append_rows(std::span(records).first(size), rows.ids.last + 1);
    if (result != SQLITE_OK) return result;
    rows.ids.last = id;
  }
  return SQLITE_OK;
}

int Tables::append_rows(std::span<const Record> records, std::int64_t first_id) {
  std::array<HostText, kRowsAtATime> hosts;
  if (records.size() == kRowsAtATime) {
    for (std::size_t i = 0; i < records.size(); ++i) {
      bind_entry(append_entries_, i, records[i], hosts[i]);
    }
    // The others get the ids behind the first one, which costs SQLite less than to be told them.
    append_entries_.bind(1, first_id);
    return append_entries_.run();
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    bind_entry(append_entry_, 0, records[i], hosts[i]);
    append_entry_.bind(1, first_id + static_cast<std::int64_t>(i));
    const int result = append_entry_.run();
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

int Tables::read_entries(const EntryRows& rows, const Visit& visit) {
  EntryRows found{.ids = {rows.ids.first, rows.ids.first - 1}};
  std::string packed;
  read_entries_.bind(1, rows.ids.first);
  read_entries_.bind(2, rows.ids.last);
  int result = read_entries_.step();
  for (; result == SQLITE_ROW; result = read_entries_.step()) {
    const std::int64_t id = read_entries_.integer(0);
    const std::optional<Record> record = entry_of(read_entries_);
    if (id != found.ids.last + 1 || !record.has_value()) {
      result = SQLITE_CORRUPT;
      break;
    }
    const std::size_t begin = packed.size();
    pack(*record, packed);
    const std::string_view bytes = std::string_view(packed).substr(begin);
    found.ids.last = id;
    found.bytes += bytes.size();
    found.checksum += checksum(RowKind::kEntry, id, bytes);
    if (packed.size() < kVisitBytes) continue;
    if (!visit(packed)) {
      read_entries_.reset();
      return SQLITE_OK;
    }
    packed.clear();
  }
  read_entries_.reset();
  if (result != SQLITE_DONE) return result;
  if (found != rows) return SQLITE_CORRUPT;
  if (!packed.empty()) visit(packed);
  return SQLITE_OK;
}

int Tables::journal_rows(RowRange& rows) { return range_of(journal_rows_, rows); }

int Tables::entry_rows_before(std::int64_t id, RowRange& rows) {
  entry_rows_before_.bind(1, id);
  return range_of(entry_rows_before_, rows);
}

int Tables::entry_rows_behind(std::int64_t id, RowRange& rows) {
  entry_rows_behind_.bind(1, id);
  return range_of(entry_rows_behind_, rows);
}

int Tables::expect_journal(const RowRange& rows) { return expect(count_journal_, rows); }
int Tables::expect_entries(const RowRange& rows) { return expect(count_entries_, rows); }

int Tables::delete_entries(const RowRange& rows) {
  delete_entries_.bind(1, rows.first);
  delete_entries_.bind(2, rows.last);
  return delete_entries_.run();
}

int Tables::delete_journal_row(std::int64_t sequence, std::uint64_t& bytes) {
  bytes = 0;
  delete_journal_row_.bind(1, sequence);
  int result = delete_journal_row_.step();
  if (result == SQLITE_ROW) {
    bytes = as_unsigned(delete_journal_row_.integer(0));
    result = delete_journal_row_.step();
  }
  delete_journal_row_.reset();
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

}  // namespace rollcall::store::sqlite
