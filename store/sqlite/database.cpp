#include "store/sqlite/database.h"

#include <cerrno>

namespace rollcall::store::sqlite {
namespace {

int note_wal_pages(void* to, sqlite3* /*connection*/, const char* /*name*/, int pages) {
  *static_cast<std::uint64_t*>(to) = static_cast<std::uint64_t>(pages);
  return SQLITE_OK;
}

int run_checkpoint(sqlite3* connection, int mode, bool& is_complete) {
  int in_wal = 0;
  int copied = 0;
  const int result = sqlite3_wal_checkpoint_v2(connection, nullptr, mode, &in_wal, &copied);
  is_complete = result == SQLITE_OK && in_wal == copied;
  return result;
}

bool has_read_error(sqlite3_file* file) {
  int error = 0;
  if (file == nullptr || file->pMethods == nullptr) return false;
  file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error == EIO || error == ENXIO;
}

}  // namespace

void Statement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}

void Statement::bind_blob(int parameter, std::string_view bytes) {
  // SQLite takes a null pointer for NULL.
  const char* const data = bytes.empty() ? "" : bytes.data();
  sqlite3_bind_blob64(statement_.get(), parameter, data, bytes.size(), SQLITE_STATIC);
}

int Statement::step() { return sqlite3_step(statement_.get()); }

int Statement::run() {
  int result = step();
  while (result == SQLITE_ROW) result = step();
  reset();
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

int Statement::type(int column) const { return sqlite3_column_type(statement_.get(), column); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const void* const data = sqlite3_column_text(statement_.get(), column);
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(bytes)};
}

std::string_view Statement::blob(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(bytes)};
}

int Database::open(const std::string& name, int flags, const std::string& vfs,
                   std::optional<Database>& to) {
  sqlite3* connection = nullptr;
  // One thread at a time uses a connection, so SQLite needs no locks of its own.
  int result = sqlite3_open_v2(name.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX,
                               vfs.empty() ? nullptr : vfs.c_str());
  to.emplace().connection_.reset(connection);
  if (result != SQLITE_OK) {
    if (connection != nullptr) result = sqlite3_extended_errcode(connection);
    to.reset();
    return result;
  }
  sqlite3_extended_result_codes(connection, 1);
  to->wal_pages_ = std::make_unique<std::uint64_t>(0);
  // Takes the place of SQLite's own checkpoints.
  sqlite3_wal_hook(connection, note_wal_pages, to->wal_pages_.get());
  return SQLITE_OK;
}

int Database::run(const char* sql) {
  return sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
}

int Database::prepare(const char* sql, Statement& to) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
  to.statement_.reset(statement);
  return result;
}

int Database::begin() {
  const int result = begin_.is_prepared() ? SQLITE_OK : prepare("BEGIN", begin_);
  return result == SQLITE_OK ? begin_.run() : result;
}

int Database::commit() {
  const int result = commit_.is_prepared() ? SQLITE_OK : prepare("COMMIT", commit_);
  return result == SQLITE_OK ? commit_.run() : result;
}

int Database::query(const char* sql, std::int64_t& to) {
  Statement statement;
  int result = prepare(sql, statement);
  if (result != SQLITE_OK) return result;
  result = statement.step();
  if (result != SQLITE_ROW) return result == SQLITE_DONE ? SQLITE_MISMATCH : result;
  to = statement.integer(0);
  return statement.run();
}

void Database::set_checkpoint_on_close(bool is_on) {
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_on ? 0 : 1, nullptr);
}

bool Database::has_read_error() const {
  for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(connection_.get(), "main", which, &file);
    if (sqlite::has_read_error(file)) return true;
  }
  return false;
}

int Database::checkpoint(bool& is_complete) {
  const int result = run_checkpoint(connection_.get(), SQLITE_CHECKPOINT_PASSIVE, is_complete);
  if (is_complete) *wal_pages_ = 0;  // the next commit begins it anew
  return result;
}

int Database::checkpoint_and_empty_wal(bool& is_complete) {
  return run_checkpoint(connection_.get(), SQLITE_CHECKPOINT_TRUNCATE, is_complete);
}

}  // namespace rollcall::store::sqlite
