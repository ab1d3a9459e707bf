#include "tests/support/sqlite_store_opener.h"

#include <memory>
#include <utility>

namespace rollcall::tests {
namespace {

using store::OpenError;
using store::Result;
using store::SqliteStore;

std::string objection_to(const OpenError& error) {
  switch (error.kind) {
    case OpenError::Kind::kNoPermission:
    case OpenError::Kind::kFull:
    case OpenError::Kind::kIo:
      return "";
    case OpenError::Kind::kCorrupt:
    case OpenError::Kind::kInUse:
    case OpenError::Kind::kMissing:
    case OpenError::Kind::kExists:
    case OpenError::Kind::kMissingDirectory:
      return "not true: " + error.message;
  }
  __builtin_unreachable();
}

class WatchedStore final : public store::Store {
 public:
  WatchedStore(std::unique_ptr<SqliteStore> store, std::string& objection)
      : store_(std::move(store)), objection_(objection) {}

  store::Loaded load(const Visit& visit) override {
    const store::Loaded loaded = store_->load(visit);
    look_at(loaded.result);
    return loaded;
  }
  Result append(std::string_view batch) override { return look_at(store_->append(batch)); }
  Result set_wall_offset(std::chrono::milliseconds offset) override {
    return look_at(store_->set_wall_offset(offset));
  }
  Result maintain(store::EntrySource& entries, bool& more) override {
    return look_at(store_->maintain(entries, more));
  }
  Result sync() override { return look_at(store_->sync()); }
  Result replace(store::EntrySource& entries, std::chrono::milliseconds wall_offset) override {
    return look_at(store_->replace(entries, wall_offset));
  }

 private:
  Result look_at(Result result) {
    store_->check_invariants();
    if (result != Result::kDone && objection_.empty()) objection_ = objection_to(store_->error());
    return result;
  }

  const std::unique_ptr<SqliteStore> store_;
  std::string& objection_;
};

}  // namespace

ProcessOnDisk::Opener sqlite_store_opener(const SqliteStore::Options& options) {
  return [options](SimulatedDisk& disk, std::string& objection) -> std::unique_ptr<store::Store> {
    SqliteStore::Options on_disk = options;
    on_disk.files = &disk;
    on_disk.vfs = disk.vfs_name();
    auto opened = SqliteStore::open(kDataFile, on_disk);
    if (const auto* error = std::get_if<OpenError>(&opened)) {
      if (objection.empty()) objection = objection_to(*error);
      return nullptr;
    }
    return std::make_unique<WatchedStore>(std::get<0>(std::move(opened)), objection);
  };
}

}  // namespace rollcall::tests
