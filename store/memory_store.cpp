#include "store/memory_store.h"

#include <algorithm>

namespace rollcall::store {

void MemoryDevice::fail_after(std::size_t operations, Result result, bool for_good) {
  failure_ = Failure{operations, result, for_good};
}

void MemoryDevice::crash(std::size_t batches_kept) {
  keep(std::min(batches_kept, unsynced_.size()));
  unsynced_.clear();
}

void MemoryDevice::keep(std::size_t batches) {
  const auto end = unsynced_.begin() + static_cast<std::ptrdiff_t>(batches);
  for (auto batch = unsynced_.begin(); batch != end; ++batch) {
    for (const Record& record : *batch) durable_[record.nick] = record;
  }
  unsynced_.erase(unsynced_.begin(), end);
}

Result MemoryDevice::next_result() {
  if (!failure_.has_value()) return Result::kDone;
  if (failure_->operations_left > 0) {
    --failure_->operations_left;
    return Result::kDone;
  }
  const Result result = failure_->result;
  if (!failure_->for_good) failure_.reset();
  return result;
}

Result MemoryStore::load(const std::function<void(const Record&)>& visit) {
  // Whoever starts anew has lost what the one before did not sync.
  device_.crash(0);
  for (const auto& [nick, record] : device_.durable_) visit(record);
  return Result::kDone;
}

Result MemoryStore::append(std::span<const Record> batch) {
  const Result result = device_.next_result();
  if (result == Result::kDone) device_.unsynced_.emplace_back(batch.begin(), batch.end());
  return result;
}

Result MemoryStore::sync() {
  const Result result = device_.next_result();
  if (result == Result::kDone) device_.keep(device_.unsynced_.size());
  return result;
}

}  // namespace rollcall::store
