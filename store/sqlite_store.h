#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "store/files.h"
#include "store/open_error.h"
#include "store/sqlite/data_file.h"
#include "store/sqlite/database.h"
#include "store/sqlite/list_rewrite.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/tables.h"
#include "store/store.h"

namespace rollcall::store {

// How much a data file holds.
struct StoreSizes {
  std::uint64_t peers = 0;          // in the last list that was written whole
  std::uint64_t journal_rows = 0;   // batches since then
  std::uint64_t journal_bytes = 0;  // of their records
};

// A store in one SQLite database, which docs/durability.md describes to operators.
//
//   append ──► journal   one row a batch, in order ──┐
//                                                    ├──► load: the list, then the journal on top
//   maintain ─► entries  the list as of a journal ───┘
//                        row, written anew now and then, a few rows a step
//
// It is in WAL mode and held exclusively. `sync` commits one transaction: the batch, a few rows of
// maintenance, and the one row of `state` where it changed. A commit syncs the WAL once;
// checkpoints are the store's own, small ones, after a commit.
//
// *A list is written anew* while the server goes on changing it. What the journal holds when the
// copy begins is in the copy, because the registry knew it first; what comes later stays in the
// journal. A step of the copy comes before the batch of its transaction, so that the list is never
// ahead of the journal. When the last entry is copied, `state` says which rows are the list from
// now on, and with which journal row the journal begins. Rows that nothing points to are deleted in
// steps.
//
// *A damaged file is never taken for a good one*: every row is under a checksum, numbers have no
// gaps, the schema is compared word by word, and the WAL is looked at before SQLite would skip what
// it cannot read. All that happens before the first byte is written.
class SqliteStore final : public Store {
 public:
  enum class WhenMissing : std::uint8_t { kCreate, kRefuse };

  struct Options {
    WhenMissing when_missing = WhenMissing::kCreate;
    // The WAL is copied into the database when it is longer. Short ones are read fast after a
    // crash, and copied without anybody waiting for long.
    std::uint64_t checkpoint_bytes = std::uint64_t{4} << 20;
    // The list is written anew when the journal has this many bytes, and as many as the list.
    std::uint64_t rewrite_bytes_min = std::uint64_t{16} << 20;
    // Under load not before it has twice as many as the list, or so many: a start reads them
    // in 2 to 4 s.
    std::uint64_t rewrite_bytes_under_load = std::uint64_t{192} << 20;
    // Of entries in a step of that, where few changes arrive; where many do, more than they.
    std::size_t step_entries_min = 128;
    // Where the file is. Empty: on the system's disk. They must outlive the store.
    Files* files = nullptr;
    std::string vfs;
    const sqlite::Schema* schema = nullptr;  // empty: the current one
  };

  // Opens the database at `path` and locks it, or says in one line what is wrong and what to do.
  // Where there is none, makes one that has no entries, under another name first. Reads little; a
  // file that is damaged further behind is found by `load`.
  static std::variant<std::unique_ptr<SqliteStore>, OpenError> open(std::string path,
                                                                    Options options);
  // Makes a database at `path` that holds these entries, where there is none. If that fails there
  // is none either.
  static std::optional<OpenError> make(std::string path, Options options, EntrySource& entries,
                                       std::chrono::milliseconds wall_offset);
  // What is durable is in the file and its WAL; where nothing failed, in the file alone.
  ~SqliteStore() override;

  // The file stays as it is, to the byte; one of an older format is migrated with the first change.
  // A result other than kDone is told in full by `error`.
  Loaded load(const Visit& visit) override;
  Result append(std::string_view batch) override;
  Result set_wall_offset(std::chrono::milliseconds offset) override;
  Result maintain(EntrySource& entries, bool& more) override;
  Result sync() override;
  // Writes a new file beside the old one, syncs it, and gives it the old one's name.
  Result replace(EntrySource& entries, std::chrono::milliseconds wall_offset) override;

  // What was wrong. REQUIRES: a call did not return kDone.
  const OpenError& error() const { return *error_; }

  // On any thread.
  StoreSizes sizes() const;

  void check_invariants() const;

 private:
  SqliteStore(std::string path, Options options);

  // What a transaction changes, and a rollback takes back.
  struct Content {
    sqlite::StateRow state;
    sqlite::RowSums journal;  // its rows begin with state.journal_first
    sqlite::ListRewrite rewrite;
  };

  std::optional<OpenError> open_file();
  std::optional<OpenError> make_file(const sqlite::StateRow& state, EntrySource* entries);
  int read(const Visit& visit, bool& is_ended);
  int adopt_replacement();

  // A transaction is open from here on, unless the result is not kDone.
  Result begin();
  Result prepare_to_write();
  // What is not kDone ends the transaction.
  Result end_step(int sqlite_result);
  // Writes down how far the journal reaches, which has to be there before a checkpoint.
  Result note_journal();
  Result commit();
  Result checkpoint();
  // How long the journal may be before the list is written anew.
  std::uint64_t rewrite_due_at() const;
  std::uint64_t wal_bytes() const { return database_->wal_pages() * sqlite::kPageBytes; }
  void roll_back();
  Result fail(OpenError error);
  void publish_sizes();

  const Options options_;
  const std::unique_ptr<Files> own_files_;  // where the options name none
  sqlite::DataFile file_;
  std::optional<sqlite::Database> database_;  // empty only after a replacement that failed
  sqlite::Tables tables_;
  std::int64_t version_ = 0;  // of the schema that the file has
  Content committed_;
  Content pending_;
  bool is_loaded_ = false;
  // What a crash has left in the WAL is in the database, and the WAL's name is synced.
  bool is_ready_to_write_ = false;
  bool is_distrusted_ = false;
  std::uint64_t appended_bytes_ = 0;  // since the last step of maintenance
  std::uint64_t commit_bytes_ = 0;    // of recent commits, on average
  std::uint64_t checkpoint_at_ = 0;   // bytes of the WAL
  std::optional<OpenError> error_;

  mutable std::mutex sizes_mutex_;
  StoreSizes sizes_;
};

}  // namespace rollcall::store
