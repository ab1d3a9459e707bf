#include "store/memory_store.h"

#include <algorithm>
#include <utility>

namespace rollcall::store {
namespace {

// Small, so that few operations of a test take maintenance through several steps.
constexpr std::size_t kEntriesPerStep = 8;

}  // namespace

void MemoryDevice::fail_after(std::size_t operations, Result result, bool for_good) {
  failure_ = Failure{operations, result, for_good};
}

void MemoryDevice::crash(std::size_t batches_kept) {
  const std::size_t kept = std::min(batches_kept, unsynced_.size());
  std::move(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(kept),
            std::back_inserter(durable_.batches));
  unsynced_.clear();
  unsynced_offset_.reset();
}

Result MemoryDevice::next_result() {
  if (is_distrusted_) return Result::kDistrusted;
  if (!failure_.has_value()) return Result::kDone;
  if (failure_->operations_left > 0) {
    --failure_->operations_left;
    return Result::kDone;
  }
  const Result result = failure_->result;
  if (!failure_->for_good) failure_.reset();
  is_distrusted_ = result == Result::kDistrusted;
  return result;
}

Loaded MemoryStore::load(const Visit& visit) {
  // Whoever starts anew has lost what the one before did not sync.
  device_.crash(0);
  device_.is_distrusted_ = false;
  const std::chrono::milliseconds wall_offset = device_.durable_.wall_offset;
  for (const std::string& batch : device_.durable_.batches) {
    if (!visit(wall_offset, batch)) break;
  }
  return {Result::kDone, wall_offset};
}

Result MemoryStore::append(std::string_view batch) {
  const Result result = device_.next_result();
  if (result == Result::kDone) device_.unsynced_.emplace_back(batch);
  return drop_unless_done(result);
}

Result MemoryStore::set_wall_offset(std::chrono::milliseconds offset) {
  const Result result = device_.next_result();
  if (result == Result::kDone) device_.unsynced_offset_ = offset;
  return drop_unless_done(result);
}

Result MemoryStore::maintain(EntrySource& entries, bool& more) {
  more = false;
  if (!rewrite_.has_value()) {
    if (device_.durable_.batches.size() < kBatchesMax) return Result::kDone;
    rewrite_ = Rewrite{{}, {}, device_.durable_.batches.size(), false};
  }
  rewrite_->is_read = !entries.read(rewrite_->position, kEntriesPerStep, rewrite_->packed);
  more = !rewrite_->is_read;
  return Result::kDone;
}

Result MemoryStore::sync() {
  const bool is_waiting = !device_.unsynced_.empty() || device_.unsynced_offset_.has_value() ||
                          (rewrite_.has_value() && rewrite_->is_read);
  if (!is_waiting) return Result::kDone;
  const Result result = device_.next_result();
  if (result != Result::kDone) return drop_unless_done(result);
  if (device_.unsynced_offset_) device_.durable_.wall_offset = *device_.unsynced_offset_;
  if (rewrite_.has_value() && rewrite_->is_read) {
    auto& batches = device_.durable_.batches;
    batches.erase(batches.begin(),
                  batches.begin() + static_cast<std::ptrdiff_t>(rewrite_->batches_before));
    batches.insert(batches.begin(), std::move(rewrite_->packed));
    rewrite_.reset();
  }
  device_.crash(device_.unsynced_.size());
  return Result::kDone;
}

Result MemoryStore::replace(EntrySource& entries, std::chrono::milliseconds wall_offset) {
  device_.is_distrusted_ = false;
  const Result result = device_.next_result();
  if (result != Result::kDone) {
    device_.is_distrusted_ = true;
    return drop_unless_done(result);
  }
  std::string packed;
  EntrySource::Position position;
  while (entries.read(position, kEntriesPerStep, packed)) {
  }
  device_.crash(0);
  device_.durable_ = {{std::move(packed)}, wall_offset};
  rewrite_.reset();
  return Result::kDone;
}

Result MemoryStore::drop_unless_done(Result result) {
  if (result != Result::kDone) {
    device_.crash(0);
    rewrite_.reset();
  }
  return result;
}

}  // namespace rollcall::store
