#include "store/sqlite/tables.h"

#include <cstddef>
#include <string>

#include "store/record.h"

namespace rollcall::store::sqlite {
namespace {

// Of the records in a row of entries: four rows fill a page. The view of the peers finds a row
// again for every record in it, and a step of a rewrite may have no more than one to write.
constexpr std::size_t kEntriesRowBytesMax = 4000;

static_assert(kPackedRecordBytesMax <= kEntriesRowBytesMax);

std::uint64_t checksum_of(const StateRow& state) {
  std::string bytes;
  for (const std::uint64_t number :
       {as_unsigned(state.journal_first), as_unsigned(state.journal_reached),
        as_unsigned(state.entries.rows.ids.first), as_unsigned(state.entries.rows.ids.last),
        state.entries.count, state.entries.rows.bytes, state.entries.rows.checksum,
        as_unsigned(state.wall_offset.count())}) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xFF);
  }
  return checksum(RowKind::kState, 1, bytes);
}

}  // namespace

int Tables::prepare(Database& database) {
  int result = journal_.prepare(database, RowKind::kJournal, "journal");
  if (result == SQLITE_OK) result = entries_.prepare(database, RowKind::kEntries, "entries");
  if (result != SQLITE_OK) return result;
  result = database.prepare("INSERT OR REPLACE INTO state VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            write_state_);
  if (result != SQLITE_OK) return result;
  return database.prepare(
      "SELECT journal_first, journal_reached, entries_first, entries_last, entries_count, "
      "entries_bytes, entries_checksum, wall_offset_ms, checksum FROM state",
      read_state_);
}

int Tables::append_entries(std::string_view packed, EntryRows& list) {
  while (!packed.empty()) {
    std::size_t bytes = 0;
    while (bytes < packed.size()) {
      const std::size_t record = packed_record_bytes(packed.substr(bytes));
      if (bytes + record > kEntriesRowBytesMax) break;
      bytes += record;
      ++list.count;
    }
    const int result = entries_.append(packed.substr(0, bytes), list.rows);
    if (result != SQLITE_OK) return result;
    packed.remove_prefix(bytes);
  }
  return SQLITE_OK;
}

int Tables::write_state(const StateRow& state) {
  write_state_.bind(1, state.journal_first);
  write_state_.bind(2, state.journal_reached);
  write_state_.bind(3, state.entries.rows.ids.first);
  write_state_.bind(4, state.entries.rows.ids.last);
  write_state_.bind(5, as_signed(state.entries.count));
  write_state_.bind(6, as_signed(state.entries.rows.bytes));
  write_state_.bind(7, as_signed(state.entries.rows.checksum));
  write_state_.bind(8, state.wall_offset.count());
  write_state_.bind(9, as_signed(checksum_of(state)));
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
  state.entries.rows.ids = {read_state_.integer(2), read_state_.integer(3)};
  state.entries.count = as_unsigned(read_state_.integer(4));
  state.entries.rows.bytes = as_unsigned(read_state_.integer(5));
  state.entries.rows.checksum = as_unsigned(read_state_.integer(6));
  state.wall_offset = std::chrono::milliseconds(read_state_.integer(7));
  const std::uint64_t expected = as_unsigned(read_state_.integer(8));
  read_state_.reset();
  return checksum_of(state) == expected ? SQLITE_OK : SQLITE_CORRUPT;
}

}  // namespace rollcall::store::sqlite
