#include "store/commit_thread.h"

#include <algorithm>
#include <utility>

#include "engine/limits.h"

namespace rollcall::store {
namespace {

// Of the last commit, before the thread gives up.
constexpr int kLastTries = 3;

}  // namespace

CommitThread::CommitThread(GroupCommit& group, ReadClocks read_clocks, OnResolved on_resolved)
    : group_(group), read_clocks_(std::move(read_clocks)), on_resolved_(std::move(on_resolved)) {
  group_.wake_with([this] {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(is_woken_, true)) return;
    }
    changed_.notify_one();
  });
  thread_ = std::thread([this] { run(); });
}

CommitThread::~CommitThread() { stop(); }

bool CommitThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  return is_durable_;
}

void CommitThread::run() {
  while (wait()) commit();
  is_durable_ = commit_the_rest();
}

bool CommitThread::wait() {
  const engine::Instant now = read_clocks_().now;
  std::unique_lock lock(mutex_);
  if (pause_until_ > now) {
    changed_.wait_for(lock, pause_until_ - now, [this] { return is_stopping_; });
  }
  const engine::Instant due = group_.due();
  const auto has_news = [this] { return is_woken_ || is_stopping_; };
  if (due == engine::kNever) {
    changed_.wait(lock, has_news);
  } else if (due > now) {
    changed_.wait_for(lock, due - now, has_news);
  }
  is_woken_ = false;
  return !is_stopping_;
}

Resolved CommitThread::commit() {
  group_.gather();
  const ClockReading reading = read_clocks_();
  const Resolved resolved = group_.commit(reading);
  if (group_.durability() == Durability::kAsync && resolved.verdict == engine::Verdict::kDurable) {
    const bool is_rewriting = group_.due() != engine::kNever;
    pause_until_ = reading.now +
                   (is_rewriting ? GroupCommit::kMaintenancePause : engine::limits::kAsyncCommit);
  }
  on_resolved_(resolved);
  return resolved;
}

bool CommitThread::commit_the_rest() {
  for (int tries = 0; tries < kLastTries; ++tries) {
    if (group_.counters().state == Result::kDistrusted) return false;
    group_.retry_now();
    if (commit().verdict == engine::Verdict::kDurable) return true;
  }
  return false;
}

}  // namespace rollcall::store
