#include "store/sqlite/data_file.h"

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include "store/sqlite/wal.h"

namespace rollcall::store::sqlite {
namespace {

using Kind = OpenError::Kind;

// Of a new list that is written, at a time.
constexpr std::size_t kEntriesAtATime = 1024;

// What is in the header of a database (sqlite.org/fileformat2.html#the_database_header), and where.
constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kPageBytesAt = 16;
constexpr std::size_t kWriteVersionAt = 18;
constexpr std::size_t kReadVersionAt = 19;
constexpr std::size_t kChangeCounterAt = 24;
constexpr std::size_t kPagesAt = 28;
constexpr std::size_t kUserVersionAt = 60;
constexpr std::size_t kApplicationIdAt = 68;
constexpr std::size_t kVersionValidForAt = 92;
constexpr char kWalVersion = 2;

std::uint32_t big_endian(std::string_view bytes, std::size_t at, std::size_t size = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + size; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

int set_up_new(Database& database) {
  // There is nobody to recover for before it has its name, and it is synced as a whole.
  const std::string pragmas =
      "PRAGMA page_size=" + std::to_string(kPageBytes) +
      ";PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;PRAGMA locking_mode=EXCLUSIVE;"
      "PRAGMA application_id=" +
      std::to_string(kApplicationId) + ";BEGIN EXCLUSIVE";
  return database.run(pragmas.c_str());
}

int fill(Tables& tables, StateRow state, EntrySource* entries) {
  EntrySource::Position position;
  std::string packed;
  for (bool is_more = entries != nullptr; is_more;) {
    packed.clear();
    is_more = entries->read(position, kEntriesAtATime, packed);
    const int result = tables.append_entries(packed, state.entries);
    if (result != SQLITE_OK) return result;
  }
  return tables.write_state(state);
}

int write_database(Database& database, const Schema& schema, const StateRow& state,
                   EntrySource* entries) {
  int result = set_up_new(database);
  if (result == SQLITE_OK) result = migrate(database, schema, 0);
  Tables tables;
  if (result == SQLITE_OK) result = tables.prepare(database);
  if (result == SQLITE_OK) result = fill(tables, state, entries);
  if (result == SQLITE_OK) result = database.run("COMMIT");
  if (result == SQLITE_OK) result = database.run("PRAGMA journal_mode=WAL");
  return result;
}

}  // namespace

std::optional<OpenError> DataFile::lock() {
  const int error = files_.lock(lock_path(), lock_);
  if (error == EWOULDBLOCK) return in_use();
  if (error != 0) return error_of_errno(error);
  return std::nullopt;
}

bool DataFile::is_absent() {
  for (const std::string& path : {path_, next_path()}) {
    const Files::Status status = files_.status(path);
    if (status.error != 0 || status.exists) return false;
  }
  const Files::Status wal = files_.status(wal_path());
  return wal.error == 0 && wal.bytes == 0;
}

std::optional<OpenError> DataFile::look(bool& exists) {
  const Files::Status next = files_.status(next_path());
  if (next.error != 0) return error_of_errno(next.error);
  if (next.exists) {
    // It was whole and synced before it got this name, unless somebody else gave it.
    DataFile replacement(next_path(), files_, vfs_, schema_);
    if (!next.is_regular) return replacement.damaged("it is not a regular file");
    if (auto error = replacement.inspect_header()) return error;
    if (auto error = take_over()) return error;
  }
  const Files::Status status = files_.status(path_);
  if (status.error != 0) return error_of_errno(status.error);
  exists = status.exists;
  if (exists && !status.is_regular) return damaged("it is not a regular file");
  if (exists) return std::nullopt;
  const Files::Status wal = files_.status(wal_path());
  if (wal.error != 0) return error_of_errno(wal.error);
  if (wal.bytes == 0) return std::nullopt;
  return OpenError{Kind::kCorrupt, path_ + " is missing, but " + wal_path() +
                                       " has changes to it; restore both from a copy, or move "
                                       "that away to begin anew"};
}

std::optional<OpenError> DataFile::open(std::optional<Database>& to, std::int64_t& version) {
  if (auto error = inspect_header()) return error;
  std::optional<OpenError> error = connect(to);
  if (error.has_value() && error->kind == Kind::kInUse) return error;
  // Only now nobody else can be writing to it. What SQLite does not like about a WAL it does not
  // say.
  const WalInspection wal = inspect_wal(files_, wal_path());
  if (wal.is_damaged) return damaged("changes in " + wal_path() + " cannot be read");
  if (error.has_value()) return error;
  if (wal.error != 0) return error_of_errno(wal.error);
  return check_schema(*to, version);
}

std::optional<OpenError> DataFile::inspect_header() {
  std::string header;
  const int error = files_.read(path_, 0, kHeaderBytes, header);
  if (error != 0) return error_of_errno(error);
  if (header.empty()) return damaged("it is empty");
  if (header.size() < kHeaderBytes || !header.starts_with(kMagic) ||
      big_endian(header, kApplicationIdAt) != kApplicationId) {
    return damaged("it is not one of Rollcall's");
  }
  if (big_endian(header, kUserVersionAt) > schema_.version()) {
    return newer(big_endian(header, kUserVersionAt));
  }
  if (big_endian(header, kPageBytesAt, 2) != kPageBytes || header[kWriteVersionAt] != kWalVersion ||
      header[kReadVersionAt] != kWalVersion) {
    return damaged("its header is wrong");
  }
  // While a WAL has pages that are not in the database yet, it may be shorter.
  const Files::Status wal = files_.status(wal_path());
  if (wal.error != 0) return error_of_errno(wal.error);
  const Files::Status own = files_.status(path_);
  if (own.error != 0) return error_of_errno(own.error);
  const bool is_alone = !wal.exists || wal.bytes == 0;
  const bool knows_pages =
      big_endian(header, kChangeCounterAt) == big_endian(header, kVersionValidForAt);
  if (is_alone && knows_pages &&
      own.bytes < std::uint64_t{big_endian(header, kPagesAt)} * kPageBytes) {
    return damaged("its end is missing");
  }
  return std::nullopt;
}

std::optional<OpenError> DataFile::connect(std::optional<Database>& to) {
  int result = Database::open(path_, SQLITE_OPEN_READWRITE, vfs_, to);
  if (result != SQLITE_OK) return error_of(result, to.has_value() ? &*to : nullptr);
  // SQLite is content with less than it was asked for.
  if (to->is_read_only()) return error_of(SQLITE_READONLY, nullptr);
  to->set_checkpoint_on_close(false);
  // Debian's SQLite clears pages that are freed, and writes them, unless it is told not to. FAST
  // clears what is deleted from pages that are written anyway.
  //
  // The first look at a table takes the lock, for as long as the connection lives.
  result = to->run(
      "PRAGMA locking_mode=EXCLUSIVE;PRAGMA synchronous=FULL;"
      "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;PRAGMA cache_size=-4096;"
      "PRAGMA secure_delete=FAST;"
      "SELECT count(*) FROM sqlite_schema");
  if (result != SQLITE_OK) return error_of(result, to.has_value() ? &*to : nullptr);
  return std::nullopt;
}

std::optional<OpenError> DataFile::check_schema(Database& database, std::int64_t& version) {
  int result = database.query("PRAGMA user_version", version);
  if (result == SQLITE_OK && version > schema_.version()) return newer(version);
  if (result == SQLITE_OK && version < 1) result = SQLITE_CORRUPT;
  if (result == SQLITE_OK) result = check_objects(database, schema_, version);
  if (result == SQLITE_OK) return std::nullopt;
  if (result == SQLITE_CORRUPT && !database.has_read_error()) {
    return damaged("its tables are not those that they should be");
  }
  return error_of(result, &database);
}

std::optional<OpenError> DataFile::write_new(const StateRow& state, EntrySource* entries) {
  remove_new();
  const int created = files_.create(new_path());
  if (created != 0) return error_of_errno(created);

  std::optional<Database> database;
  int result = Database::open(new_path(), SQLITE_OPEN_READWRITE, vfs_, database);
  if (result == SQLITE_OK) result = write_database(*database, schema_, state, entries);
  std::optional<OpenError> error;
  if (result != SQLITE_OK) error = error_of(result, database.has_value() ? &*database : nullptr);
  database.reset();
  if (!error.has_value()) {
    const int synced = files_.sync_file(new_path());
    if (synced != 0) error = error_of_errno(synced);
  }
  if (error.has_value()) remove_new();
  return error;
}

void DataFile::take_back_new() {
  for (const std::string& path : {next_path(), path_}) files_.remove(path);
  remove_new();
  sync_directory();
}

void DataFile::remove_new() {
  for (const char* const suffix : {"", "-wal", "-journal"}) files_.remove(new_path() + suffix);
}

std::optional<OpenError> DataFile::publish_new() { return rename(new_path(), next_path()); }

std::optional<OpenError> DataFile::take_over() {
  const int error = files_.remove(wal_path());
  if (error != 0 && error != ENOENT) return error_of_errno(error);
  if (auto failure = sync_directory()) return failure;
  return rename(next_path(), path_);
}

std::optional<OpenError> DataFile::rename(const std::string& from, const std::string& to) {
  const int error = files_.rename(from, to);
  if (error != 0) return error_of_errno(error);
  return sync_directory();
}

std::optional<OpenError> DataFile::sync_directory() {
  const int error = files_.sync_directory_of(path_);
  if (error != 0) return error_of_errno(error);
  return std::nullopt;
}

OpenError DataFile::error_of(int result, const Database* database) const {
  const int system_error = database != nullptr ? database->system_error() : 0;
  switch (result & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return in_use();
    case SQLITE_NOMEM:  // more than there ever is, if a damaged page asks for it
      return damaged("it is damaged, or takes more memory than there is");
    case SQLITE_FULL:
      return error_of_errno(ENOSPC);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return error_of_errno(EACCES);
    case SQLITE_CANTOPEN:
      // What SQLite cannot make it tries to read, and finds that it is not there.
      if (system_error == ENOENT && files_.status(path_).exists) return wal_is_refused();
      return error_of_errno(system_error != 0 ? system_error : EACCES);
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
      return error_of_errno(system_error != 0 ? system_error : EIO);
    default:  // there are many ways in which SQLite says that it makes no sense
      if (database != nullptr && database->has_read_error()) return error_of_errno(EIO);
      return damaged("it is damaged");
  }
}

OpenError DataFile::error_of_errno(int error) const {
  const std::string reason = std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return {Kind::kMissingDirectory,
              path_ + " cannot be made: its directory is not there; make that first"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Kind::kNoPermission,
              path_ + " cannot be read and written: " + reason +
                  "; the file and its directory must be writable for whoever runs this"};
    case ENOSPC:
    case EDQUOT:
      return {Kind::kFull, path_ + " cannot be written: " + reason + "; make room first"};
    default:
      return {Kind::kIo, path_ + " cannot be read and written: " + reason + "; look at the disk"};
  }
}

OpenError DataFile::wal_is_refused() const {
  return {Kind::kIo, path_ + " cannot be written: " + wal_path() +
                         " cannot be made; make room, or look at the disk"};
}

OpenError DataFile::damaged(const std::string& what) const {
  return {Kind::kCorrupt, path_ + " cannot be used: " + what +
                              "; restore it from a copy, or move it away to begin anew"};
}

OpenError DataFile::in_use() const {
  return {Kind::kInUse, path_ + " is in use by another process; stop that one first"};
}

OpenError DataFile::newer(std::int64_t version) const {
  return {Kind::kCorrupt, path_ + " cannot be used: it is of format " + std::to_string(version) +
                              ", which a newer Rollcall writes, and this one knows formats up to " +
                              std::to_string(schema_.version()) + "; run the newer one"};
}

}  // namespace rollcall::store::sqlite
