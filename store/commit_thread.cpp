#include "store/commit_thread.h"

#include <algorithm>
#include <utility>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#endif

#include "engine/limits.h"

namespace rollcall::store {
namespace {

// Of the last commit, before the thread gives up.
constexpr int kLastTries = 3;

// Asks for the shortest slices of the processor there are. This thread mostly waits for the disk,
// and when that is done everybody waits for this thread: with slices shorter than theirs it goes on
// at once, and does not wait until a busy engine's has passed, which may be milliseconds.
// Linux 6.12 and later heed it (sched_setattr(2)); nothing depends on it.
void ask_for_short_slices() {
#if defined(__linux__)
  constexpr std::uint64_t kSliceNs = 100'000;
  struct {  // sched_attr, as it was first
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime_ns;
    std::uint64_t deadline_ns;
    std::uint64_t period_ns;
  } attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.runtime_ns = kSliceNs;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}

}  // namespace

CommitThread::CommitThread(GroupCommit& group, ReadClocks read_clocks, OnResolved on_resolved)
    : group_(group), read_clocks_(std::move(read_clocks)), on_resolved_(std::move(on_resolved)) {
  group_.wake_with([this] {
    {
      const std::lock_guard lock(mutex_);
      is_woken_ = true;
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
  ask_for_short_slices();
  while (wait()) {
    commit();
    // Whoever else wants this processor goes first, an engine's thread above all: what its clients
    // send once they have their answers joins the next commit.
    std::this_thread::yield();
  }
  is_durable_ = commit_the_rest();
}

bool CommitThread::wait() {
  const engine::Instant now = read_clocks_().now;
  std::unique_lock lock(mutex_);
  if (pause_until_ > now) {
    const auto may_not_wait = [this] { return is_stopping_ || group_.is_behind(); };
    changed_.wait_for(lock, pause_until_ - now, may_not_wait);
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
    if (group_.counters().state == Result::kDistrusted) {
      on_resolved_(group_.give_up());
      return false;
    }
    group_.retry_now();
    if (commit().verdict == engine::Verdict::kDurable) return true;
  }
  return false;
}

}  // namespace rollcall::store
