// Whatever I/O of twenty workloads fails, in whatever way: nothing is acknowledged that is not
// durable, and a disk that works again is used again.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fault_trial.h"
#include "tests/support/store_workloads.h"

namespace rollcall::tests {
namespace {

std::string name_of(const testing::TestParamInfo<Workload>& info) { return info.param.name; }

class StoreFaults : public testing::TestWithParam<Workload> {
 protected:
  static void expect_no_false_acknowledgement(Times times, std::uint64_t seed) {
    std::uint64_t runs = 0;
    for (std::size_t fault = 0; fault < kFaults; ++fault) {
      FaultTrial trial(GetParam(), static_cast<Fault>(fault), times);
      trial.run_at_each(seed);
      EXPECT_EQ(trial.objection(), "");
      EXPECT_GT(trial.runs(), 0u);
      runs += trial.runs();
    }
    RecordProperty("runs", std::to_string(runs));
  }
};

TEST_P(StoreFaults, OnceAtEveryIoAreNeverHidden) {
  expect_no_false_acknowledgement(Times::kOnce, 1);
}

TEST_P(StoreFaults, SlowForGoodFromEveryIoOnAreNeverHidden) {
  expect_no_false_acknowledgement(Times::kForGood, 2);
}

TEST(RandomStoreFaults, SlowAtSomeIosAreNeverHidden) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Workload workload = random_workload(seed);
    engine::SampleGenerator random(seed);
    for (int i = 0; i < 15; ++i) {
      const auto fault = static_cast<Fault>(random.below(kFaults));
      FaultTrial trial(workload, fault, random.below(2) == 0 ? Times::kOnce : Times::kForGood);
      trial.run(random.below(400), random.next());
      EXPECT_EQ(trial.objection(), "") << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, StoreFaults, testing::ValuesIn(workloads()), name_of);

}  // namespace
}  // namespace rollcall::tests
