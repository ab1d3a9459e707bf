#pragma once

#include "store/sqlite_store.h"
#include "tests/support/process_on_disk.h"

namespace rollcall::tests {

inline constexpr const char* kDataFile = "/rollcall.db";

// Opens the SqliteStore in `kDataFile` of a disk on which nothing was ever damaged: that it says
// so, or that another process has it, is objected to. Invariants are checked after each call.
ProcessOnDisk::Opener sqlite_store_opener(const store::SqliteStore::Options& options);

}  // namespace rollcall::tests
