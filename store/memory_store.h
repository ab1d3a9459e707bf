#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace rollcall::store {

// The bytes of a device that outlives the store that writes to it, as a disk outlives a process.
class MemoryDevice {
 public:
  // The next `operations` calls that write succeed, the one after them gives `result`, and so do
  // all that follow if `for_good`. A kDistrusted is kept until a `replace` is done.
  void fail_after(std::size_t operations, Result result, bool for_good);
  void heal() { failure_.reset(); }

  // Power is lost: of the batches that were not synced, the first `batches_kept` survive.
  void crash(std::size_t batches_kept);

  std::size_t unsynced_batches() const { return unsynced_.size(); }
  // Batches and rewritten lists that are kept; `maintain` keeps their number small.
  std::size_t durable_batches() const { return durable_.batches.size(); }

 private:
  friend class MemoryStore;

  struct Failure {
    std::size_t operations_left;
    Result result;
    bool for_good;
  };
  struct Content {
    std::vector<std::string> batches;
    std::chrono::milliseconds wall_offset{0};
  };

  Result next_result();

  Content durable_;
  std::vector<std::string> unsynced_;
  std::optional<std::chrono::milliseconds> unsynced_offset_;
  std::optional<Failure> failure_;
  bool is_distrusted_ = false;
};

// A store that keeps everything in memory and fails on demand: for tests and simulation. Its
// maintenance reads all entries in small steps and, when it has read them all, drops the batches
// from before it began, as a real store does.
class MemoryStore final : public Store {
 public:
  // Durable ones, from which on maintenance begins: few, so that a test comes to it.
  static constexpr std::size_t kBatchesMax = 12;

  // `device` must outlive the store.
  explicit MemoryStore(MemoryDevice& device) : device_(device) {}

  Loaded load(const Visit& visit) override;
  Result append(std::string_view batch) override;
  Result set_wall_offset(std::chrono::milliseconds offset) override;
  Result maintain(EntrySource& entries, bool& more) override;
  Result sync() override;
  Result replace(EntrySource& entries, std::chrono::milliseconds wall_offset) override;

 private:
  // A reading of all entries that is under way.
  struct Rewrite {
    EntrySource::Position position;
    std::string packed;
    std::size_t batches_before;  // durable ones that it will take the place of
    bool is_read;                // takes their place with the next sync
  };

  // What is waiting is dropped where `result` is a failure.
  Result drop_unless_done(Result result);

  MemoryDevice& device_;
  std::optional<Rewrite> rewrite_;
};

}  // namespace rollcall::store
