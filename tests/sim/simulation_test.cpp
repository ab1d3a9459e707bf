#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/campaign.h"
#include "tests/sim/event.h"
#include "tests/sim/shrink.h"

namespace rollcall::sim {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A thousand seeds in all, in parts that run side by side.
class SeedsOfASimulation : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SeedsOfASimulation, KeepEveryPromiseAndMeetEveryFault) {
  const Campaign campaign{.first_seed = GetParam() * kSeedsToMeetAll + 1, .seeds = kSeedsToMeetAll};
  const CampaignResult result = run(campaign);
  ASSERT_EQ(result.failed_seed, std::nullopt) << report_of(campaign, *result.failed_seed);
  std::vector<std::string_view> missing;
  for (const Met met : result.tally.missing()) missing.push_back(name_of(met));
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_GT(result.operations, 0u);
}

INSTANTIATE_TEST_SUITE_P(Simulation, SeedsOfASimulation,
                         ::testing::Range<std::uint64_t>(0, 1000 / kSeedsToMeetAll));

TEST(Simulation, RunsOfOneSeedAreTheSame) {
  std::uint64_t hash_before = 0;
  for (const std::uint64_t seed : {1u, 2u, 3u, 77u}) {
    const Schedule schedule = draw_schedule(seed, kEventsPerRun);
    const Ran once = run(schedule);
    const Ran again = run(schedule);
    EXPECT_EQ(once.hash, again.hash);
    EXPECT_EQ(once.operations, again.operations);
    EXPECT_NE(once.hash, hash_before);
    hash_before = once.hash;
  }
}

TEST(Simulation, ALongRunIsCheckedAsAShortOne) {
  const Ran ran = run(draw_schedule(1, 5000));
  EXPECT_EQ(ran.broken, "");
  EXPECT_GT(ran.operations, 5000u);
}

TEST(Simulation, ADiskThatLiesIsFoundOutAndTold) {
  const Campaign campaign{.first_seed = 1, .seeds = 100, .disk_lies = true};
  const CampaignResult result = run(campaign);
  ASSERT_NE(result.failed_seed, std::nullopt);
  const std::string seed = std::to_string(*result.failed_seed);
  const std::string report = report_of(campaign, *result.failed_seed);
  EXPECT_THAT(report, HasSubstr("seed " + seed + " fails\n"));
  EXPECT_THAT(report, ContainsRegex("\n  commit  ([0-9a-f]{40}|unknown)\n"));
  EXPECT_THAT(report, HasSubstr("\n  replay  ./dev simulate --seed " + seed +
                                " --events 300 --lying-disk\n"));
  EXPECT_THAT(report, ContainsRegex("\n  [0-9]{1,2} of its 300 events are enough:\n"));
  EXPECT_THAT(report, HasSubstr("power is lost"));
  EXPECT_THAT(report, HasSubstr("neither what was acknowledged nor what followed"));
}

TEST(Simulation, OfSqliteKeepsEveryPromise) {
  const Campaign campaign{.first_seed = 1, .seeds = 50, .uses_sqlite = true};
  const CampaignResult result = run(campaign);
  ASSERT_EQ(result.failed_seed, std::nullopt) << report_of(campaign, *result.failed_seed);
  EXPECT_GT(result.tally.of(Met::kRecovery), campaign.seeds);
  EXPECT_GT(result.tally.of(Met::kPowerLossInRecovery), 0u);
  EXPECT_GT(result.tally.of(Met::kReplacement), 0u);
}

TEST(Simulation, OfSqliteFindsADiskThatLies) {
  const CampaignResult result =
      run(Campaign{.first_seed = 1, .seeds = 100, .uses_sqlite = true, .disk_lies = true});
  EXPECT_NE(result.failed_seed, std::nullopt);
}

TEST(Simulation, ARunInAProcessOfItsOwnSaysWhyItFailed) {
  EXPECT_EQ(failure_of(draw_schedule(1, kEventsPerRun), false), "");
  // Nothing that was acknowledged survives the crash at the end.
  Schedule schedule = draw_schedule(1, kEventsPerRun);
  schedule.disk_lies = true;
  EXPECT_THAT(failure_of(schedule, false), HasSubstr("broken: "));
  EXPECT_THAT(failure_of(schedule, true), HasSubstr("\n1: "));
}

TEST(Schedule, ComesBackFromItsBytes) {
  const Schedule schedule = draw_schedule(5, 100);
  const std::vector<std::uint8_t> bytes = bytes_of(schedule);
  EXPECT_EQ(bytes.size(), kSettingBytes + 100 * kEventBytes);
  const Schedule back = schedule_of(bytes);
  EXPECT_EQ(back.setting, schedule.setting);
  EXPECT_EQ(back.events, schedule.events);
}

TEST(Schedule, HasEveryKindOfEvent) {
  std::vector<bool> is_drawn(kEventKinds);
  for (const Event& event : draw_schedule(1, 5000).events) {
    is_drawn[static_cast<std::size_t>(event.kind)] = true;
  }
  EXPECT_THAT(is_drawn, ::testing::Each(true));
}

TEST(Shrink, LeavesWhatTheFailureNeeds) {
  // Fails where a restart comes somewhere behind a stop.
  const auto fails = [](const Schedule& schedule) {
    bool has_stopped = false;
    for (const Event& event : schedule.events) {
      has_stopped = has_stopped || event.kind == EventKind::kStop;
      if (has_stopped && event.kind == EventKind::kRestart) return true;
    }
    return false;
  };
  const Schedule schedule = draw_schedule(1, 2000);
  ASSERT_TRUE(fails(schedule));
  const Schedule enough = shrink(schedule, fails, 10'000);
  ASSERT_EQ(enough.events.size(), 2u);
  EXPECT_EQ(enough.events[0].kind, EventKind::kStop);
  EXPECT_EQ(enough.events[1].kind, EventKind::kRestart);
  EXPECT_EQ(enough.setting, schedule.setting);
}

TEST(Shrink, EndsAfterSoManyAttempts) {
  std::size_t attempts = 0;
  const auto fails = [&attempts](const Schedule& schedule) {
    ++attempts;
    return schedule.events.size() >= 50;
  };
  shrink(draw_schedule(1, 100), fails, 10);
  EXPECT_EQ(attempts, 10u);
}

}  // namespace
}  // namespace rollcall::sim
