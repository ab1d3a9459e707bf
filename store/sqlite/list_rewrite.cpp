#include "store/sqlite/list_rewrite.h"

#include <algorithm>
#include <string>

#include "engine/assert.h"

namespace rollcall::store::sqlite {
namespace {

// To delete a row takes a fraction of the time that it takes to write one.
constexpr std::size_t kDeletionsPerCopy = 4;
// About as many bytes of the journal are deleted in the time that it takes to delete an entry.
constexpr std::size_t kJournalBytesPerDeletion = 128;

// That an entry ever has. None is used again.
constexpr std::int64_t kFirstId = 1;

}  // namespace

int ListRewrite::adopt_stale_rows(Tables& tables, const StateRow& state) {
  RowRange journal;
  int result = tables.journal_rows(journal);
  if (result != SQLITE_OK) return result;
  stale_journal_ = {journal.first, std::min(journal.last, state.journal_first - 1)};
  result = tables.expect_journal(stale_journal_);

  // Neither need be next to the list: of a copy that was interrupted rows may have been deleted.
  const RowRange& listed = state.entries.ids;
  RowRange before;
  if (result == SQLITE_OK) result = tables.entry_rows_before(listed.first, before);
  if (result == SQLITE_OK && before.first < kFirstId) result = SQLITE_CORRUPT;
  RowRange behind;
  if (result == SQLITE_OK) result = tables.entry_rows_behind(listed.last, behind);
  for (const RowRange& rows : {before, behind}) {
    if (result == SQLITE_OK) result = tables.expect_entries(rows);
    if (!rows.empty()) stale_entries_.push_back(rows);
  }
  last_id_ = std::max(listed.last, behind.last);
  return result;
}

void ListRewrite::begin(std::int64_t journal_last, std::uint64_t journal_bytes) {
  ROLLCALL_ASSERT(is_idle());
  is_copying_ = true;
  position_ = {};
  copied_ = {.ids = {last_id_ + 1, last_id_}};
  journal_last_ = journal_last;
  journal_bytes_ = journal_bytes;
}

int ListRewrite::step(Tables& tables, EntrySource& entries, std::size_t entries_max,
                      StateRow& state, std::uint64_t& covered_bytes) {
  covered_bytes = 0;
  if (is_copying_) return copy(tables, entries, entries_max, state, covered_bytes);
  const std::size_t rows_max = entries_max * kDeletionsPerCopy;
  if (!stale_entries_.empty()) return delete_stale_entries(tables, rows_max);
  return delete_stale_journal(tables, rows_max * kJournalBytesPerDeletion);
}

int ListRewrite::copy(Tables& tables, EntrySource& entries, std::size_t entries_max,
                      StateRow& state, std::uint64_t& covered_bytes) {
  std::string packed;
  const bool is_more = entries.read(position_, entries_max, packed);
  const int result = tables.append_entries(packed, copied_);
  if (result != SQLITE_OK) return result;
  last_id_ = copied_.ids.last;
  if (is_more) return SQLITE_OK;

  is_copying_ = false;
  stale_journal_ = {state.journal_first, journal_last_};
  if (!state.entries.ids.empty()) stale_entries_.push_back(state.entries.ids);
  state.entries = copied_;
  state.journal_first = journal_last_ + 1;
  covered_bytes = journal_bytes_;
  return SQLITE_OK;
}

int ListRewrite::delete_stale_entries(Tables& tables, std::size_t rows_max) {
  RowRange& stale = stale_entries_.back();
  const auto rows = static_cast<std::int64_t>(std::min<std::uint64_t>(rows_max, stale.size()));
  const RowRange step{stale.first, stale.first + rows - 1};
  const int result = tables.delete_entries(step);
  stale.first += rows;
  if (stale.empty()) stale_entries_.pop_back();
  return result;
}

int ListRewrite::delete_stale_journal(Tables& tables, std::size_t bytes_max) {
  for (std::uint64_t bytes = 0; bytes < bytes_max && !stale_journal_.empty();) {
    std::uint64_t deleted = 0;
    const int result = tables.delete_journal_row(stale_journal_.first, deleted);
    if (result != SQLITE_OK) return result;
    // A row takes time even if it is short.
    bytes += deleted + kJournalBytesPerDeletion;
    ++stale_journal_.first;
  }
  return SQLITE_OK;
}

}  // namespace rollcall::store::sqlite
