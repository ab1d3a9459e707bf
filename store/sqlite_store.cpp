#include "store/sqlite_store.h"

#include <algorithm>
#include <utility>

#include "engine/assert.h"

namespace rollcall::store {
namespace {

using sqlite::Database;
using sqlite::DataFile;
using sqlite::StateRow;

// Under load the journal may have this many times the bytes of the list before that is written
// anew: more of it makes a start slower, less of it makes writing anew dearer. Of renewals that is
// five for each entry.
constexpr std::uint64_t kJournalOfListUnderLoad = 2;
// Of a commit, on average, from which on there is load.
constexpr std::uint64_t kLoadBytes = std::uint64_t{8} << 10;
// One commit counts for this part of the average.
constexpr std::uint64_t kAveragedCommits = 8;

// Of appended records for each entry that is copied with them. While a list of n entries is
// written, the journal grows by about 2 n / 3 renewals, which a start has to read as well.
constexpr std::uint64_t kAppendedBytesPerEntry = 10;
// Entries that are copied in a step at most, however many changes come with it: some 10 ms.
constexpr std::uint64_t kStepEntriesMax = std::uint64_t{64} << 10;

Result result_of(int sqlite_result) {
  switch (sqlite_result) {
    case SQLITE_OK:
      return Result::kDone;
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
    // What cannot be read may be what a checkpoint is to save, or a start to find.
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_CORRUPTFS:
      return Result::kDistrusted;
    default:
      break;
  }
  switch (sqlite_result & 0xFF) {
    case SQLITE_FULL:
      return Result::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG:
    // The file was moved away, or its WAL could be opened for reading alone. A new one helps, if
    // anything does.
    case SQLITE_READONLY:
      return Result::kDistrusted;
    default:
      return Result::kFailed;
  }
}

Result result_of(const OpenError& error) {
  return error.kind == OpenError::Kind::kFull ? Result::kFull : Result::kFailed;
}

}  // namespace

SqliteStore::SqliteStore(std::string path, Options options)
    : options_(std::move(options)),
      own_files_(options_.files == nullptr ? system_files() : nullptr),
      file_(std::move(path), options_.files == nullptr ? *own_files_ : *options_.files,
            options_.vfs,
            options_.schema == nullptr ? sqlite::current_schema() : *options_.schema) {}

std::variant<std::unique_ptr<SqliteStore>, OpenError> SqliteStore::open(std::string path,
                                                                        Options options) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(path), std::move(options)));
  if (auto error = store->open_file()) return *std::move(error);
  return store;
}

std::optional<OpenError> SqliteStore::open_file() {
  if (options_.when_missing == WhenMissing::kRefuse && file_.is_absent()) {
    return OpenError{OpenError::Kind::kMissing, file_.path() + " is not there"};
  }
  if (auto error = file_.lock()) return error;
  bool exists = false;
  if (auto error = file_.look(exists)) return error;
  if (!exists) {
    if (auto error = make_file({}, nullptr)) return error;
  }
  return file_.open(database_, version_);
}

std::optional<OpenError> SqliteStore::make_file(const StateRow& state, EntrySource* entries) {
  if (auto error = file_.write_new(state, entries)) return error;
  std::optional<OpenError> error = file_.publish_new();
  if (!error.has_value()) error = file_.take_over();
  if (error.has_value()) file_.take_back_new();
  return error;
}

std::optional<OpenError> SqliteStore::make(std::string path, Options options, EntrySource& entries,
                                           std::chrono::milliseconds wall_offset) {
  SqliteStore store(std::move(path), std::move(options));
  if (auto error = store.file_.lock()) return error;
  bool exists = false;
  if (auto error = store.file_.look(exists)) return error;
  if (exists) {
    return OpenError{OpenError::Kind::kExists, store.file_.path() +
                                                   " is there already; move it away, or name "
                                                   "another file"};
  }
  return store.make_file({.wall_offset = wall_offset}, &entries);
}

SqliteStore::~SqliteStore() {
  if (!is_ready_to_write_ || is_distrusted_) return;
  roll_back();
  if (begin() == Result::kDone && note_journal() == Result::kDone && commit() == Result::kDone) {
    database_->set_checkpoint_on_close(true);
  }
}

Loaded SqliteStore::load(const Visit& visit) {
  ROLLCALL_ASSERT(database_.has_value() && !is_loaded_);
  bool is_ended = false;
  int result = database_->begin();
  if (result == SQLITE_OK) result = read(visit, is_ended);
  if (result == SQLITE_OK) result = database_->roll_back();
  if (result != SQLITE_OK) {
    error_ = file_.error_of(result, &*database_);
    roll_back();
    return {result_of(result)};
  }
  is_loaded_ = !is_ended;
  pending_ = committed_;
  publish_sizes();
  return {Result::kDone, committed_.state.wall_offset};
}

int SqliteStore::read(const Visit& visit, bool& is_ended) {
  int result = SQLITE_OK;
  if (version_ < file_.schema().version()) {
    result = sqlite::migrate(*database_, file_.schema(), version_);
  }
  if (result == SQLITE_OK) result = tables_.prepare(*database_);
  StateRow& state = committed_.state;
  if (result == SQLITE_OK) result = tables_.read_state(state);
  if (result != SQLITE_OK) return result;

  const auto visit_until_ended = [&](std::string_view packed) {
    is_ended = !visit(state.wall_offset, packed);
    return !is_ended;
  };
  sqlite::RowSums listed;
  result = tables_.entries().read(state.entries.rows.ids, visit_until_ended, listed);
  if (result != SQLITE_OK || is_ended) return result;
  if (listed != state.entries.rows) return SQLITE_CORRUPT;
  result = tables_.journal().read({state.journal_first, sqlite::kAllRows.last}, visit_until_ended,
                                  committed_.journal);
  if (result != SQLITE_OK || is_ended) return result;
  if (committed_.journal.ids.last < state.journal_reached) return SQLITE_CORRUPT;
  return committed_.rewrite.adopt_stale_rows(tables_, state);
}

Result SqliteStore::append(std::string_view batch) {
  ROLLCALL_ASSERT(!batch.empty());
  const Result begun = begin();
  if (begun != Result::kDone) return begun;
  const int result = tables_.journal().append(batch, pending_.journal);
  appended_bytes_ += batch.size();
  return end_step(result);
}

Result SqliteStore::set_wall_offset(std::chrono::milliseconds offset) {
  const Result begun = begin();
  if (begun != Result::kDone) return begun;
  pending_.state.wall_offset = offset;
  return end_step(tables_.write_state(pending_.state));
}

std::uint64_t SqliteStore::rewrite_due_at() const {
  const std::uint64_t list_bytes = pending_.state.entries.rows.bytes;
  const std::uint64_t calm = std::max(options_.rewrite_bytes_min, list_bytes);
  if (commit_bytes_ < kLoadBytes) return calm;
  return std::max(
      calm, std::min(list_bytes * kJournalOfListUnderLoad, options_.rewrite_bytes_under_load));
}

Result SqliteStore::maintain(EntrySource& entries, bool& more) {
  more = false;
  const std::uint64_t appended_bytes = std::exchange(appended_bytes_, 0);
  if (appended_bytes > 0) {
    commit_bytes_ += appended_bytes / kAveragedCommits - commit_bytes_ / kAveragedCommits;
  }
  sqlite::ListRewrite& rewrite = pending_.rewrite;
  if (rewrite.is_idle() && pending_.journal.bytes < rewrite_due_at()) return Result::kDone;
  const Result begun = begin();
  if (begun != Result::kDone) return begun;
  if (rewrite.is_idle()) rewrite.begin(pending_.journal);

  const std::size_t entries_max = std::clamp<std::uint64_t>(
      appended_bytes / kAppendedBytesPerEntry, options_.step_entries_min, kStepEntriesMax);
  const StateRow before = pending_.state;
  int result = rewrite.step(tables_, entries, entries_max, pending_.state, pending_.journal);
  if (result == SQLITE_OK && pending_.state != before) result = tables_.write_state(pending_.state);
  more = result == SQLITE_OK && !rewrite.is_idle();
  return end_step(result);
}

Result SqliteStore::sync() {
  if (is_distrusted_) return Result::kDistrusted;
  if (!database_->is_in_transaction()) return Result::kDone;
  const bool is_checkpoint_due = wal_bytes() >= checkpoint_at_;
  if (is_checkpoint_due) {
    const Result noted = note_journal();
    if (noted != Result::kDone) return noted;
  }
  const Result committed = commit();
  if (committed != Result::kDone || !is_checkpoint_due) return committed;
  return checkpoint();
}

Result SqliteStore::note_journal() {
  pending_.state.journal_reached = pending_.journal.ids.last;
  return end_step(tables_.write_state(pending_.state));
}

Result SqliteStore::commit() {
  const Result committed = end_step(database_->commit());
  if (committed != Result::kDone) return committed;
  committed_ = pending_;
  version_ = file_.schema().version();
  publish_sizes();
  return committed;
}

Result SqliteStore::checkpoint() {
  bool is_complete = false;
  const int result = database_->checkpoint(is_complete);
  // What was committed is durable, in the WAL. A disk that is full, say, is no reason to fail
  // before the WAL cannot grow any more.
  checkpoint_at_ =
      is_complete ? options_.checkpoint_bytes : wal_bytes() + options_.checkpoint_bytes;
  return result_of(result) == Result::kDistrusted ? end_step(result) : Result::kDone;
}

Result SqliteStore::begin() {
  ROLLCALL_ASSERT(is_loaded_);
  if (is_distrusted_) return Result::kDistrusted;
  if (database_->is_in_transaction()) return Result::kDone;
  const Result prepared = prepare_to_write();
  if (prepared != Result::kDone) return prepared;
  const Result begun = end_step(database_->begin());
  if (begun != Result::kDone || version_ == file_.schema().version()) return begun;
  return end_step(sqlite::migrate(*database_, file_.schema(), version_));
}

// A process that died may have left in the WAL what is in the system's memory alone, because a sync
// had failed: what is written behind that would be lost with it. The database takes it over
// instead. And it may have left a part of a transaction: SQLite would write over it in the same
// WAL, and after another crash what is left of both would look as only damage does.
Result SqliteStore::prepare_to_write() {
  if (is_ready_to_write_) return Result::kDone;
  bool is_complete = false;
  const Result result = end_step(database_->checkpoint_and_empty_wal(is_complete));
  if (result != Result::kDone) return result;
  if (!is_complete) return end_step(SQLITE_BUSY);
  if (auto error = file_.sync_directory()) {
    is_distrusted_ = true;
    fail(*std::move(error));
    return Result::kDistrusted;
  }
  is_ready_to_write_ = true;
  checkpoint_at_ = 0;  // so that the first commit says how far the journal reaches
  return Result::kDone;
}

Result SqliteStore::end_step(int sqlite_result) {
  const Result result = result_of(sqlite_result);
  if (result == Result::kDone) return result;
  error_ = file_.error_of(sqlite_result, &*database_);
  is_distrusted_ = result == Result::kDistrusted;
  roll_back();
  return result;
}

void SqliteStore::roll_back() {
  // What fails here is found by the next transaction, which cannot begin then.
  if (database_.has_value() && database_->is_in_transaction()) database_->roll_back();
  pending_ = committed_;
  appended_bytes_ = 0;
}

Result SqliteStore::replace(EntrySource& entries, std::chrono::milliseconds wall_offset) {
  ROLLCALL_ASSERT(is_loaded_);
  roll_back();
  if (auto error = file_.write_new({.wall_offset = wall_offset}, &entries)) {
    return fail(*std::move(error));
  }
  // Which of the two there is after a crash is open until the end.
  is_distrusted_ = true;
  is_ready_to_write_ = false;
  if (auto error = file_.publish_new()) return fail(*std::move(error));
  tables_ = {};
  database_.reset();
  if (auto error = file_.take_over()) return fail(*std::move(error));
  if (auto error = file_.open(database_, version_)) return fail(*std::move(error));
  const int result = adopt_replacement();
  if (result != SQLITE_OK) return fail(file_.error_of(result, &*database_));
  is_distrusted_ = false;
  publish_sizes();
  return Result::kDone;
}

int SqliteStore::adopt_replacement() {
  committed_ = {};
  int result = tables_.prepare(*database_);
  if (result == SQLITE_OK) result = tables_.read_state(committed_.state);
  if (result == SQLITE_OK) result = committed_.rewrite.adopt_stale_rows(tables_, committed_.state);
  pending_ = committed_;
  return result;
}

Result SqliteStore::fail(OpenError error) {
  error_ = std::move(error);
  return result_of(*error_);
}

StoreSizes SqliteStore::sizes() const {
  const std::lock_guard lock(sizes_mutex_);
  return sizes_;
}

void SqliteStore::publish_sizes() {
  const StateRow& state = committed_.state;
  const std::lock_guard lock(sizes_mutex_);
  sizes_.peers = state.entries.count;
  sizes_.journal_rows = committed_.journal.ids.size();
  sizes_.journal_bytes = committed_.journal.bytes;
}

void SqliteStore::check_invariants() const {
  const StateRow& state = committed_.state;
  ROLLCALL_ASSERT(!is_loaded_ || committed_.journal.ids.first == state.journal_first);
  ROLLCALL_ASSERT(!is_loaded_ || committed_.journal.ids.last >= state.journal_first - 1);
  ROLLCALL_ASSERT(database_.has_value() || is_distrusted_);
  ROLLCALL_ASSERT(!is_distrusted_ || committed_.journal.bytes == pending_.journal.bytes);
}

}  // namespace rollcall::store
