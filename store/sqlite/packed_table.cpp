#include "store/sqlite/packed_table.h"

#include <string>
#include <utility>

#include "engine/registry/siphash.h"

namespace rollcall::store::sqlite {

std::uint64_t checksum(RowKind kind, std::int64_t id, std::string_view bytes) {
  const engine::HashKey key{static_cast<std::uint64_t>(kind), as_unsigned(id)};
  return engine::siphash13(key, bytes);
}

int PackedTable::prepare(Database& database, RowKind kind, std::string_view name) {
  kind_ = kind;
  const std::string table(name);
  const std::string within = table + " WHERE rowid BETWEEN ?1 AND ?2";
  const std::pair<std::string, Statement*> all[] = {
      {"INSERT INTO " + table + "(rowid, records, checksum) VALUES(?, ?, ?)", &append_},
      {"SELECT rowid, records, checksum FROM " + within + " ORDER BY rowid", &read_},
      {"SELECT (SELECT min(rowid) FROM " + within + "), (SELECT max(rowid) FROM " + within + ")",
       &find_},
      {"SELECT count(*) FROM " + within, &count_},
      {"SELECT length(records) FROM " + table + " WHERE rowid = ?", &length_},
      {"DELETE FROM " + table + " WHERE rowid = ?", &delete_},
  };
  for (const auto& [sql, statement] : all) {
    const int result = database.prepare(sql.c_str(), *statement);
    if (result != SQLITE_OK) return result;
  }
  return SQLITE_OK;
}

int PackedTable::append(std::string_view records, RowSums& rows) {
  const std::int64_t id = ++rows.ids.last;
  const std::uint64_t sum = checksum(kind_, id, records);
  rows.bytes += records.size();
  rows.checksum += sum;
  append_.bind(1, id);
  append_.bind_blob(2, records);
  append_.bind(3, as_signed(sum));
  return append_.run();
}

int PackedTable::read(const RowRange& within, const Visit& visit, RowSums& found) {
  found = {.ids = {within.first, within.first - 1}};
  read_.bind(1, within.first);
  read_.bind(2, within.last);
  int result = read_.step();
  for (; result == SQLITE_ROW; result = read_.step()) {
    const std::int64_t id = read_.integer(0);
    const std::string_view records = read_.blob(1);
    const auto expected = as_unsigned(read_.integer(2));
    if (id != found.ids.last + 1 || checksum(kind_, id, records) != expected) {
      result = SQLITE_CORRUPT;
      break;
    }
    found.ids.last = id;
    found.bytes += records.size();
    found.checksum += expected;
    if (!visit(records)) {
      result = SQLITE_DONE;
      break;
    }
  }
  read_.reset();
  return result == SQLITE_DONE ? SQLITE_OK : result;
}

int PackedTable::find(const RowRange& within, RowRange& rows) {
  find_.bind(1, within.first);
  find_.bind(2, within.last);
  const int result = find_.step();
  rows = {};
  if (result == SQLITE_ROW && find_.type(0) != SQLITE_NULL) {
    rows = {find_.integer(0), find_.integer(1)};
  }
  find_.reset();
  return result == SQLITE_ROW ? SQLITE_OK : result;
}

int PackedTable::expect(const RowRange& rows) {
  if (rows.empty()) return SQLITE_OK;
  count_.bind(1, rows.first);
  count_.bind(2, rows.last);
  const int result = count_.step();
  const bool are_there = result == SQLITE_ROW && as_unsigned(count_.integer(0)) == rows.size();
  count_.reset();
  if (result != SQLITE_ROW) return result;
  return are_there ? SQLITE_OK : SQLITE_CORRUPT;
}

int PackedTable::delete_row(std::int64_t id, std::uint64_t& bytes) {
  length_.bind(1, id);
  const int result = length_.step();
  bytes = result == SQLITE_ROW ? as_unsigned(length_.integer(0)) : 0;
  length_.reset();
  if (result == SQLITE_DONE) return SQLITE_OK;
  if (result != SQLITE_ROW) return result;
  // RETURNING would say the length as well, but SQLite prepares to take such a statement back, and
  // saves each page that it frees, in a temporary file if there are many.
  delete_.bind(1, id);
  return delete_.run();
}

}  // namespace rollcall::store::sqlite
