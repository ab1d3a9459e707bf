#pragma once

#include <cstdint>
#include <span>

#include "store/sqlite/database.h"

namespace rollcall::store::sqlite {

// What a database consists of, as the steps that lead there. A file of version v has had the first
// v of them; one that is newer than the last is refused.
struct Schema {
  std::span<const char* const> migrations;

  std::int64_t version() const { return static_cast<std::int64_t>(migrations.size()); }
};

const Schema& current_schema();

// In the file's header, so that `file` and this store know whose it is: "RlCl".
inline constexpr std::int64_t kApplicationId = 0x526C436C;

// Brings a database that has `version` to the schema's, within the transaction that is open.
int migrate(Database& database, const Schema& schema, std::int64_t version);

// Whether the tables and views are, word by word, those of `version`: nothing in a file may be
// run or read before that is known. SQLITE_OK, SQLITE_CORRUPT where they are not, or what went
// wrong.
int check_objects(Database& database, const Schema& schema, std::int64_t version);

}  // namespace rollcall::store::sqlite
