#include "store/group_commit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/limits.h"
#include "tests/store/commit_under_test.h"
#include "tests/support/allocation_counter.h"

namespace rollcall::store {
namespace {

using namespace std::chrono_literals;
using engine::kNever;
using engine::Verdict;
using engine::limits::kStoreRetry;
using tests::CommitUnderTest;

constexpr bool kForGood = true;
constexpr bool kOnce = false;

class GroupCommitTest : public testing::Test {
 protected:
  CommitUnderTest under_test_;
  GroupCommit& group_ = under_test_.group;
  MemoryDevice& device_ = under_test_.device;
};

TEST_F(GroupCommitTest, ResolvesATicketOnceItsChangesAreDurable) {
  under_test_.change("alice");
  under_test_.change("bob");
  const auto ticket = group_.ticket();
  ASSERT_TRUE(ticket.has_value());
  EXPECT_TRUE(under_test_.found().versions.empty());
  const Resolved resolved = under_test_.commit();
  EXPECT_EQ(resolved.up_to, *ticket);
  EXPECT_EQ(resolved.verdict, Verdict::kDurable);
  EXPECT_EQ(under_test_.found().versions, under_test_.list.versions());
  EXPECT_TRUE(group_.accepts());
}

TEST_F(GroupCommitTest, LeavesTheStoreAloneWhileNothingHappens) {
  device_.fail_after(0, Result::kFailed, kForGood);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
    EXPECT_EQ(group_.due(), kNever);
  }
  EXPECT_EQ(group_.counters().commits, 0u);
}

TEST_F(GroupCommitTest, ResolvesATicketWithoutWritingWhereItsChangesAreDurableAlready) {
  under_test_.change("alice");
  group_.gather();  // takes the change away before the ticket is asked for
  const auto ticket = group_.ticket();
  const Resolved first = group_.commit(under_test_.clocks);
  EXPECT_LT(first.up_to, *ticket);
  device_.fail_after(0, Result::kFailed, kForGood);
  const Resolved second = under_test_.commit();
  EXPECT_EQ(second.up_to, *ticket);
  EXPECT_EQ(second.verdict, Verdict::kDurable);
}

TEST_F(GroupCommitTest, WakesTheStoresThreadOnceForEachBatchWhenItIsDue) {
  group_.commit_soon();
  EXPECT_EQ(under_test_.wakes, 0) << "nobody waits";
  for (int batch = 1; batch <= 3; ++batch) {
    for (int i = 0; i < 3; ++i) {
      under_test_.change("alice");
      EXPECT_TRUE(group_.ticket().has_value());
      EXPECT_EQ(under_test_.wakes, batch - (i == 0)) << "more may gather";
      group_.commit_soon();
      EXPECT_EQ(under_test_.wakes, batch);
    }
    under_test_.commit();
  }
}

TEST_F(GroupCommitTest, KeepsTheOrderOfANick) {
  for (int i = 0; i < 5; ++i) under_test_.change("alice");
  under_test_.commit();
  EXPECT_EQ(under_test_.found().versions.at("alice"), 5);
  under_test_.change("alice");
  group_.gather();
  under_test_.change("alice");
  const auto ticket = group_.ticket();
  EXPECT_LT(group_.commit(under_test_.clocks).up_to, *ticket);
  EXPECT_EQ(under_test_.found().versions.at("alice"), 7) << "a commit takes what comes until then";
  EXPECT_EQ(under_test_.commit().up_to, *ticket);
}

engine::Change renewal(std::string_view nick, std::uint32_t shard, engine::Instant lease_end) {
  engine::Change change;
  change.extent = engine::Extent::kLease;
  change.shard = shard;
  change.nick = nick;
  change.active = true;
  change.deadline = lease_end;
  return change;
}

TEST(GroupCommitWorthASync, WakesTheStoresThreadUnasked) {
  constexpr std::size_t kMomentBytes = 13;  // before the first renewal
  constexpr std::size_t kHeadBytes = 2;     // of each, before the nick
  const std::string longest(engine::limits::kNickBytesMax, 'n');
  for (const std::size_t missing : {1u, 0u}) {
    const std::size_t wanted = GroupCommit::kWorthASync - missing;
    CommitUnderTest under_test;
    std::size_t bytes = kMomentBytes;
    while (bytes < wanted) {
      const std::size_t nick_bytes = std::min(wanted - bytes - kHeadBytes, longest.size());
      under_test.group.append(renewal(longest.substr(0, nick_bytes), 0, engine::Instant(7200s)));
      bytes += kHeadBytes + nick_bytes;
    }
    EXPECT_TRUE(under_test.group.ticket().has_value());
    EXPECT_EQ(under_test.wakes, missing == 0 ? 1 : 0);
    under_test.commit();
    EXPECT_EQ(under_test.group.counters().bytes, wanted);
  }
}

TEST_F(GroupCommitTest, GivesUpWhatIsOnItsWay) {
  under_test_.device.fail_after(0, Result::kDistrusted, kOnce);
  under_test_.change("alice");
  EXPECT_EQ(under_test_.commit().result, Result::kDistrusted);
  under_test_.change("bob");
  const auto ticket = group_.ticket();
  const Resolved resolved = group_.give_up();
  EXPECT_EQ(resolved.up_to, *ticket);
  EXPECT_EQ(resolved.verdict, Verdict::kFailed);
  EXPECT_EQ(resolved.result, Result::kDistrusted);
  EXPECT_TRUE(under_test_.found().versions.empty()) << "nothing was tried";
}

// Entries of which one is changed when they are read first.
class ChangedWhenRead final : public EntrySource {
 public:
  ChangedWhenRead(EntrySource& entries, std::function<void()> change)
      : entries_(entries), change_(std::move(change)) {}
  bool read(Position& position, std::size_t entries_max, std::string& packed) override {
    if (const auto change = std::exchange(change_, {})) change();
    return entries_.read(position, entries_max, packed);
  }

 private:
  EntrySource& entries_;
  std::function<void()> change_;
};

TEST_F(GroupCommitTest, ListIsNeverAheadOfTheJournal) {
  // So many batches that the list is written anew.
  std::uint16_t version = 0;
  for (std::size_t i = 0; i < MemoryStore::kBatchesMax; ++i) {
    version = under_test_.change("alice");
    under_test_.commit();
  }
  const LeaseClock clock(under_test_.clocks, 0ms);
  const engine::Instant lease_end = under_test_.clocks.now + 2h;
  GroupCommit* telling = nullptr;
  ChangedWhenRead entries(under_test_.list,
                          [&] { under_test_.list.change("alice", 0, lease_end, *telling); });
  GroupCommit group({}, under_test_.store, entries, clock);
  telling = &group;
  group.append(renewal("alice", 0, lease_end - 1h));
  group.gather();
  EXPECT_EQ(group.commit(under_test_.clocks).verdict, Verdict::kDurable);
  EXPECT_EQ(under_test_.found().versions.at("alice"), version + 1);
  EXPECT_EQ(under_test_.found().deadlines.at("alice"), clock.lease_time(lease_end))
      << "the lease of the renewal, whatever has changed besides";
}

TEST(GroupCommitOfTwoShards, BeginsABatchWithAMomentForEachOfThem) {
  GroupCommit::Options options;
  options.shards = 2;
  CommitUnderTest under_test(options);
  under_test.change("alice", 0);
  under_test.change("bob", 1);
  under_test.commit();
  const engine::Instant lease_end = under_test.clocks.now + 2h;
  for (int batch = 0; batch < 2; ++batch) {
    under_test.group.append(renewal("alice", 0, lease_end));
    under_test.group.append(renewal("bob", 1, lease_end));
    under_test.group.append(renewal("alice", 0, lease_end));
    under_test.commit();
    const LeaseClock clock(under_test.clocks, 0ms);
    EXPECT_EQ(under_test.found().deadlines.at("alice"), clock.lease_time(lease_end));
    EXPECT_EQ(under_test.found().deadlines.at("bob"), clock.lease_time(lease_end));
  }
}

TEST_F(GroupCommitTest, MayGatherSeveralTimesForOneCommit) {
  under_test_.change("alice");
  group_.gather();
  under_test_.change("alice");
  const auto ticket = group_.ticket();
  const Resolved resolved = under_test_.commit();
  EXPECT_EQ(resolved.up_to, *ticket);
  EXPECT_EQ(under_test_.found().versions.at("alice"), 2);
}

TEST(GroupCommitOptions, AsyncAsksNobodyToWait) {
  GroupCommit::Options options;
  options.durability = Durability::kAsync;
  CommitUnderTest under_test(options);
  under_test.change("alice");
  EXPECT_EQ(under_test.group.ticket(), std::nullopt);
  EXPECT_EQ(under_test.wakes, 1);
  under_test.commit();
  EXPECT_EQ(under_test.found().versions.at("alice"), 1);
  under_test.device.fail_after(0, Result::kFull, kOnce);
  under_test.change("alice");
  under_test.commit();
  EXPECT_FALSE(under_test.group.accepts());
}

// What one change of alice's takes, packed.
std::size_t change_bytes() {
  CommitUnderTest under_test;
  under_test.change("alice");
  under_test.commit();
  return under_test.group.counters().bytes;
}

TEST(GroupCommitOptions, AsyncAnswersWaitWhileTooMuchIsOnItsWay) {
  GroupCommit::Options options;
  options.durability = Durability::kAsync;
  options.pending_bytes_max = GroupCommit::kHeldPart * 3 * change_bytes();
  CommitUnderTest under_test(options);
  for (int i = 0; i < 3; ++i) {
    under_test.change("alice");
    EXPECT_EQ(under_test.group.ticket(), std::nullopt);
    EXPECT_FALSE(under_test.group.is_behind());
  }
  EXPECT_EQ(under_test.wakes, 1);
  under_test.change("alice");
  EXPECT_EQ(under_test.wakes, 2) << "it is to go on before its time";
  EXPECT_TRUE(under_test.group.is_behind());
  under_test.change("alice");
  EXPECT_EQ(under_test.wakes, 2);
  const auto ticket = under_test.group.ticket();
  ASSERT_TRUE(ticket.has_value());
  EXPECT_TRUE(under_test.group.accepts()) << "nobody is refused yet";
  under_test.group.gather();
  const Resolved resolved = under_test.group.commit(under_test.clocks);
  EXPECT_GE(resolved.up_to, *ticket);
  EXPECT_EQ(resolved.verdict, Verdict::kDurable);
  under_test.change("alice");
  EXPECT_EQ(under_test.group.ticket(), std::nullopt);
}

// In all lanes together, whichever they are in.
TEST(GroupCommitOptions, PendingChangesAreBounded) {
  constexpr int kChangesMax = 1000;
  constexpr std::uint32_t kShards = 16;
  for (const std::uint32_t used : {1u, 2u, kShards}) {
    GroupCommit::Options options;
    options.pending_bytes_max = kChangesMax * change_bytes();
    options.shards = kShards;
    CommitUnderTest under_test(options);
    const auto change = [&](std::uint32_t i) {
      under_test.change("ali" + std::to_string(10 + i % used), i % used);
    };
    for (std::uint32_t i = 0; i < kChangesMax; ++i) {
      ASSERT_TRUE(under_test.group.accepts()) << i;
      change(i);
    }
    EXPECT_TRUE(under_test.group.accepts()) << "just as much as may be";
    change(kChangesMax);
    EXPECT_FALSE(under_test.group.accepts());
    under_test.group.gather();
    EXPECT_TRUE(under_test.group.accepts());
    under_test.group.commit(under_test.clocks);
    EXPECT_EQ(under_test.found().versions, under_test.list.versions());
  }
}

TEST(GroupCommitOptions, ChangesThatAreNotCountedYetAreFew) {
  constexpr std::uint32_t kShards = 4;
  GroupCommit::Options options;
  options.pending_bytes_max = std::size_t{1} << 20;
  options.shards = kShards;
  CommitUnderTest under_test(options);
  const std::size_t each = change_bytes();
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; under_test.group.accepts(); ++i) {
    ASSERT_LT(i, 1'000'000u);
    under_test.change("alice", i % kShards);
    bytes += each;
  }
  EXPECT_GT(bytes, options.pending_bytes_max);
  EXPECT_LE(bytes, options.pending_bytes_max +
                       options.pending_bytes_max / GroupCommit::kUncountedPart + each);
}

// ---- Failures ----

class GroupCommitFailure : public testing::TestWithParam<Result> {
 protected:
  // The next commit fails, `operations` into it.
  void fail(std::size_t operations, bool for_good) {
    device_.fail_after(operations, GetParam(), for_good);
    under_test_.change("alice");
    ticket_ = group_.ticket().value();
    const Resolved resolved = under_test_.commit();
    EXPECT_EQ(resolved.up_to, ticket_);
    EXPECT_EQ(resolved.verdict, Verdict::kFailed);
    EXPECT_EQ(resolved.result, GetParam());
    EXPECT_FALSE(group_.accepts());
    EXPECT_EQ(group_.counters().state, GetParam());
  }
  bool is_distrusted() const { return GetParam() == Result::kDistrusted; }
  void expect_that_everything_is_durable() {
    EXPECT_EQ(under_test_.found().versions, under_test_.list.versions());
  }

  CommitUnderTest under_test_;
  GroupCommit& group_ = under_test_.group;
  MemoryDevice& device_ = under_test_.device;
  engine::Ticket ticket_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Kinds, GroupCommitFailure,
                         testing::Values(Result::kFull, Result::kFailed, Result::kDistrusted));

TEST_P(GroupCommitFailure, OnceIsMadeGoodByTheNextTry) {
  for (const std::size_t operations : {0u, 1u}) {
    fail(operations, kOnce);
    EXPECT_EQ(group_.due(), under_test_.clocks.now + (is_distrusted() ? 0s : kStoreRetry));
    under_test_.advance(kStoreRetry);
    const Resolved resolved = under_test_.commit();
    EXPECT_EQ(resolved.verdict, Verdict::kDurable);
    EXPECT_GT(resolved.up_to, ticket_);
    EXPECT_TRUE(group_.accepts());
    EXPECT_EQ(group_.due(), kNever);
    expect_that_everything_is_durable();
  }
  EXPECT_EQ(group_.counters().replacements, is_distrusted() ? 2u : 0u);
  EXPECT_EQ(group_.counters().failures, 2u);
}

TEST_P(GroupCommitFailure, RefusesChangesUntilWhatFailedIsDurable) {
  fail(0, kForGood);
  for (int i = 0; i < 5; ++i) {
    under_test_.advance(kStoreRetry);
    EXPECT_EQ(group_.due() <= under_test_.clocks.now, true);
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kFailed);
    EXPECT_FALSE(group_.accepts());
    EXPECT_EQ(group_.due(), under_test_.clocks.now + kStoreRetry);
  }
  device_.heal();
  under_test_.advance(kStoreRetry);
  EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
  EXPECT_TRUE(group_.accepts());
  expect_that_everything_is_durable();
}

TEST_P(GroupCommitFailure, IsToldAtOnceToThoseWhoComeTooLate) {
  fail(0, kOnce);
  if (is_distrusted()) {  // the first replacement fails, too
    device_.fail_after(0, Result::kFull, kOnce);
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kFailed);
  }
  under_test_.change("bob");
  const auto ticket = group_.ticket();
  const std::uint64_t failures = group_.counters().failures;
  under_test_.advance(kStoreRetry - 1ns);
  const Resolved resolved = under_test_.commit();
  EXPECT_EQ(resolved.up_to, *ticket);
  EXPECT_EQ(resolved.verdict, Verdict::kFailed);
  EXPECT_EQ(group_.counters().failures, failures) << "the store was not tried";
  under_test_.advance(1ns);
  EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
  expect_that_everything_is_durable();
}

TEST_P(GroupCommitFailure, LetsLaterChangesOvertakeThoseThatFailed) {
  under_test_.change("alice");
  fail(1, kOnce);
  under_test_.change("alice");
  under_test_.change("alice");
  if (!is_distrusted()) {
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kFailed);
    under_test_.change("alice");
  }
  under_test_.advance(kStoreRetry);
  EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
  expect_that_everything_is_durable();
}

TEST_P(GroupCommitFailure, CanBeTriedAgainAtOnce) {
  fail(0, kOnce);
  group_.retry_now();
  EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
  expect_that_everything_is_durable();
}

TEST_P(GroupCommitFailure, LosesNothingThatWasDurableBefore) {
  under_test_.change("alice");
  under_test_.change("carol");
  ASSERT_EQ(under_test_.commit().verdict, Verdict::kDurable);
  fail(1, kForGood);
  const auto versions = under_test_.found().versions;
  EXPECT_GE(versions.at("alice"), 1);
  EXPECT_EQ(versions.at("carol"), 1);
}

TEST(GroupCommitDistrust, ReplacesTheStoreWithEverythingThereIs) {
  CommitUnderTest under_test;
  for (int i = 0; i < 50; ++i) under_test.change("peer-" + std::to_string(i));
  ASSERT_EQ(under_test.commit().verdict, Verdict::kDurable);
  under_test.device.fail_after(1, Result::kDistrusted, kOnce);
  under_test.change("alice");
  EXPECT_EQ(under_test.commit().verdict, Verdict::kFailed);
  under_test.change("bob");
  under_test.group.gather();
  under_test.change("carol");  // during the replacement; as memory has it, but not promised yet
  const auto late = under_test.group.ticket();
  const Resolved resolved = under_test.group.commit(under_test.clocks);
  EXPECT_EQ(resolved.verdict, Verdict::kDurable);
  EXPECT_LT(resolved.up_to, *late);
  EXPECT_EQ(under_test.found().versions.size(), 53u);
  EXPECT_EQ(under_test.commit().up_to, *late);
  EXPECT_EQ(under_test.found().versions, under_test.list.versions());
}

TEST(GroupCommitDistrust, StaysThoughTheReplacementFailsForAnotherReason) {
  CommitUnderTest under_test;
  under_test.device.fail_after(1, Result::kDistrusted, kOnce);
  under_test.change("alice");
  under_test.commit();
  under_test.device.fail_after(0, Result::kFull, kOnce);
  EXPECT_EQ(under_test.commit().result, Result::kFull);
  EXPECT_EQ(under_test.group.counters().state, Result::kDistrusted);
  under_test.advance(kStoreRetry);
  EXPECT_EQ(under_test.commit().verdict, Verdict::kDurable);
  EXPECT_EQ(under_test.group.counters().replacements, 1u);
}

// ---- The wall clock ----

TEST_F(GroupCommitTest, WritesAStepOfTheWallClockBeforeAnythingIsAcknowledged) {
  for (const auto step : {5000ms, -20'000ms, 1001ms}) {
    under_test_.clocks.wall += step;
    under_test_.change("alice");
    const auto before = under_test_.found().wall_offset;
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
    EXPECT_EQ(under_test_.found().wall_offset, before + step);
    EXPECT_EQ(under_test_.found().versions, under_test_.list.versions());
    device_.fail_after(0, Result::kFailed, kForGood);
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable) << "it is written once";
    device_.heal();
  }
}

TEST_F(GroupCommitTest, WritesAStepOfTheWallClockThoughTheFirstTryFails) {
  for (const Result result : {Result::kFull, Result::kFailed, Result::kDistrusted}) {
    const auto before = under_test_.found().wall_offset;
    under_test_.clocks.wall += 5000ms;
    under_test_.change("alice");
    device_.fail_after(1, result, kOnce);
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kFailed);
    EXPECT_EQ(under_test_.found().wall_offset, before);
    under_test_.advance(kStoreRetry);
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
    EXPECT_EQ(under_test_.found().wall_offset, before + 5000ms);
  }
}

TEST_F(GroupCommitTest, LetsTheWallClockDriftALittle) {
  under_test_.clocks.wall += 1000ms;
  under_test_.change("alice");
  under_test_.commit();
  EXPECT_EQ(under_test_.found().wall_offset, 0ms);
}

// ---- Maintenance ----

TEST_F(GroupCommitTest, GoesOnWithMaintenanceThoughNobodyAsks) {
  for (int i = 0; i < 100; ++i) under_test_.change("peer-" + std::to_string(i));
  int commits = 0;
  while (group_.due() == kNever) {
    under_test_.change("alice");
    under_test_.commit();
    ASSERT_LT(++commits, 1000);
  }
  const std::size_t batches = device_.durable_batches();
  int steps = 0;
  while (group_.due() != kNever) {
    EXPECT_EQ(group_.due(), under_test_.clocks.now + GroupCommit::kMaintenancePause);
    under_test_.clocks.now = group_.due();
    EXPECT_EQ(under_test_.commit().verdict, Verdict::kDurable);
    ASSERT_LT(++steps, 1000);
  }
  EXPECT_LT(device_.durable_batches(), batches);
  EXPECT_EQ(under_test_.found().versions, under_test_.list.versions());
}

// ---- Counters ----

TEST_F(GroupCommitTest, CountsWhatItDid) {
  for (int i = 0; i < 5; ++i) under_test_.change("alice");
  under_test_.commit();
  under_test_.commit();
  under_test_.change("alice");
  under_test_.commit();
  const CommitCounters counters = group_.counters();
  EXPECT_EQ(counters.commits, 2u);
  EXPECT_EQ(counters.changes, 6u);
  EXPECT_EQ(counters.changes_a_commit[3], 1u);
  EXPECT_EQ(counters.changes_a_commit[1], 1u);
  EXPECT_GE(counters.bytes, 6 * kPackedRecordBytesMin);
  EXPECT_EQ(counters.failures, 0u);
  EXPECT_EQ(counters.state, Result::kDone);
}

// A store that takes everything and keeps nothing.
class NoStore final : public Store {
 public:
  Loaded load(const Visit&) override { return {}; }
  Result append(std::string_view) override { return Result::kDone; }
  Result set_wall_offset(std::chrono::milliseconds) override { return Result::kDone; }
  Result maintain(EntrySource&, bool&) override { return Result::kDone; }
  Result sync() override { return Result::kDone; }
  Result replace(EntrySource&, std::chrono::milliseconds) override { return Result::kDone; }
};

TEST(GroupCommitMemory, IsAllocatedOnceAndForAll) {
  NoStore store;
  const ClockReading clocks{engine::Instant(1h), WallInstant(std::chrono::days(20'000))};
  const LeaseClock clock(clocks, 0ms);
  tests::VersionedList list(clock);
  GroupCommit::Options options;
  options.shards = 4;
  GroupCommit group(options, store, list, clock);
  const auto turn = [&] {
    for (std::uint32_t i = 0; i < 400; ++i) {
      engine::Change change;
      change.shard = i % 4;
      change.nick = "alice";
      group.append(change);
      group.ticket();
    }
    group.gather();
    group.commit(clocks);
  };
  for (int i = 0; i < 10; ++i) turn();
  const tests::AllocationCounter allocations;
  for (int i = 0; i < 10; ++i) turn();
  EXPECT_EQ(allocations.count(), 0u);
}

}  // namespace
}  // namespace rollcall::store
