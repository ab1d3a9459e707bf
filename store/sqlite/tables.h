#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "store/record.h"
#include "store/sqlite/database.h"

namespace rollcall::store::sqlite {

// Rows with consecutive ids, both ends included; empty where `last` is less than `first`.
struct RowRange {
  std::int64_t first = 1;
  std::int64_t last = 0;

  bool empty() const { return last < first; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(last - first + 1); }

  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// Rows of entries that make up a list.
struct EntryRows {
  RowRange ids;
  std::uint64_t bytes = 0;     // of their packed records
  std::uint64_t checksum = 0;  // the sum of theirs

  friend bool operator==(const EntryRows&, const EntryRows&) = default;
};

// The one row that says which rows of the other tables count.
struct StateRow {
  EntryRows entries;
  std::int64_t journal_first = 1;  // entries are as of just before this row of the journal
  // The journal had rows up to here when it was last copied from the WAL to the database: there no
  // checksum of SQLite's guards them, and rows that are missing at its end would not be missed.
  std::int64_t journal_reached = 0;
  std::chrono::milliseconds wall_offset{0};

  friend bool operator==(const StateRow&, const StateRow&) = default;
};

// The rows of a database whose schema is the current one. Each has a checksum of its content and
// its id: 64 bits of SipHash-1-3 under a fixed key. They are there to notice damage by accident;
// whoever can write the file can make a list of their own.
class Tables {
 public:
  // `database` must outlive it.
  int prepare(Database& database);

  int write_state(const StateRow& state);
  int read_state(StateRow& state);

  int append_journal(std::int64_t sequence, std::string_view records);
  // Calls `visit` for each row of the journal from `first` on, until it says no. They have to
  // follow one another without a gap. `last` is the last of them, or `first` - 1.
  using Visit = std::function<bool(std::string_view packed)>;
  int read_journal(std::int64_t first, const Visit& visit, std::int64_t& last,
                   std::uint64_t& bytes);

  // Adds a row for each of the packed records behind `rows`. REQUIRES: no row is behind them.
  int append_entries(std::string_view packed, EntryRows& rows);
  // Calls `visit` with the packed records of many rows at a time, until it says no, and compares
  // what is found with what `rows` says.
  int read_entries(const EntryRows& rows, const Visit& visit);

  // The ids from the lowest to the highest that a row has. Empty where there are none.
  int journal_rows(RowRange& rows);
  int entry_rows_before(std::int64_t id, RowRange& rows);
  int entry_rows_behind(std::int64_t id, RowRange& rows);
  // SQLITE_CORRUPT if one of these is not there.
  int expect_journal(const RowRange& rows);
  int expect_entries(const RowRange& rows);
  // Rows that are not there are none to delete.
  int delete_entries(const RowRange& rows);
  int delete_journal_row(std::int64_t sequence, std::uint64_t& bytes);

 private:
  int append_rows(std::span<const Record> records, std::int64_t first_id);

  Statement write_state_;
  Statement read_state_;
  Statement append_journal_;
  Statement read_journal_;
  Statement append_entry_;
  Statement append_entries_;
  Statement read_entries_;
  Statement journal_rows_;
  Statement entry_rows_before_;
  Statement entry_rows_behind_;
  Statement count_journal_;
  Statement count_entries_;
  Statement delete_entries_;
  Statement delete_journal_row_;
};

}  // namespace rollcall::store::sqlite
