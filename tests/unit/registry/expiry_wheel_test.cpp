#include "engine/registry/expiry_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/random.h"

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using limits::kWheelSlot;

constexpr std::size_t kPlenty = 1'000'000;

// A wheel whose entries are known by their deadlines as well.
class WheelUnderTest {
 public:
  explicit WheelUnderTest(Duration ttl) : ttl_(ttl), wheel_(pool_, ttl) {}

  EntryNumber add(Instant deadline) {
    const EntryNumber number = pool_.allocate("nick");
    pool_[number].state = EntryState::kActive;
    pool_[number].deadline = deadline;
    wheel_.insert(number);
    inside_.insert(number);
    return number;
  }
  EntryNumber add_lease(Instant now) { return add(now + ttl_); }

  void renew(EntryNumber number, Instant now) { pool_[number].deadline = now + ttl_; }

  void remove(EntryNumber number) {
    wheel_.remove(number);
    forget(number);
  }

  // All that a sweep with this budget returns; `touched` says how much of the budget it took.
  std::set<EntryNumber> sweep(Instant now, std::size_t budget = kPlenty) {
    std::set<EntryNumber> expired;
    const std::size_t before = budget;
    while (const auto number = wheel_.take_expired(now, budget)) {
      EXPECT_LE(pool_[*number].deadline, now) << "expired early";
      EXPECT_TRUE(inside_.contains(*number));
      expired.insert(*number);
      forget(*number);
    }
    touched = before - budget;
    wheel_.check_invariants();
    EXPECT_EQ(wheel_.size(), inside_.size());
    if (budget > 0) {
      for (const EntryNumber number : inside_) {
        EXPECT_GT(pool_[number].deadline, now - kWheelSlot) << "expired too late";
      }
    }
    return expired;
  }

  const std::set<EntryNumber>& inside() const { return inside_; }
  std::size_t touched = 0;

 private:
  void forget(EntryNumber number) {
    inside_.erase(number);
    pool_[number].state = EntryState::kInactive;
    pool_.free(number);
  }

  Duration ttl_;
  EntryPool pool_;
  ExpiryWheel wheel_;
  std::set<EntryNumber> inside_;
};

TEST(ExpiryWheel, HasNobodyToExpireWhenEmpty) {
  WheelUnderTest under_test(10s);
  EXPECT_TRUE(under_test.sweep(Instant(0s)).empty());
  EXPECT_TRUE(under_test.sweep(Instant(100s)).empty());
  EXPECT_EQ(under_test.touched, 0u);
}

TEST(ExpiryWheel, ExpiresNobodyEarlyAndNobodyASlotLate) {
  for (const Duration offset : {-1ns, 0ns, 1ns, 100'000'000ns}) {
    WheelUnderTest under_test(10s);
    const Instant deadline = Instant(10s) + offset;
    const EntryNumber number = under_test.add(deadline);
    EXPECT_TRUE(under_test.sweep(deadline - 1ns).empty());
    EXPECT_TRUE(under_test.sweep(deadline - 1ns).empty());
    EXPECT_EQ(under_test.sweep(deadline - 1ns + kWheelSlot), std::set<EntryNumber>{number});
  }
}

TEST(ExpiryWheel, ExpiresADeadlineOnASlotsEdgeAtOnce) {
  WheelUnderTest under_test(10s);
  const EntryNumber number = under_test.add(Instant(10s));
  EXPECT_TRUE(under_test.sweep(Instant(10s) - 1ns).empty());
  EXPECT_EQ(under_test.sweep(Instant(10s)), std::set<EntryNumber>{number});
}

TEST(ExpiryWheel, DoesNotTouchAnEntryBeforeItIsDue) {
  WheelUnderTest under_test(10s);
  under_test.add(Instant(10s));
  for (Instant now{}; now < Instant(10s); now += 50ms) {
    under_test.sweep(now);
    EXPECT_EQ(under_test.touched, 0u);
  }
}

TEST(ExpiryWheel, MovesAnEntryOnceALeaseHoweverOftenItIsRenewed) {
  constexpr Duration kTtl = 10s;
  WheelUnderTest under_test(kTtl);
  const EntryNumber number = under_test.add_lease(Instant(0s));
  std::size_t touched = 0;
  Instant now{};
  for (; now < Instant(10 * kTtl); now += 100ms) {
    under_test.renew(number, now);
    EXPECT_TRUE(under_test.sweep(now).empty());
    touched += under_test.touched;
  }
  EXPECT_GE(touched, 9u);
  EXPECT_LE(touched, 11u);
  EXPECT_EQ(under_test.sweep(now + kTtl + kWheelSlot), std::set<EntryNumber>{number});
}

TEST(ExpiryWheel, TouchesALongLeaseOnceForEachRenewalAndTwiceForItsEnd) {
  constexpr Duration kTtl = 7200s;
  WheelUnderTest under_test(kTtl);
  const EntryNumber renewed = under_test.add_lease(Instant(0s));
  Instant now{};
  std::size_t touched = 0;
  for (; now < Instant(10 * kTtl); now += 7s) {
    under_test.renew(renewed, now);
    EXPECT_TRUE(under_test.sweep(now).empty());
    touched += under_test.touched;
  }
  EXPECT_GE(touched, 9u);
  EXPECT_LE(touched, 11u);

  under_test.remove(renewed);
  const EntryNumber ended = under_test.add_lease(now);
  touched = 0;
  for (const Instant end = now + kTtl; now < end; now += 7s) {
    EXPECT_TRUE(under_test.sweep(now).empty());
    touched += under_test.touched;
  }
  EXPECT_EQ(touched, 1u);
  EXPECT_EQ(under_test.sweep(now), std::set<EntryNumber>{ended});
}

TEST(ExpiryWheel, FindsEverybodyOfLeasesOfAllLengthsWithinASlot) {
  SampleGenerator generator(11);
  for (const Duration ttl :
       {Duration(128s), Duration(256s), Duration(257s), Duration(3h), limits::kTtlMax}) {
    WheelUnderTest under_test(ttl);
    Instant now = Instant(1000s);
    for (int i = 0; i < 300; ++i) {
      const auto part = static_cast<std::int64_t>(generator.below(1000));
      under_test.add(now + ttl / 1000 * part + kWheelSlot);
      now += ttl / 777;
      under_test.sweep(now);
    }
    under_test.sweep(now + ttl + 2 * kWheelSlot);
    EXPECT_TRUE(under_test.inside().empty());
  }
}

TEST(ExpiryWheel, IsSmallForTheLongestLeaseToo) {
  EntryPool pool;
  EXPECT_LE(ExpiryWheel(pool, limits::kTtlMax).bytes(), std::size_t{32} << 10);
}

TEST(ExpiryWheel, FindsEverybodyAfterALongPause) {
  constexpr Duration kTtl = 3s;
  for (const Duration pause : {1s, 3s, 4s, 60s, 86400s}) {
    WheelUnderTest under_test(kTtl);
    for (Instant now{}; now < Instant(1s); now += 130ms) under_test.add_lease(now);
    under_test.sweep(Instant(1s));
    under_test.sweep(Instant(1s) + pause);
    EXPECT_EQ(under_test.inside().empty(), pause >= kTtl);
  }
}

TEST(ExpiryWheel, StartsAtAnyTime) {
  WheelUnderTest under_test(3s);
  const Instant start = Instant(1'000'000s) + 123ns;
  const EntryNumber number = under_test.add_lease(start);
  EXPECT_TRUE(under_test.sweep(start).empty());
  EXPECT_TRUE(under_test.sweep(start + 3s - 1ns).empty());
  EXPECT_EQ(under_test.sweep(start + 3s + kWheelSlot), std::set<EntryNumber>{number});
}

TEST(ExpiryWheel, LetsGoOfEntriesFromTheFrontTheMiddleAndTheEndOfASlot) {
  for (int removed = 0; removed < 3; ++removed) {
    WheelUnderTest under_test(10s);
    std::vector<EntryNumber> numbers;
    for (int i = 0; i < 3; ++i) numbers.push_back(under_test.add(Instant(10s)));
    under_test.remove(numbers[static_cast<std::size_t>(removed)]);
    EXPECT_EQ(under_test.sweep(Instant(10s)).size(), 2u);
    EXPECT_TRUE(under_test.inside().empty());
  }
}

TEST(ExpiryWheel, StopsWhenTheBudgetIsSpentAndGoesOnNextTime) {
  WheelUnderTest under_test(10s);
  for (int i = 0; i < 10; ++i) under_test.add(Instant(10s) + i * 100ms);
  EXPECT_EQ(under_test.sweep(Instant(20s), 4).size(), 4u);
  EXPECT_EQ(under_test.touched, 4u);
  EXPECT_EQ(under_test.sweep(Instant(20s), 0).size(), 0u);
  EXPECT_EQ(under_test.sweep(Instant(20s), 4).size(), 4u);
  EXPECT_EQ(under_test.sweep(Instant(20s), 4).size(), 2u);
  EXPECT_EQ(under_test.touched, 2u);
}

TEST(ExpiryWheel, ReturnsWhatExpiredBetweenTwoStepsOfOneSweep) {
  WheelUnderTest under_test(10s);
  for (int i = 0; i < 10; ++i) under_test.add(Instant(10s));
  under_test.sweep(Instant(10s), 5);
  const EntryNumber removed = *under_test.inside().begin();
  under_test.remove(removed);
  EXPECT_EQ(under_test.sweep(Instant(10s)).size(), 4u);
}

TEST(ExpiryWheel, TouchesNobodyTwiceInOneLateSweep) {
  // The slots that are still to be swept and those of fresh leases are the same places of the
  // wheel.
  constexpr Duration kTtl = 1s;
  for (Duration lag = 0ms; lag <= 3 * kTtl; lag += 50ms) {
    WheelUnderTest under_test(kTtl);
    under_test.sweep(Instant(0s));
    std::size_t added = 0;
    for (Instant now{}; now <= Instant(lag); now += 50ms, ++added) under_test.add_lease(now);
    under_test.sweep(Instant(lag), 10 * added);
    EXPECT_LE(under_test.touched, added) << lag.count();
  }
}

TEST(ExpiryWheel, GetsDoneWithAMassExpiryWhileOthersRegister) {
  constexpr Duration kTtl = 1s;
  WheelUnderTest under_test(kTtl);
  for (int i = 0; i < 1000; ++i) under_test.add_lease(Instant(0s));
  Instant now(kTtl);
  for (int step = 0; step < 200; ++step, now += 20ms) {
    under_test.sweep(now, 10);
    under_test.add_lease(now);
  }
  // 200 steps of 10 are enough for 1000 entries and for the fresh ones, none of which needs more
  // than two.
  under_test.sweep(now, 100);
  EXPECT_LE(under_test.inside().size(), kTtl / 20ms + kWheelSlot / 20ms + 1);
}

TEST(ExpiryWheel, ExpiresEverybodyInTimeWhateverComesAndGoes) {
  for (const Duration ttl : {1000ms, 1001ms, 1249ms, 2500ms, 60'000ms}) {
    SampleGenerator generator(static_cast<std::uint64_t>(ttl.count()));
    WheelUnderTest under_test(ttl);
    Instant now{};
    for (int step = 0; step < 4000; ++step) {
      now += Duration(generator.below(static_cast<std::uint64_t>(ttl.count()) / 20));
      const auto& inside = under_test.inside();
      auto some = inside.begin();
      if (!inside.empty()) std::advance(some, generator.below(inside.size()));
      switch (generator.below(5)) {
        case 0:
        case 1:
          under_test.add_lease(now);
          break;
        case 2:
          if (!inside.empty()) under_test.renew(*some, now);
          break;
        case 3:
          if (!inside.empty()) under_test.remove(*some);
          break;
        case 4:
          // Each is touched at most twice: in the slot of an old lease and in that of the new one.
          under_test.sweep(now, generator.below(2) == 0 ? 3 : 2 * inside.size() + 1);
          break;
      }
    }
    under_test.sweep(now + ttl + kWheelSlot);
    EXPECT_TRUE(under_test.inside().empty());
  }
}

}  // namespace
}  // namespace rollcall::engine
