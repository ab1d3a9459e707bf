#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/failure.h"
#include "engine/change.h"
#include "engine/registry/registry.h"
#include "store/commit_thread.h"
#include "store/group_commit.h"
#include "store/recovery.h"
#include "store/registry_entries.h"
#include "store/sqlite_store.h"

namespace rollcall::apps {

// A server's list and the file that it is kept in.
//
//   make ─► recover ─► changes() ─► start ─► (the server serves) ─► stop
class DurableList {
 public:
  // Takes the file at `path`, making it where there is none, or says why not. `registry` must
  // outlive this.
  DurableList(std::string path, engine::Registry& registry, store::Durability durability);

  // Opens the file and brings the empty registry to what it holds. `progress` gets a line about it
  // now and then where it takes long. Empty if the server may start.
  std::optional<Failure> recover(const std::function<void(const std::string&)>& progress);
  // REQUIRES, of this and what follows: recover() succeeded.
  const store::Recovered& recovered() const { return *recovered_; }
  engine::ChangeLog& changes() { return *group_; }

  // From here on changes are made durable; `on_resolved` is told what became of them, on a thread
  // of this object's.
  void start(store::CommitThread::OnResolved on_resolved);
  // Makes durable what was changed until now. Whether that succeeded; further calls say the same.
  // REQUIRES: start() was called, and no engine makes changes any more.
  bool stop();

  store::CommitCounters counters() const { return group_->counters(); }
  store::StoreSizes sizes() const { return store_->sizes(); }
  // Why the last commit failed. REQUIRES: it did, and `on_resolved` is being told.
  const std::string& error() const { return store_->error().message; }

 private:
  const std::string path_;
  engine::Registry& registry_;
  const store::Durability durability_;
  std::unique_ptr<store::SqliteStore> store_;
  std::optional<store::Recovered> recovered_;
  std::optional<store::RegistryEntries> entries_;
  std::optional<store::GroupCommit> group_;
  std::optional<store::CommitThread> thread_;
};

}  // namespace rollcall::apps
