#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "apps/failure.h"
#include "store/recovery.h"
#include "store/sqlite_store.h"

namespace rollcall::apps {

// Takes the data file at `path`, or says why not.
std::variant<std::unique_ptr<store::SqliteStore>, Failure> open_data_file(
    const std::string& path, store::SqliteStore::WhenMissing when_missing);

// What a recovery from it failed for; empty if it did not.
std::optional<Failure> failure_of(const store::Recovered& recovered, const std::string& path,
                                  const store::SqliteStore& store);

// `rollcalld check`, `export` and `import`: they return the exit status.
int check_data_file(const std::string& path);
int export_data_file(const std::string& path, bool with_cookies);
int import_data_file(const std::string& path);

}  // namespace rollcall::apps
