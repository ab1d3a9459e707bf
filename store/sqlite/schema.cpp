#include "store/sqlite/schema.h"

#include <optional>
#include <string>

namespace rollcall::store::sqlite {
namespace {

// docs/durability.md explains it to whoever opens a file. The view reads records as store/record.h
// packs them; where a byte is in `all_bytes` is its value, which is all that SQLite has for it.
constexpr const char* kVersion1 = R"(
CREATE TABLE journal(
  sequence INTEGER PRIMARY KEY,
  records BLOB NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,
  records BLOB NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  journal_first INTEGER NOT NULL,
  journal_reached INTEGER NOT NULL,
  entries_first INTEGER NOT NULL,
  entries_last INTEGER NOT NULL,
  entries_count INTEGER NOT NULL,
  entries_bytes INTEGER NOT NULL,
  entries_checksum INTEGER NOT NULL,
  wall_offset_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL);
CREATE VIEW peers AS
WITH RECURSIVE
  bytes(all_bytes) AS (SELECT CAST(
    x'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F' ||
    x'202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F' ||
    x'404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F' ||
    x'606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F' ||
    x'808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9F' ||
    x'A0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF' ||
    x'C0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF' ||
    x'E0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF' AS BLOB)),
  place(id, at, next) AS (
    SELECT entries.id, 0, 1 FROM entries, state WHERE entries.id BETWEEN entries_first AND entries_last
    UNION ALL
    SELECT id, next, next + 22
        + CASE instr(all_bytes, substr(records, next, 1)) - 1 & 4 WHEN 4 THEN 4 ELSE 16 END
        + CASE instr(all_bytes, substr(records, next, 1)) - 1 & 2 WHEN 2 THEN 16 ELSE 0 END
        + instr(all_bytes, substr(records, next + 1, 1)) - 1
      FROM place JOIN entries USING(id), bytes WHERE next <= length(records)
      ORDER BY 1),
  record(bytes) AS (
    SELECT substr(records, at, next - at) FROM place CROSS JOIN entries USING(id) WHERE at > 0),
  field(flags, nick, port, registered, deadline_ms, v4, v6) AS (SELECT
    instr(all_bytes, substr(bytes, 1, 1)) - 1,
    CAST(substr(bytes, 1 - instr(all_bytes, substr(bytes, 2, 1))) AS TEXT),
    instr(all_bytes, substr(bytes, 3, 1)) - 1
      + (instr(all_bytes, substr(bytes, 4, 1)) - 1 << 8),
    instr(all_bytes, substr(bytes, 11, 1)) - 1
      + (instr(all_bytes, substr(bytes, 12, 1)) - 1 << 8)
      + (instr(all_bytes, substr(bytes, 13, 1)) - 1 << 16)
      + (instr(all_bytes, substr(bytes, 14, 1)) - 1 << 24),
    instr(all_bytes, substr(bytes, 15, 1)) - 1
      + (instr(all_bytes, substr(bytes, 16, 1)) - 1 << 8)
      + (instr(all_bytes, substr(bytes, 17, 1)) - 1 << 16)
      + (instr(all_bytes, substr(bytes, 18, 1)) - 1 << 24)
      + (instr(all_bytes, substr(bytes, 19, 1)) - 1 << 32)
      + (instr(all_bytes, substr(bytes, 20, 1)) - 1 << 40),
    (instr(all_bytes, substr(bytes, 23, 1)) - 1) || '.' ||
      (instr(all_bytes, substr(bytes, 24, 1)) - 1) || '.' ||
      (instr(all_bytes, substr(bytes, 25, 1)) - 1) || '.' ||
      (instr(all_bytes, substr(bytes, 26, 1)) - 1),
    lower(hex(substr(bytes, 23, 2)) || ':' || hex(substr(bytes, 25, 2)) || ':' ||
      hex(substr(bytes, 27, 2)) || ':' || hex(substr(bytes, 29, 2)) || ':' ||
      hex(substr(bytes, 31, 2)) || ':' || hex(substr(bytes, 33, 2)) || ':' ||
      hex(substr(bytes, 35, 2)) || ':' || hex(substr(bytes, 37, 2)))
    FROM record, bytes)
SELECT
  nick,
  CASE flags & 4 WHEN 4 THEN v4 ELSE v6 END AS host,
  port,
  CASE flags & 1 WHEN 1 THEN 'active' ELSE 'inactive' END AS state,
  datetime(registered, 'unixepoch') AS registered,
  CASE flags & 1 WHEN 1 THEN datetime((deadline_ms + wall_offset_ms) / 1000, 'unixepoch')
    END AS expires,
  CASE flags & 1 WHEN 0 THEN datetime((deadline_ms + wall_offset_ms) / 1000, 'unixepoch')
    END AS inactive_since
FROM field, state;
)";

// The journal has renewals (store/journal.h), which servers before it do not know. Tables are the
// same.
constexpr const char* kVersion2 = "";

constexpr const char* kMigrations[] = {kVersion1, kVersion2};
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
