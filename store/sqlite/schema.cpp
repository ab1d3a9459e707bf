#include "store/sqlite/schema.h"

#include <optional>
#include <string>

namespace rollcall::store::sqlite {
namespace {

// docs/durability.md explains it to whoever opens a file.
constexpr const char* kVersion1 = R"(
CREATE TABLE journal(
  sequence INTEGER PRIMARY KEY,
  records BLOB NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,
  nick TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  is_active INTEGER NOT NULL,
  cookie BLOB,
  deadline_ms INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  activity_bits INTEGER NOT NULL,
  activity_day INTEGER NOT NULL);
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  journal_first INTEGER NOT NULL,
  journal_reached INTEGER NOT NULL,
  entries_first INTEGER NOT NULL,
  entries_last INTEGER NOT NULL,
  entries_bytes INTEGER NOT NULL,
  entries_checksum INTEGER NOT NULL,
  wall_offset_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL);
CREATE VIEW peers AS SELECT
  nick,
  host,
  port,
  CASE is_active WHEN 1 THEN 'active' ELSE 'inactive' END AS state,
  datetime(registered_at, 'unixepoch') AS registered,
  CASE is_active WHEN 1 THEN datetime((deadline_ms + wall_offset_ms) / 1000, 'unixepoch')
    END AS expires,
  CASE is_active WHEN 0 THEN datetime((deadline_ms + wall_offset_ms) / 1000, 'unixepoch')
    END AS inactive_since
FROM entries, state WHERE entries.id BETWEEN entries_first AND entries_last;
)";

constexpr const char* kMigrations[] = {kVersion1};
constexpr Schema kCurrent{kMigrations};

// Every object of a database, as one text.
int objects(Database& database, std::string& to) {
  Statement all;
  int result = database.prepare(
      "SELECT coalesce(group_concat(type || ' ' || name || ' ' || tbl_name || ' ' || "
      "coalesce(sql, ''), char(10)), '') "
      "FROM (SELECT * FROM sqlite_schema ORDER BY type, name)",
      all);
  if (result != SQLITE_OK) return result;
  result = all.step();
  if (result == SQLITE_ROW) to = all.text(0);
  all.reset();
  return result == SQLITE_ROW ? SQLITE_OK : result;
}

}  // namespace

const Schema& current_schema() { return kCurrent; }

int migrate(Database& database, const Schema& schema, std::int64_t version) {
  for (; version < schema.version(); ++version) {
    const int result = database.run(schema.migrations[static_cast<std::size_t>(version)]);
    if (result != SQLITE_OK) return result;
  }
  return database.run(("PRAGMA user_version=" + std::to_string(schema.version())).c_str());
}

int check_objects(Database& database, const Schema& schema, std::int64_t version) {
  std::string found;
  int result = objects(database, found);
  if (result != SQLITE_OK) return result;

  std::optional<Database> blank;
  result = Database::open(":memory:", SQLITE_OPEN_READWRITE, {}, blank);
  if (result != SQLITE_OK) return result;
  const Schema until{schema.migrations.first(static_cast<std::size_t>(version))};
  result = migrate(*blank, until, 0);
  if (result != SQLITE_OK) return result;
  std::string expected;
  result = objects(*blank, expected);
  if (result != SQLITE_OK) return result;
  return found == expected ? SQLITE_OK : SQLITE_CORRUPT;
}

}  // namespace rollcall::store::sqlite
