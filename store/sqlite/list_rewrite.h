#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/sqlite/tables.h"
#include "store/store.h"

namespace rollcall::store::sqlite {

// Writes the list anew in steps, and then deletes in steps what it took the place of. A value, so
// that a transaction that is rolled back takes back its steps too.
//
//   idle ──begin──► copying ──last entry──► deleting ──nothing left──► idle
class ListRewrite {
 public:
  bool is_idle() const { return !is_copying_ && stale_journal_.empty() && stale_entries_.empty(); }

  // Finds the rows that `state` does not speak of, which a crash has left: to be deleted.
  int adopt_stale_rows(Tables& tables, const StateRow& state);

  // What is in the rows of `journal`, all that there are, is in the entries that are going to be
  // read. REQUIRES: is_idle().
  void begin(const RowSums& journal);

  // Copies `entries_max` entries, or deletes rows in proportion. When the last entry is copied
  // `state` changes, and `journal` begins behind the rows that the copy covers.
  int step(Tables& tables, EntrySource& entries, std::size_t entries_max, StateRow& state,
           RowSums& journal);

 private:
  int copy(Tables& tables, EntrySource& entries, std::size_t entries_max, StateRow& state,
           RowSums& journal);
  int delete_stale(Tables& tables, std::size_t bytes_max);

  std::int64_t last_id_ = 0;  // that any entry has

  bool is_copying_ = false;
  EntrySource::Position position_;
  EntryRows copied_;
  RowSums covered_;  // the journal when the copy began

  RowRange stale_journal_;
  std::vector<RowRange> stale_entries_;  // none is empty
};

}  // namespace rollcall::store::sqlite
