#include "store/commit_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/limits.h"
#include "tests/store/commit_under_test.h"

namespace rollcall::store {
namespace {

using namespace std::chrono_literals;
using engine::Ticket;
using engine::Verdict;
using tests::CommitUnderTest;

// Far longer than anything takes.
constexpr auto kPatience = 30s;

// A commit thread whose clock goes on by a fixed step whenever it is read, so that nothing that it
// waits for takes real time.
class ThreadUnderTest {
 public:
  explicit ThreadUnderTest(const GroupCommit::Options& options = {}, engine::Duration step = 1s)
      : under_test(options) {
    thread = std::make_unique<CommitThread>(
        under_test.group,
        [this, step] {
          under_test.advance(step);
          return under_test.clocks;
        },
        [this](const Resolved& resolved) {
          const std::lock_guard lock(mutex_);
          all_.push_back(resolved);
          changed_.notify_all();
        });
  }

  // Before what the thread calls goes.
  ~ThreadUnderTest() { thread.reset(); }

  Ticket change(const std::string& nick) {
    append(nick);
    const Ticket ticket = under_test.group.ticket().value_or(0);
    under_test.group.commit_soon();
    return ticket;
  }
  // Without asking for a ticket.
  void append(const std::string& nick) {
    under_test.list.change(nick, 0, engine::Instant(1000h), under_test.group);
  }

  // The verdict on a ticket, once there is one.
  Verdict wait_for(Ticket ticket) {
    return wait_until([ticket](const Resolved& resolved) { return resolved.up_to >= ticket; });
  }
  Verdict wait_for(Verdict verdict) {
    return wait_until([verdict](const Resolved& resolved) { return resolved.verdict == verdict; });
  }
  bool wait_for_commits(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
  }
  std::size_t commits() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

  CommitUnderTest under_test;
  std::unique_ptr<CommitThread> thread;

 private:
  template <typename Condition>
  Verdict wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    auto found = all_.end();
    const bool came = changed_.wait_for(lock, kPatience, [&] {
      found = std::ranges::find_if(all_, condition);
      return found != all_.end();
    });
    EXPECT_TRUE(came);
    return came ? found->verdict : Verdict::kStopping;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Resolved> all_;
};

TEST(CommitThread, CommitsWhatATicketIsAskedFor) {
  ThreadUnderTest under_test;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(under_test.wait_for(under_test.change("alice")), Verdict::kDurable);
  }
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_EQ(under_test.under_test.found().versions.at("alice"), 10);
}

TEST(CommitThread, CommitsEverythingBeforeItStops) {
  ThreadUnderTest under_test;
  for (int i = 0; i < 100; ++i) under_test.append("peer-" + std::to_string(i));
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_EQ(under_test.under_test.found().versions.size(), 100u);
  EXPECT_TRUE(under_test.thread->stop()) << "it has stopped";
}

TEST(CommitThread, StopsAtOnceWhereThereIsNothingToDo) {
  ThreadUnderTest under_test;
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_EQ(under_test.commits(), 1u);
}

TEST(CommitThread, TriesAStoreThatFailedAgainByItself) {
  for (const Result result : {Result::kFull, Result::kFailed, Result::kDistrusted}) {
    ThreadUnderTest under_test;
    under_test.under_test.device.fail_after(0, result, false);
    EXPECT_EQ(under_test.wait_for(under_test.change("alice")), Verdict::kFailed);
    EXPECT_EQ(under_test.wait_for(Verdict::kDurable), Verdict::kDurable);
    EXPECT_TRUE(under_test.under_test.group.accepts());
    EXPECT_TRUE(under_test.thread->stop());
    EXPECT_EQ(under_test.under_test.found().versions.at("alice"), 1);
  }
}

TEST(CommitThread, TriesTheLastCommitAgain) {
  ThreadUnderTest under_test;
  under_test.under_test.device.fail_after(0, Result::kFailed, false);
  under_test.append("alice");
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_EQ(under_test.under_test.found().versions.at("alice"), 1);
}

TEST(CommitThread, SaysSoWhereTheLastCommitFails) {
  for (const Result result : {Result::kFull, Result::kFailed, Result::kDistrusted}) {
    ThreadUnderTest under_test;
    under_test.under_test.device.fail_after(0, result, true);
    const Ticket ticket = under_test.change("alice");
    EXPECT_FALSE(under_test.thread->stop());
    EXPECT_EQ(under_test.wait_for(ticket), Verdict::kFailed);
    EXPECT_FALSE(under_test.thread->stop());
  }
}

TEST(CommitThread, GoesOnWithMaintenanceByItself) {
  ThreadUnderTest under_test;
  for (int i = 0; i < 200; ++i) under_test.append("peer-" + std::to_string(i));
  // The last batch makes the store read all entries, eight at a time; nobody asks for those steps.
  constexpr std::size_t kBatches = MemoryStore::kBatchesMax + 1;
  for (std::size_t i = 0; i < kBatches; ++i) under_test.wait_for(under_test.change("alice"));
  EXPECT_TRUE(under_test.wait_for_commits(kBatches + 200 / 8));
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_LT(under_test.under_test.device.durable_batches(), kBatches);
  EXPECT_EQ(under_test.under_test.found().versions, under_test.under_test.list.versions());
}

TEST(CommitThread, CommitsByItselfWhereAnswersDoNotWait) {
  GroupCommit::Options options;
  options.durability = Durability::kAsync;
  ThreadUnderTest under_test(options);
  under_test.change("alice");
  EXPECT_EQ(under_test.wait_for(Verdict::kDurable), Verdict::kDurable);
  under_test.change("bob");
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_EQ(under_test.under_test.found().versions.size(), 2u);
}

TEST(CommitThread, LetsChangesGatherWhereAnswersDoNotWait) {
  GroupCommit::Options options;
  options.durability = Durability::kAsync;
  ThreadUnderTest under_test(options, 0s);
  under_test.change("alice");
  EXPECT_EQ(under_test.wait_for(Verdict::kDurable), Verdict::kDurable);
  for (int i = 0; i < 50; ++i) under_test.change("bob");
  EXPECT_TRUE(under_test.thread->stop());
  EXPECT_LT(under_test.commits(), 50u);
  EXPECT_EQ(under_test.under_test.found().versions.at("bob"), 50);
}

// Its clock goes backward, so that no pause ever ends by itself.
TEST(CommitThread, DoesNotPauseWhileTooMuchIsOnItsWay) {
  GroupCommit::Options options;
  options.durability = Durability::kAsync;
  options.pending_bytes_max = 1000;
  ThreadUnderTest under_test(options, -1h);
  under_test.change("alice");
  EXPECT_TRUE(under_test.wait_for_commits(1));
  for (std::size_t commits = 1; commits <= 10; ++commits) {
    while (!under_test.under_test.group.is_behind()) under_test.append("bob");
    EXPECT_TRUE(under_test.wait_for_commits(commits + 1));
  }
}

}  // namespace
}  // namespace rollcall::store
