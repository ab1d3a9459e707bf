#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace rollcall::store {

// The bytes of a device that outlives the store that writes to it, as a disk outlives a process.
class MemoryDevice {
 public:
  // The next `operations` appends and syncs succeed, the one after them gives `result`, and so do
  // all that follow if `for_good`.
  void fail_after(std::size_t operations, Result result, bool for_good);
  void heal() { failure_.reset(); }

  // Power is lost: of the batches that were not synced, the first `batches_kept` survive.
  void crash(std::size_t batches_kept);

  std::size_t unsynced_batches() const { return unsynced_.size(); }

 private:
  friend class MemoryStore;

  struct Failure {
    std::size_t operations_left;
    Result result;
    bool for_good;
  };

  Result next_result();
  // Makes the first `batches` that were not synced durable.
  void keep(std::size_t batches);

  std::map<std::string, Record> durable_;
  std::vector<std::vector<Record>> unsynced_;
  std::optional<Failure> failure_;
};

// A store that keeps everything in memory and fails on demand: for tests and simulation.
class MemoryStore final : public Store {
 public:
  // `device` must outlive the store.
  explicit MemoryStore(MemoryDevice& device) : device_(device) {}

  Result load(const std::function<void(const Record&)>& visit) override;
  Result append(std::span<const Record> batch) override;
  Result sync() override;

 private:
  MemoryDevice& device_;
};

}  // namespace rollcall::store
