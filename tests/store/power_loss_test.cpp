// Whatever a power loss leaves, at every I/O of twenty workloads: nothing acknowledged is lost.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/power_loss_trial.h"
#include "tests/support/sqlite_store_opener.h"
#include "tests/support/store_workloads.h"

namespace rollcall::tests {
namespace {

std::string name_of(const testing::TestParamInfo<Workload>& info) { return info.param.name; }

class PowerLoss : public testing::TestWithParam<Workload> {
 protected:
  // Every I/O of the workload, and how much was tried.
  static void expect_nothing_is_lost(const PowerLossTrial::Options& options) {
    const auto process = process_for(GetParam());
    PowerLossTrial trial(options, *process);
    EXPECT_EQ(trial.run(GetParam().steps), "");
    EXPECT_GT(trial.losses(), kSurvivals);
    RecordProperty("ios", std::to_string(trial.ios()));
    RecordProperty("losses", std::to_string(trial.losses()));
  }
};

TEST_P(PowerLoss, AtEveryIoLosesNothingAcknowledged) {
  expect_nothing_is_lost({.seed = 1, .losses_a_kind = 1, .again_every = 50});
}

TEST_P(PowerLoss, SlowInManyWaysAtEveryIoLosesNothingAcknowledged) {
  expect_nothing_is_lost({.seed = 2, .losses_a_kind = 4, .again_every = 20});
}

TEST(RandomPowerLoss, SlowAtEveryIoLosesNothingAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const Workload workload = random_workload(seed);
    const auto process = process_for(workload);
    PowerLossTrial trial({.seed = seed, .losses_a_kind = 1, .again_every = 50}, *process);
    EXPECT_EQ(trial.run(workload.steps), "") << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, PowerLoss, testing::ValuesIn(workloads()), name_of);

}  // namespace
}  // namespace rollcall::tests
