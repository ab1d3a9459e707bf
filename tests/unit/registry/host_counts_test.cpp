#include "engine/registry/host_counts.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <thread>
#include <vector>

#include "engine/random.h"
#include "engine/wire/address_text.h"

namespace rollcall::engine {
namespace {

HostAddress host(std::string_view text) { return parse_host(text).value(); }

// Even numbers are IPv4 hosts, odd ones IPv6 networks of the same number.
HostAddress numbered_host(std::uint32_t number) {
  const auto high = static_cast<std::uint8_t>(number >> 8);
  const auto low = static_cast<std::uint8_t>(number);
  if (number % 2 == 0) return HostAddress::v4(10, 0, high, low);
  return {{0x20, 0, 0, 0, 0, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 1}};
}

class HostCountsTest : public testing::Test {
 protected:
  std::size_t count(std::string_view text) const { return counts_.count(counts_.host(host(text))); }
  bool add_below(std::string_view text, std::size_t max) {
    return counts_.add_below(counts_.host(host(text)), max);
  }

  HostCounts counts_{HashKey{1, 2}, 4};
};

TEST_F(HostCountsTest, CountNothingAtFirst) {
  EXPECT_EQ(count("10.0.0.1"), 0u);
  counts_.check_invariants(0);
}

TEST_F(HostCountsTest, CountIpv4ByAddress) {
  EXPECT_TRUE(add_below("10.0.0.1", 1));
  EXPECT_FALSE(add_below("10.0.0.1", 1));
  EXPECT_TRUE(add_below("10.0.0.2", 1));
  EXPECT_FALSE(add_below("::ffff:10.0.0.2", 1));
  counts_.check_invariants(2);
}

TEST_F(HostCountsTest, CountIpv6ByNetwork) {
  EXPECT_TRUE(add_below("2001:db8:0:1::1", 2));
  EXPECT_TRUE(add_below("2001:db8:0:1:ffff:ffff:ffff:ffff", 2));
  EXPECT_FALSE(add_below("2001:db8:0:1::3", 2));
  EXPECT_TRUE(add_below("2001:db8:0:2::1", 2));
  EXPECT_EQ(count("2001:db8:0:1:aaaa::"), 2u);
  EXPECT_EQ(count("2001:db8:0:2::"), 1u);
}

TEST_F(HostCountsTest, TellIpv4HostsFromTheNetworksThatResembleThem) {
  EXPECT_TRUE(add_below("10.0.0.1", 1));
  EXPECT_TRUE(add_below("::10.0.0.1", 1));
  EXPECT_TRUE(add_below("a00:1::", 1));
  EXPECT_TRUE(add_below("0:0:a00:1::", 1));
  counts_.check_invariants(4);
}

TEST_F(HostCountsTest, StopExactlyAtTheMaximum) {
  constexpr std::size_t kMax = 5;
  for (std::size_t i = 0; i < kMax; ++i) EXPECT_TRUE(add_below("10.0.0.1", kMax));
  EXPECT_FALSE(add_below("10.0.0.1", kMax));
  EXPECT_EQ(count("10.0.0.1"), kMax);
  counts_.subtract(counts_.host(host("10.0.0.1")));
  EXPECT_TRUE(add_below("10.0.0.1", kMax));
  EXPECT_FALSE(add_below("10.0.0.1", kMax));
}

TEST_F(HostCountsTest, LetNobodyInAtAMaximumOfZero) {
  EXPECT_FALSE(add_below("10.0.0.1", 0));
  counts_.check_invariants(0);
}

TEST_F(HostCountsTest, GoOverTheMaximumWhereAskedTo) {
  const HostCounts::Host h = counts_.host(host("10.0.0.1"));
  EXPECT_TRUE(counts_.add_below(h, 1));
  counts_.add(h);
  EXPECT_EQ(counts_.count(h), 2u);
  counts_.subtract(h);
  EXPECT_FALSE(counts_.add_below(h, 1));
  counts_.subtract(h);
  EXPECT_TRUE(counts_.add_below(h, 1));
}

TEST_F(HostCountsTest, TakeMemoryOnlyInStripesThatCountedSomebody) {
  HostCounts counts(HashKey{}, 64);
  const std::size_t empty = counts.bytes();
  EXPECT_LT(empty, 64u * 256);
  counts.add(counts.host(numbered_host(1)));
  EXPECT_LE(counts.bytes() - empty, HostCounts::stripe_bytes_max(1));
}

TEST_F(HostCountsTest, KeepNoMemoryForHostsThatLeft) {
  const auto come_and_leave = [&](std::uint32_t first, std::uint32_t end) {
    for (std::uint32_t number = first; number < end; ++number) {
      const HostCounts::Host h = counts_.host(numbered_host(number));
      counts_.add(h);
      counts_.subtract(h);
    }
  };
  come_and_leave(0, 100);  // some in each stripe
  const std::size_t before = counts_.bytes();
  come_and_leave(100, 10'000);
  EXPECT_EQ(counts_.bytes(), before);
  counts_.check_invariants(0);
}

TEST_F(HostCountsTest, AgreeWithAMapForManyHosts) {
  SampleGenerator generator(8);
  std::map<std::uint32_t, std::size_t> model;
  std::size_t total = 0;
  for (int step = 0; step < 30'000; ++step) {
    const auto number = static_cast<std::uint32_t>(generator.below(4000));
    const HostCounts::Host h = counts_.host(numbered_host(number));
    std::size_t& expected = model[number];
    if (generator.below(2) == 0) {
      ASSERT_EQ(counts_.add_below(h, 3), expected < 3);
      if (expected < 3) {
        ++expected;
        ++total;
      }
    } else if (expected > 0) {
      counts_.subtract(h);
      --expected;
      --total;
    }
    ASSERT_EQ(counts_.count(h), expected);
    if (step % 1000 == 0) counts_.check_invariants(total);
  }
  counts_.check_invariants(total);
}

TEST(HostCounts, WorkWithAnyNumberOfStripes) {
  for (const std::size_t stripes : {1u, 2u, 64u, 256u}) {
    HostCounts counts({3, 4}, stripes);
    for (std::uint8_t i = 0; i < 200; ++i) {
      ASSERT_TRUE(counts.add_below(counts.host(HostAddress::v4(10, 0, 0, i)), 1));
      ASSERT_FALSE(counts.add_below(counts.host(HostAddress::v4(10, 0, 0, i)), 1));
    }
    counts.check_invariants(200);
  }
}

TEST(HostCounts, BalanceWhenSeveralThreadsCount) {
  constexpr std::size_t kThreads = 4;
  static constexpr std::size_t kMax = 3;
  HostCounts counts({5, 6}, 4);
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&counts, thread] {
      SampleGenerator generator(thread);
      std::map<std::uint8_t, std::size_t> mine;
      for (int step = 0; step < 5000; ++step) {
        const auto number = static_cast<std::uint8_t>(generator.below(8));
        const HostCounts::Host h = counts.host(HostAddress::v4(10, 0, 0, number));
        if (counts.add_below(h, kMax)) ++mine[number];
        EXPECT_LE(counts.count(h), kMax);
        if (generator.below(2) == 0 && mine[number] > 0) {
          counts.subtract(h);
          --mine[number];
        }
      }
      for (const auto& [number, left] : mine) {
        for (std::size_t i = 0; i < left; ++i) {
          counts.subtract(counts.host(HostAddress::v4(10, 0, 0, number)));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  counts.check_invariants(0);
}

}  // namespace
}  // namespace rollcall::engine
