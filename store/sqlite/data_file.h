#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store/files.h"
#include "store/open_error.h"
#include "store/sqlite/database.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/tables.h"
#include "store/store.h"

namespace rollcall::store::sqlite {

// A large transaction costs SQLite and the system some time for each page, a small one writes a few
// whole pages: with four times SQLite's 4096 bytes the first takes a fifth less, the second no
// longer.
inline constexpr std::size_t kPageBytes = 16384;

// A data file where it lies: the database `path` and, while it is in use or after a crash, its WAL
// `path`-wal. Another database takes its place in steps, each synced before the next:
//
//   path-new    is written, and worth nothing
//   path-next   is that one when it is whole: what `path` and its WAL hold no longer counts
//   path-wal    is removed, because SQLite would take it for the new database's
//   path        is what was path-next
class DataFile {
 public:
  // `files`, and the VFS of this name, must outlive it; both see the same disk.
  DataFile(std::string path, Files& files, std::string vfs, const Schema& schema)
      : path_(std::move(path)), files_(files), vfs_(std::move(vfs)), schema_(schema) {}

  const std::string& path() const { return path_; }
  const Schema& schema() const { return schema_; }

  // Keeps other processes away as long as this lives: SQLite's lock is that of a database, and does
  // not reach over to the one that takes its place.
  std::optional<OpenError> lock();
  // Whether there is nothing here, so that there is nothing to lock either.
  bool is_absent();
  // Whether there is one; a WAL that is left of one that is missing is an error. REQUIRES: locked.
  // Goes on where a change of databases was interrupted.
  std::optional<OpenError> look(bool& exists);

  // Opens the database for this process alone, unless it is damaged as far as a first look shows;
  // it stays as it is, to the byte. `version` is that of its schema, whose tables and views are as
  // they should be.
  //
  // REQUIRES: this process does not have it open. SQLite's lock would be lost, because on Unix a
  // process loses all locks on a file when it closes it once.
  std::optional<OpenError> open(std::optional<Database>& to, std::int64_t& version);

  // Writes another database that holds `state`, and in the place of its entries those of `entries`,
  // if there are some. If that fails, everything is as it was.
  std::optional<OpenError> write_new(const StateRow& state, EntrySource* entries);
  // From here on it is the one that counts, if only it is there after a crash.
  std::optional<OpenError> publish_new();
  // REQUIRES: this process has neither open.
  std::optional<OpenError> take_over();
  // Where one of these two failed and there was none before, there is none again, as far as the
  // disk still does what it is told. REQUIRES: as above.
  void take_back_new();

  // From then on files that were made or renamed here stay so.
  std::optional<OpenError> sync_directory();

  // In one line, for whoever runs the server.
  // `database` is where the result is from, if it could be opened.
  OpenError error_of(int result, const Database* database) const;
  OpenError damaged(const std::string& what) const;

 private:
  std::string new_path() const { return path_ + "-new"; }
  std::string next_path() const { return path_ + "-next"; }
  std::string wal_path() const { return path_ + "-wal"; }
  std::string lock_path() const { return path_ + "-lock"; }

  OpenError error_of_errno(int error) const;
  OpenError wal_is_refused() const;
  OpenError newer(std::int64_t version) const;
  OpenError in_use() const;
  std::optional<OpenError> inspect_header();
  std::optional<OpenError> connect(std::optional<Database>& to);
  std::optional<OpenError> check_schema(Database& database, std::int64_t& version);
  std::optional<OpenError> rename(const std::string& from, const std::string& to);
  void remove_new();

  const std::string path_;
  Files& files_;
  const std::string vfs_;
  const Schema& schema_;
  std::unique_ptr<Files::Lock> lock_;
};

}  // namespace rollcall::store::sqlite
