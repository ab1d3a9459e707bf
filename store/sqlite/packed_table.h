#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>

#include "store/sqlite/database.h"

namespace rollcall::store::sqlite {

// Rows with consecutive ids, both ends included; empty where `last` is less than `first`.
struct RowRange {
  std::int64_t first = 1;
  std::int64_t last = 0;

  bool empty() const { return last < first; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(last - first + 1); }

  friend bool operator==(const RowRange&, const RowRange&) = default;
};

// What there is in rows with consecutive ids.
struct RowSums {
  RowRange ids;
  std::uint64_t bytes = 0;  // of their packed records
  std::uint64_t checksum =
      0;  // the sum of theirs: an old page in the place of a new one is noticed

  // Leaves out rows that they begin with.
  void drop_front(const RowSums& front) {
    ids.first = front.ids.last + 1;
    bytes -= front.bytes;
    checksum -= front.checksum;
  }

  friend bool operator==(const RowSums&, const RowSums&) = default;
};

inline constexpr RowRange kAllRows{std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max()};

// SQLite has signed integers only.
inline std::int64_t as_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }
inline std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// What a checksum is of, beside the bytes: a row that is taken for another one is noticed.
enum class RowKind : std::uint64_t { kJournal = 1, kEntries, kState };

// 64 bits of SipHash-1-3 under a fixed key. They are there to notice damage by accident; whoever
// can write the file can make a list of their own.
std::uint64_t checksum(RowKind kind, std::int64_t id, std::string_view bytes);

// A table whose rows hold packed records, under a checksum of them and of the row's id.
class PackedTable {
 public:
  // `database` must outlive it. The table has `name`, and columns `records` and `checksum` beside
  // its id.
  int prepare(Database& database, RowKind kind, std::string_view name);

  // Adds a row behind those of `rows`. REQUIRES: there is none.
  int append(std::string_view records, RowSums& rows);

  // Calls `visit` for each row of those `within`, until it says no. They have to begin with the
  // first and follow one another without a gap.
  using Visit = std::function<bool(std::string_view packed)>;
  int read(const RowRange& within, const Visit& visit, RowSums& found);

  // The ids from the lowest to the highest that a row has of those `within`. Empty if none has.
  int find(const RowRange& within, RowRange& rows);
  // SQLITE_CORRUPT if one of these is not there.
  int expect(const RowRange& rows);
  // `bytes` are those of the records in the row; there are none if there is no such row.
  int delete_row(std::int64_t id, std::uint64_t& bytes);

 private:
  RowKind kind_ = RowKind::kJournal;
  Statement append_;
  Statement read_;
  Statement find_;
  Statement count_;
  Statement length_;
  Statement delete_;
};

}  // namespace rollcall::store::sqlite
