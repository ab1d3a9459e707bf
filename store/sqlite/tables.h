#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "store/sqlite/database.h"
#include "store/sqlite/packed_table.h"

namespace rollcall::store::sqlite {

// Rows of entries that make up a list.
struct EntryRows {
  RowSums rows;
  std::uint64_t count = 0;  // of the entries in them

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

// The tables of a database whose schema is the current one.
class Tables {
 public:
  // `database` must outlive it.
  int prepare(Database& database);

  // One row a batch.
  PackedTable& journal() { return journal_; }
  // Some dozens to a row.
  PackedTable& entries() { return entries_; }

  // Adds packed records of entries behind those of `list`. REQUIRES: no row is behind them.
  int append_entries(std::string_view packed, EntryRows& list);

  int write_state(const StateRow& state);
  int read_state(StateRow& state);

 private:
  PackedTable journal_;
  PackedTable entries_;
  Statement write_state_;
  Statement read_state_;
};

}  // namespace rollcall::store::sqlite
