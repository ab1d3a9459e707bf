#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "store/group_commit.h"
#include "tests/store/commit_under_test.h"

// What two engine threads and the store's thread do, in every order in which it can happen, with a
// store that fails in every way at every moment.

namespace rollcall::store {
namespace {

using engine::Ticket;
using engine::Verdict;
using tests::CommitUnderTest;

enum class Step : std::uint8_t { kAppend, kTicket, kGather, kBegin, kLane0, kLane1, kCommit };

// Two engines and the store.
constexpr std::size_t kActors = 3;
using Scripts = std::array<std::vector<Step>, kActors>;

const Scripts kTwoBatches = {{
    {Step::kAppend, Step::kTicket, Step::kAppend, Step::kTicket},
    {Step::kAppend, Step::kTicket},
    {Step::kGather, Step::kCommit, Step::kGather, Step::kCommit},
}};

// One batch, gathered step by step.
const Scripts kOneBatch = {{
    {Step::kAppend, Step::kAppend, Step::kTicket},
    {Step::kAppend, Step::kTicket, Step::kAppend, Step::kTicket},
    {Step::kBegin, Step::kLane0, Step::kLane1, Step::kCommit},
}};

struct Failure {
  Result result = Result::kDone;
  std::size_t operations = 0;
  bool for_good = false;
};

GroupCommit::Options with_shards(std::size_t shards) {
  GroupCommit::Options options;
  options.shards = shards;
  return options;
}

// One order of steps, and what must hold in it.
class Run {
 public:
  Run(std::size_t shards, const Failure& failure)
      : under_test_(with_shards(shards)), shards_(shards) {
    if (failure.result != Result::kDone) {
      under_test_.device.fail_after(failure.operations, failure.result, failure.for_good);
    }
  }

  void step(std::size_t actor, Step step) {
    switch (step) {
      case Step::kAppend:
        return append(actor);
      case Step::kTicket:
        return ask(actor);
      case Step::kGather:
        return under_test_.group.gather();
      case Step::kBegin:
        return under_test_.group.begin_gather();
      case Step::kLane0:
        return under_test_.group.gather_lane(0);
      case Step::kLane1:
        return under_test_.group.gather_lane(1);
      case Step::kCommit:
        return resolve(under_test_.group.commit(under_test_.clocks));
    }
  }

  // The store works again, and everybody gets what they wait for.
  void finish() {
    under_test_.device.heal();
    for (int i = 0; i < 3; ++i) {
      under_test_.advance(engine::limits::kStoreRetry);
      resolve(under_test_.commit());
    }
    EXPECT_TRUE(waiting_.empty()) << "a ticket without a verdict";
    EXPECT_TRUE(under_test_.group.accepts());
    EXPECT_EQ(under_test_.found().versions, under_test_.list.versions());
  }

 private:
  using Versions = std::map<std::string, std::uint16_t>;

  // Engines change a nick that both of them know, and one of their own, in turn. The former is in
  // the first shard, the others in another where there is one.
  void append(std::size_t actor) {
    const bool is_shared = appended_[actor]++ % 2 == 0;
    const std::string nick = is_shared ? "both" : "of " + std::to_string(actor);
    const std::size_t shard = is_shared ? 0 : shards_ - 1;
    unasked_[actor][nick] = under_test_.change(nick, static_cast<std::uint32_t>(shard));
  }

  void ask(std::size_t actor) {
    const Ticket ticket = under_test_.group.ticket().value();
    for (const auto& [nick, version] : unasked_[actor])
      waiting_[ticket].emplace_back(nick, version);
    unasked_[actor].clear();
  }

  void resolve(const Resolved& resolved) {
    EXPECT_GE(resolved.up_to, last_resolved_);
    last_resolved_ = resolved.up_to;
    const Versions found = under_test_.found().versions;
    while (!waiting_.empty() && waiting_.begin()->first <= resolved.up_to) {
      for (const auto& [nick, version] : waiting_.begin()->second) {
        if (resolved.verdict == Verdict::kDurable) acknowledge(nick, version, found);
      }
      waiting_.erase(waiting_.begin());
    }
    for (const auto& [nick, version] : acknowledged_) EXPECT_GE(at(found, nick), version);
  }

  void acknowledge(const std::string& nick, std::uint16_t version, const Versions& found) {
    EXPECT_GE(at(found, nick), version) << nick << " was acknowledged early";
    acknowledged_[nick] = std::max(acknowledged_[nick], version);
  }

  static std::uint16_t at(const Versions& versions, const std::string& nick) {
    const auto found = versions.find(nick);
    return found == versions.end() ? std::uint16_t{0} : found->second;
  }

  CommitUnderTest under_test_;
  const std::size_t shards_;
  std::array<Versions, kActors> unasked_;
  std::map<Ticket, std::vector<std::pair<std::string, std::uint16_t>>> waiting_;
  Versions acknowledged_;
  Ticket last_resolved_ = 0;
  std::array<int, kActors> appended_{0, 1, 0};
};

// Every order of the scripts' steps, each actor's own in their order.
void for_each_schedule(const Scripts& scripts,
                       const std::function<void(const std::vector<std::size_t>& actors)>& visit) {
  std::vector<std::size_t> actors;
  std::array<std::size_t, kActors> done{};
  const std::function<void()> extend = [&] {
    bool is_complete = true;
    for (std::size_t actor = 0; actor < kActors; ++actor) {
      if (done[actor] == scripts[actor].size()) continue;
      is_complete = false;
      ++done[actor];
      actors.push_back(actor);
      extend();
      actors.pop_back();
      --done[actor];
    }
    if (is_complete) visit(actors);
  };
  extend();
}

// How many there are.
std::size_t run_every_schedule(const Scripts& scripts, std::size_t shards, const Failure& failure) {
  std::size_t schedules = 0;
  for_each_schedule(scripts, [&](const std::vector<std::size_t>& actors) {
    if (testing::Test::HasFailure()) return;
    Run run(shards, failure);
    std::array<std::size_t, kActors> done{};
    for (const std::size_t actor : actors) run.step(actor, scripts[actor][done[actor]++]);
    run.finish();
    ++schedules;
    if (testing::Test::HasFailure()) {
      std::string order;
      for (const std::size_t actor : actors) order += static_cast<char>('a' + actor);
      ADD_FAILURE() << "in the order " << order;
    }
  });
  return schedules;
}

TEST(GroupCommitSchedules, AcknowledgeOnlyWhatIsDurable) {
  EXPECT_EQ(run_every_schedule(kTwoBatches, 1, {}), 3150u);  // 10! / (4! 2! 4!)
  EXPECT_EQ(run_every_schedule(kTwoBatches, 2, {}), 3150u);
}

TEST(GroupCommitSchedules, AcknowledgeOnlyWhatIsDurableWhateverHappensWhileTheyGather) {
  EXPECT_EQ(run_every_schedule(kOneBatch, 2, {}), 11'550u);  // 11! / (3! 4! 4!)
}

TEST(GroupCommitSchedules, AcknowledgeOnlyWhatIsDurableThoughTheStoreFails) {
  for (const Result result : {Result::kFull, Result::kFailed, Result::kDistrusted}) {
    for (const bool for_good : {false, true}) {
      for (std::size_t operations = 0; operations < 4; ++operations) {
        run_every_schedule(kTwoBatches, 1, {result, operations, for_good});
      }
    }
  }
}

}  // namespace
}  // namespace rollcall::store
