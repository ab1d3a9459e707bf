#include "engine/registry/shard.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"

// The background work of a shard: bounded steps, in which everything due is done in the end.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::EngineUnderTest;

constexpr Duration kTtl = 10s;
constexpr std::size_t kStep = limits::kSweepEntriesMax;

class ShardSweep : public testing::Test {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = kTtl;
    options.peers_per_host_max = 1'000'000;
    return options;
  }

  void register_peers(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      text += "Register P2Pv1\n\npeer-" + std::to_string(next_peer_++) + "\n80\n";
    }
    under_test_.receive(session_, text);
  }
  bool sweep() { return under_test_.registry().sweep(0, under_test_.now()); }
  RegistryCounters counters() { return under_test_.registry().counters(); }

  void TearDown() override { under_test_.registry().check_invariants(); }

  EngineUnderTest under_test_{options()};
  SessionId session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  std::size_t next_peer_ = 0;
};

TEST_F(ShardSweep, HasNothingToDoAtFirst) {
  EXPECT_FALSE(sweep());
  register_peers(10);
  EXPECT_FALSE(sweep());
  EXPECT_EQ(counters().active, 10u);
}

TEST_F(ShardSweep, ExpiresABoundedNumberInOneStep) {
  register_peers(3 * kStep + 5);
  under_test_.advance(kTtl + limits::kWheelSlot);
  for (std::size_t step = 1; step <= 3; ++step) {
    EXPECT_TRUE(sweep());
    EXPECT_EQ(counters().expired, step * kStep);
  }
  EXPECT_FALSE(sweep());
  EXPECT_EQ(counters().expired, 3 * kStep + 5);
  EXPECT_EQ(counters().active, 0u);
}

TEST_F(ShardSweep, ForgetsABoundedNumberInOneStep) {
  register_peers(kStep + 5);
  under_test_.advance(kTtl + limits::kWheelSlot);
  sweep();
  EXPECT_FALSE(sweep());
  under_test_.advance(limits::kHistory);
  EXPECT_TRUE(sweep());
  EXPECT_EQ(counters().forgotten, kStep);
  EXPECT_FALSE(sweep());
  EXPECT_EQ(counters().forgotten, kStep + 5);
  EXPECT_EQ(counters().inactive, 0u);
}

TEST_F(ShardSweep, ExpiresBeforeItForgets) {
  register_peers(kStep);
  under_test_.advance(kTtl + limits::kWheelSlot);
  sweep();
  under_test_.advance(limits::kHistory - kTtl);
  register_peers(kStep);
  under_test_.advance(kTtl + limits::kWheelSlot);
  EXPECT_TRUE(sweep());
  EXPECT_EQ(counters().expired, 2 * kStep);
  EXPECT_EQ(counters().forgotten, 0u);
  EXPECT_TRUE(sweep());
  EXPECT_EQ(counters().forgotten, kStep);
}

TEST_F(ShardSweep, GetsDoneThoughOthersRegisterMeanwhile) {
  register_peers(20 * kStep);
  under_test_.advance(kTtl);
  std::size_t steps = 0;
  for (; counters().expired < 20 * kStep && steps < 100; ++steps) {
    under_test_.advance(30ms);
    sweep();
    register_peers(100);
  }
  EXPECT_LE(steps, 40u);
}

TEST_F(ShardSweep, ForgettingAndRegisteringAgainReusesTheMemory) {
  register_peers(5 * kStep);
  const std::uint64_t bytes = counters().bytes;
  for (int round = 0; round < 5; ++round) {
    under_test_.advance(kTtl + limits::kHistory + limits::kWheelSlot);
    under_test_.sweep();
    under_test_.sweep();
    EXPECT_EQ(counters().inactive, 0u);
    register_peers(5 * kStep);
  }
  EXPECT_LT(counters().bytes, bytes + bytes / 4);
}

}  // namespace
}  // namespace rollcall::engine
