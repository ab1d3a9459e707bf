#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rollcall::store::sqlite {

// SQLite as this store needs it: a connection and its statements, closed with them, and nothing
// else. What can fail returns SQLite's extended result code.

// A statement that is prepared once and run many times. It belongs to one connection, which must
// outlive it.
class Statement {
 public:
  Statement() = default;

  bool is_prepared() const { return statement_ != nullptr; }

  // Parameters count from 1. What is bound must stay where it is until the statement is reset.
  void bind(int parameter, std::int64_t value);
  void bind_blob(int parameter, std::string_view bytes);

  // SQLITE_ROW, SQLITE_DONE, or what went wrong.
  int step();
  // Runs it to its end and makes it ready to be run again. SQLITE_OK, or what went wrong.
  int run();
  // Ready to be run again. Every reading ends with it: a statement that is in the midst of one
  // holds a transaction open.
  void reset();

  // Columns of the row, counted from 0. Views end with the next step or reset.
  int type(int column) const;
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  std::string_view blob(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // `flags` are those of sqlite3_open_v2; `vfs` is empty for the system's.
  static int open(const std::string& name, int flags, const std::string& vfs,
                  std::optional<Database>& to);

  int run(const char* sql);
  int prepare(const char* sql, Statement& to);
  // The single integer that `sql` gives.
  int query(const char* sql, std::int64_t& to);

  // Transactions begin and end often enough to be prepared.
  int begin();
  int commit();
  int roll_back() { return run("ROLLBACK"); }
  bool is_in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }
  bool is_read_only() const { return sqlite3_db_readonly(connection_.get(), "main") == 1; }
  // Whether the last connection to a database in WAL mode copies the WAL into it when it closes.
  void set_checkpoint_on_close(bool is_on);
  // Copies the WAL into the database. Whether all of it was.
  int checkpoint(bool& is_complete);
  // And leaves nothing in the WAL, not even what a crash has left there in part.
  int checkpoint_and_empty_wal(bool& is_complete);
  // In the WAL after the last commit of this connection that are not in the database yet.
  std::uint64_t wal_pages() const { return *wal_pages_; }
  // The system's number of the last error, if it has one.
  int system_error() const { return sqlite3_system_errno(connection_.get()); }
  // Whether the system could not read the database or its WAL, which SQLite takes for damage.
  bool has_read_error() const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<std::uint64_t> wal_pages_;  // stays where it is, for the connection
  std::unique_ptr<sqlite3, Close> connection_;
  Statement begin_;
  Statement commit_;
};

}  // namespace rollcall::store::sqlite
