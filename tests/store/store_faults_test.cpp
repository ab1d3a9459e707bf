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
    for (std::size_t fault = 0; fault < kFaults; ++fault) {
      FaultTrial trial(GetParam(), static_cast<Fault>(fault), times);
      trial.run_at_each(seed);
      EXPECT_EQ(trial.objection(), "");
      EXPECT_GT(trial.runs(), 0u);
    }
  }
};

TEST_P(StoreFaults, OnceAtEveryIoAreNeverHidden) {
  expect_no_false_acknowledgement(Times::kOnce, 1);
}

TEST_P(StoreFaults, SlowForGoodFromEveryIoOnAreNeverHidden) {
  expect_no_false_acknowledgement(Times::kForGood, 2);
}

INSTANTIATE_TEST_SUITE_P(Of, StoreFaults, testing::ValuesIn(workloads()), name_of);

}  // namespace
}  // namespace rollcall::tests
