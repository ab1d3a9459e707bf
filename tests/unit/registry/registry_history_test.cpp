#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"

// On which of the last 30 days (UTC) a peer registered or kept alive, and how long that is
// remembered.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using tests::EngineUnderTest;
using tests::kSuccessLine;

class RegistryHistory : public testing::Test {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = limits::kTtlMax;
    return options;
  }
  void say(const std::string& text) {
    EXPECT_EQ(under_test_.receive(session_, text), kSuccessLine);
    bits_ = under_test_.changes().back().change.activity_bits;
  }
  void register_alice() { say("Register P2Pv1\n\nalice\n80\n"); }
  void keep_alive() { say("KeepAlive P2Pv1\n\nalice\n"); }
  void leave() { say("Leave P2Pv1\n\nalice\n"); }

  static constexpr std::uint32_t bit(unsigned day) { return std::uint32_t{1} << day; }

  EngineUnderTest under_test_{options()};
  SessionId session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  // What the last change told. Time begins at midnight.
  std::uint32_t bits_ = 0;
};

TEST_F(RegistryHistory, BeginsWithTheDayOfTheRegistration) {
  register_alice();
  EXPECT_EQ(bits_, bit(0));
  EXPECT_EQ(under_test_.changes().back().change.activity_day, 20'000);
}

TEST_F(RegistryHistory, CountsADayOnce) {
  register_alice();
  under_test_.advance(24h - 1s);
  keep_alive();
  register_alice();
  EXPECT_EQ(bits_, bit(0));
  under_test_.advance(1s);
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(1));
}

TEST_F(RegistryHistory, RemembersWhichDaysAgo) {
  register_alice();
  under_test_.advance(days(3));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(3));
  under_test_.advance(days(2));
  register_alice();
  EXPECT_EQ(bits_, bit(0) | bit(2) | bit(5));
}

TEST_F(RegistryHistory, HasThirtyDaysAtTheMost) {
  for (int day = 0; day < 40; ++day) {
    register_alice();
    under_test_.advance(days(1));
  }
  EXPECT_EQ(bits_, bit(30) - 1);
}

TEST_F(RegistryHistory, ReachesBackTwentyNineDaysAndNotThirty) {
  for (const int pause : {29, 30, 31, 32, 60, 1000}) {
    register_alice();
    leave();
    const std::size_t told = under_test_.changes().size();
    under_test_.advance(days(pause));
    register_alice();
    EXPECT_EQ((bits_ & bit(29)) != 0, pause == 29) << pause;
    EXPECT_EQ(bits_ & ~bit(29), bit(0)) << pause;
    ASSERT_EQ(under_test_.changes().size(), told + 1);
    leave();
    under_test_.advance(days(100));
  }
}

TEST_F(RegistryHistory, IsKeptWhileInactive) {
  register_alice();
  under_test_.advance(days(1));
  leave();
  EXPECT_EQ(bits_, bit(0)) << "leaving is no activity";
  under_test_.advance(days(1));
  register_alice();
  EXPECT_EQ(bits_, bit(0) | bit(2));
}

TEST_F(RegistryHistory, TakesTheWallClockGoingBackAsADayBefore) {
  register_alice();
  under_test_.set_wall_clock(-days(2));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(2));
  EXPECT_EQ(under_test_.changes().back().change.activity_day, 20'000);
  under_test_.set_wall_clock(days(1));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(1) | bit(2));
  under_test_.set_wall_clock(days(2));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(1) | bit(2) | bit(3));
}

TEST_F(RegistryHistory, IgnoresADayMoreThanTwentyNineBeforeTheLast) {
  register_alice();
  under_test_.set_wall_clock(-days(29));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(29));
  under_test_.set_wall_clock(-days(1));
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(29));
  under_test_.set_wall_clock(-days(30'000));  // before 1970
  keep_alive();
  EXPECT_EQ(bits_, bit(0) | bit(29));
}

TEST_F(RegistryHistory, OutlivesTheWallClockFarAhead) {
  under_test_.set_wall_clock(days(100'000));  // further than a day of sixteen bits
  register_alice();
  EXPECT_EQ(bits_, bit(0));
  keep_alive();
  EXPECT_EQ(bits_, bit(0));
}

TEST_F(RegistryHistory, IsForgottenAfterThirtyDaysOfInactivity) {
  register_alice();
  leave();
  under_test_.advance(limits::kHistory - 1ns);
  under_test_.sweep();
  EXPECT_EQ(under_test_.registry().counters().inactive, 1u);
  under_test_.advance(1ns);
  under_test_.sweep();
  EXPECT_EQ(under_test_.registry().counters().inactive, 0u);
  EXPECT_EQ(under_test_.registry().counters().forgotten, 1u);
}

TEST_F(RegistryHistory, OfAnExpiredEntryIsKeptThirtyDaysFromItsDeadline) {
  register_alice();
  under_test_.advance(options().ttl + 10s);
  under_test_.sweep();
  under_test_.advance(limits::kHistory - 10s - 1ns);
  under_test_.sweep();
  EXPECT_EQ(under_test_.registry().counters().inactive, 1u);
  under_test_.advance(1ns);
  under_test_.sweep();
  EXPECT_EQ(under_test_.registry().counters().inactive, 0u);
}

TEST_F(RegistryHistory, IsForgottenAfterThirtyDaysSweptOrNot) {
  // Only a wall clock that was set back shows whether it is.
  for (const bool is_swept : {false, true}) {
    register_alice();
    leave();
    under_test_.advance(limits::kHistory);
    under_test_.set_wall_clock(-days(29));
    if (is_swept) under_test_.sweep();
    register_alice();
    EXPECT_EQ(bits_ & ~bit(0), 0u) << is_swept;
    leave();
    under_test_.advance(days(100));
    under_test_.sweep();
  }
}

TEST_F(RegistryHistory, BeginsAnewOnADayLongBeforeTheLastOne) {
  register_alice();
  leave();
  under_test_.advance(limits::kHistory);
  under_test_.set_wall_clock(-days(61));
  register_alice();
  EXPECT_EQ(bits_, bit(0));
  EXPECT_EQ(under_test_.changes().back().change.activity_day, 20'000 - 31);
}

TEST_F(RegistryHistory, OfALeaseThatEndedUnsweptBeginsAtItsDeadline) {
  register_alice();
  under_test_.advance(options().ttl + limits::kHistory - 1ns);
  under_test_.set_wall_clock(-days(35));
  register_alice();
  EXPECT_EQ(bits_, bit(0) | bit(1)) << "still remembered";
}

TEST_F(RegistryHistory, StartsAfreshForANickThatWasForgotten) {
  register_alice();
  leave();
  under_test_.advance(limits::kHistory);
  under_test_.sweep();
  register_alice();
  EXPECT_EQ(bits_, bit(0));
}

TEST_F(RegistryHistory, KeepsTheDateOfTheLastRegistrationThroughKeepAlives) {
  register_alice();
  const WallTime registered_at = under_test_.time().wall;
  under_test_.advance(days(2));
  keep_alive();
  EXPECT_EQ(under_test_.changes().back().change.registered_at, registered_at);
  leave();
  EXPECT_EQ(under_test_.changes().back().change.registered_at, registered_at);
  register_alice();
  EXPECT_EQ(under_test_.changes().back().change.registered_at, under_test_.time().wall);
}

}  // namespace
}  // namespace rollcall::engine
