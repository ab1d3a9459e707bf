#pragma once

#include <cstdint>
#include <string>

#include "store/files.h"

namespace rollcall::store::sqlite {

// What can be said of a WAL (sqlite.org/fileformat2.html#walformat) before SQLite opens it. SQLite
// takes it up to the first frame that is not whole, as a power loss leaves it, and silently leaves
// out the rest.
struct WalInspection {
  int error = 0;  // errno, if it cannot be read; nothing else is known then
  // There are transactions behind one that is not whole. Each was written when the one before it
  // was synced: no power loss does that.
  bool is_damaged = false;
};

// No WAL is a good one. REQUIRES: nobody writes to it.
WalInspection inspect_wal(Files& files, const std::string& path);

}  // namespace rollcall::store::sqlite
