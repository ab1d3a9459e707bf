#include "store/sqlite/list_rewrite.h"

#include <algorithm>
#include <string>

#include "engine/assert.h"

namespace rollcall::store::sqlite {
namespace {

// Of rows that are deleted, for each entry that would be copied: to delete a page takes a fraction
// of the time that it takes to write one.
constexpr std::size_t kDeletedBytesPerCopy = 512;
// As much as a row takes time even if it is short.
constexpr std::size_t kRowOverheadBytes = 128;

// That a row of entries ever has. Behind a restart ids may be used again, of rows that were
// deleted.
constexpr std::int64_t kFirstId = 1;

}  // namespace

int ListRewrite::adopt_stale_rows(Tables& tables, const StateRow& state) {
  RowRange journal;
  int result = tables.journal().find(kAllRows, journal);
  if (result != SQLITE_OK) return result;
  stale_journal_ = {journal.first, std::min(journal.last, state.journal_first - 1)};
  result = tables.journal().expect(stale_journal_);

  // Neither need be next to the list: of a copy that was interrupted rows may have been deleted.
  const RowRange& listed = state.entries.rows.ids;
  RowRange before;
  if (result == SQLITE_OK) {
    result = tables.entries().find({kAllRows.first, listed.first - 1}, before);
  }
  if (result == SQLITE_OK && before.first < kFirstId) result = SQLITE_CORRUPT;
  RowRange behind;
  if (result == SQLITE_OK) {
    result = tables.entries().find({listed.last + 1, kAllRows.last}, behind);
  }
  for (const RowRange& rows : {before, behind}) {
    if (result == SQLITE_OK) result = tables.entries().expect(rows);
    if (!rows.empty()) stale_entries_.push_back(rows);
  }
  last_id_ = std::max(listed.last, behind.last);
  return result;
}

void ListRewrite::begin(const RowSums& journal) {
  ROLLCALL_ASSERT(is_idle());
  is_copying_ = true;
  position_ = {};
  copied_ = {.rows = {.ids = {last_id_ + 1, last_id_}}};
  covered_ = journal;
}

int ListRewrite::step(Tables& tables, EntrySource& entries, std::size_t entries_max,
                      StateRow& state, RowSums& journal) {
  if (is_copying_) return copy(tables, entries, entries_max, state, journal);
  return delete_stale(tables, entries_max * kDeletedBytesPerCopy);
}

int ListRewrite::copy(Tables& tables, EntrySource& entries, std::size_t entries_max,
                      StateRow& state, RowSums& journal) {
  std::string packed;
  const bool is_more = entries.read(position_, entries_max, packed);
  const int result = tables.append_entries(packed, copied_);
  if (result != SQLITE_OK) return result;
  last_id_ = copied_.rows.ids.last;
  if (is_more) return SQLITE_OK;

  is_copying_ = false;
  stale_journal_ = covered_.ids;
  if (!state.entries.rows.ids.empty()) stale_entries_.push_back(state.entries.rows.ids);
  journal.drop_front(covered_);
  state.entries = copied_;
  state.journal_first = journal.ids.first;
  return SQLITE_OK;
}

int ListRewrite::delete_stale(Tables& tables, std::size_t bytes_max) {
  int result = SQLITE_OK;
  for (std::uint64_t bytes = 0; bytes < bytes_max && result == SQLITE_OK && !is_idle();) {
    std::uint64_t deleted = 0;
    if (stale_entries_.empty()) {
      result = tables.journal().delete_row(stale_journal_.first++, deleted);
    } else {
      result = tables.entries().delete_row(stale_entries_.back().first++, deleted);
      if (stale_entries_.back().empty()) stale_entries_.pop_back();
    }
    bytes += deleted + kRowOverheadBytes;
  }
  return result;
}

}  // namespace rollcall::store::sqlite
