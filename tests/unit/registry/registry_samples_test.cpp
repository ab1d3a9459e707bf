#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"

// Lists and samples of a whole registry: everybody who is active, nobody twice, and each as likely
// as any other.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::addresses_in;
using tests::EngineUnderTest;
using tests::kSuccessLine;

constexpr Duration kTtl = 100s;

// A registry in which the peers `0`, `1` and so on have the ports 1, 2 and so on.
class RegistrySamples : public testing::TestWithParam<std::size_t> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = kTtl;
    options.shards = GetParam();
    return options;
  }
  void TearDown() override { under_test_.registry().check_invariants(); }

  void register_peers(std::size_t first, std::size_t last) {
    for (std::size_t peer = first; peer < last; ++peer) say("Register", peer);
  }
  void say(const std::string& method, std::size_t peer) {
    std::string text = method + " P2Pv1\n\n" + std::to_string(peer) + "\n";
    if (method == "Register") text += std::to_string(peer + 1) + "\n";
    ASSERT_EQ(under_test_.receive(session_, text), kSuccessLine);
  }

  // The peers in a list of `peers_max`. None is there twice.
  std::set<std::size_t> list(std::size_t peers_max) {
    OutputBuffer out;
    const std::size_t listed =
        under_test_.registry().append_listing(peers_max, cursor_, under_test_.now(), out);
    std::set<std::size_t> peers;
    for (const std::string& address : addresses_in(out.view())) {
      EXPECT_TRUE(address.starts_with("10.0.0.1:")) << address;
      peers.insert(std::stoul(address.substr(address.find(':') + 1)) - 1);
    }
    EXPECT_EQ(peers.size(), listed) << "one was listed twice";
    EXPECT_EQ(std::ranges::count(out.view(), ':'), static_cast<std::ptrdiff_t>(listed));
    return peers;
  }

  // How far from equally often the peers below `peers` are in samples of `peers_max`, in the units
  // of a chi-square distribution; of the first samples, or of those that so many others precede in
  // the same batch. Without replacement the counts lie closer together than that.
  double unfairness(std::size_t peers, std::size_t peers_max, std::size_t trials,
                    std::size_t others_before = 0) {
    std::map<std::size_t, double> counts;
    for (std::size_t trial = 0; trial < trials; ++trial) {
      cursor_.scatter();
      for (std::size_t i = 0; i < others_before; ++i) list(peers_max);
      for (const std::size_t peer : list(peers_max)) ++counts[peer];
    }
    const double expected = static_cast<double>(trials * peers_max) / static_cast<double>(peers);
    double sum = 0;
    for (std::size_t peer = 0; peer < peers; ++peer) {
      sum += (counts[peer] - expected) * (counts[peer] - expected) / expected;
    }
    return sum;
  }
  // Six standard deviations above the mean.
  static double unfairness_max(std::size_t peers) {
    const double freedom = static_cast<double>(peers) - 1;
    return freedom + 6 * std::sqrt(2 * freedom);
  }

  EngineUnderTest under_test_{options()};
  SessionId session_ = under_test_.open(HostAddress::v4(10, 0, 0, 1));
  SampleCursor cursor_{SampleGenerator(7)};
};
INSTANTIATE_TEST_SUITE_P(Shards, RegistrySamples, testing::Values(1, 2, 8));

std::set<std::size_t> numbers(std::size_t first, std::size_t last) {
  std::set<std::size_t> numbers;
  for (std::size_t i = first; i < last; ++i) numbers.insert(i);
  return numbers;
}

TEST_P(RegistrySamples, AreEmptyWhereNobodyIs) {
  EXPECT_TRUE(list(1).empty());
  EXPECT_TRUE(list(limits::kAnswerPeersMax).empty());
}

TEST_P(RegistrySamples, HaveEverybodyWhereThatManyAreWanted) {
  register_peers(0, 100);
  EXPECT_EQ(list(100), numbers(0, 100));
  EXPECT_EQ(list(101), numbers(0, 100));
  EXPECT_EQ(list(limits::kAnswerPeersMax), numbers(0, 100));
}

TEST_P(RegistrySamples, HaveAsManyAsWanted) {
  register_peers(0, 100);
  for (std::size_t peers_max = 1; peers_max <= 100; ++peers_max) {
    for (int repeat = 0; repeat < 10; ++repeat) ASSERT_EQ(list(peers_max).size(), peers_max);
  }
}

TEST_P(RegistrySamples, HaveAsManyAsWantedOfAFew) {
  for (std::size_t peers = 1; peers <= 12; ++peers) {
    say("Register", peers - 1);
    for (std::size_t peers_max = 1; peers_max <= peers + 1; ++peers_max) {
      for (int repeat = 0; repeat < 20; ++repeat) {
        ASSERT_EQ(list(peers_max).size(), std::min(peers, peers_max));
      }
    }
  }
}

TEST_P(RegistrySamples, HaveNobodyWhoLeft) {
  register_peers(0, 100);
  for (std::size_t peer = 0; peer < 100; peer += 3) say("Leave", peer);
  for (int repeat = 0; repeat < 50; ++repeat) {
    for (const std::size_t peer : list(20)) EXPECT_NE(peer % 3, 0u);
  }
}

TEST_P(RegistrySamples, HaveEverybodyWhoIsActiveThoughOthersExpiredUnswept) {
  register_peers(0, 60);
  under_test_.advance(kTtl / 2);
  register_peers(60, 70);
  under_test_.advance(kTtl / 2);
  ASSERT_EQ(under_test_.registry().active(), 70u) << "nobody is swept";
  for (int repeat = 0; repeat < 50; ++repeat) {
    for (std::size_t peers_max = 1; peers_max <= 12; ++peers_max) {
      const std::set<std::size_t> peers = list(peers_max);
      ASSERT_EQ(peers.size(), std::min<std::size_t>(peers_max, 10));
      ASSERT_GE(*peers.begin(), 60u);
    }
  }
}

TEST_P(RegistrySamples, AreFair) {
  register_peers(0, 40);
  for (const std::size_t peers_max : {std::size_t{1}, std::size_t{7}, std::size_t{39}}) {
    EXPECT_LT(unfairness(40, peers_max, 4000), unfairness_max(40)) << peers_max;
  }
}

TEST_P(RegistrySamples, BehindOthersAreAsFairAndOfDifferentPeers) {
  register_peers(0, 40);
  EXPECT_LT(unfairness(40, 7, 4000, 1), unfairness_max(40));
  EXPECT_LT(unfairness(40, 7, 4000, 9), unfairness_max(40));
  cursor_.scatter();
  std::set<std::size_t> all;
  for (int i = 0; i < 5; ++i) all.merge(list(8));
  EXPECT_EQ(all, numbers(0, 40));
}

TEST_P(RegistrySamples, OfOneBatchAreOfDifferentPeers) {
  register_peers(0, 40);
  std::string requests;
  for (int i = 0; i < 4; ++i) requests += "PQuery P2Pv1\nLimit: 10\n\n1\n";
  const std::vector<std::string> addresses = addresses_in(under_test_.receive(session_, requests));
  EXPECT_EQ(addresses.size(), 40u);
  EXPECT_EQ(std::set<std::string>(addresses.begin(), addresses.end()).size(), 40u);
}

TEST_P(RegistrySamples, OfDifferentBatchesBeginAnywhere) {
  register_peers(0, 40);
  std::set<std::string> answers;
  for (int i = 0; i < 20; ++i) {
    answers.insert(under_test_.receive(session_, "PQuery P2Pv1\nLimit: 1\n\n1\n"));
  }
  // One behind the other they would be 20; that 20 random ones of 40 differ has a chance of 1e-4.
  EXPECT_LT(answers.size(), 20u);
  EXPECT_GT(answers.size(), 5u);
}

TEST_P(RegistrySamples, AreFairAfterManyCameAndWent) {
  register_peers(0, 200);
  for (std::size_t peer = 40; peer < 200; ++peer) say("Leave", peer);
  for (std::size_t peer = 0; peer < 40; peer += 2) say("Leave", peer);
  register_peers(0, 40);
  EXPECT_LT(unfairness(40, 7, 4000), unfairness_max(40));
}

TEST_P(RegistrySamples, OfMoreThanAnAnswerHoldsAreFair) {
  register_peers(0, 300);
  EXPECT_LT(unfairness(300, 100, 1000), unfairness_max(300));
}

TEST_P(RegistrySamples, RaiseTheShardsTimeLikeAnyRequest) {
  // Two engines read their clocks at slightly different times. Who was left out of a list as
  // expired may not come back to life for the other engine, or lists would go on without an active
  // peer.
  say("Register", 0);
  under_test_.advance(kTtl);
  EXPECT_TRUE(list(10).empty());
  tests::SeededRandom random(1);
  Engine behind(under_test_.registry(), {}, random);
  const Time earlier{under_test_.now() - 1ns, under_test_.time().wall};
  const SessionId session = behind.open(HostAddress::v4(10, 0, 0, 1), earlier);
  OutputBuffer out;
  behind.receive(session, tests::bytes_of("KeepAlive P2Pv1\n\n0\n"), earlier, out);
  const bool is_kept_alive = out.view() == kSuccessLine;
  EXPECT_EQ(list(10).size(), is_kept_alive ? 1u : 0u);
}

// ---- Total ----

TEST_P(RegistrySamples, TotalCountsTheActive) {
  register_peers(0, 5);
  EXPECT_TRUE(under_test_.receive(session_, "PQuery P2Pv1\nLimit: 2\n\n1\n")
                  .starts_with("Response 20 P2Pv1\nTotal: 5\n\n['"));
  say("Leave", 0);
  say("Register", 1);
  EXPECT_TRUE(under_test_.receive(session_, "PQuery P2Pv1\nLimit: 1000\n\n1\n")
                  .starts_with("Response 20 P2Pv1\nTotal: 4\n\n['"));
}

TEST_P(RegistrySamples, TotalCountsNobodyWhoExpiredASecondAgo) {
  register_peers(0, 5);
  under_test_.advance(kTtl / 2);
  register_peers(5, 7);
  // The engine is ticked when it asks for that, and no sooner.
  const Instant end = under_test_.now() + kTtl / 2 + 1s;
  while (under_test_.engine().next_deadline() < end) {
    under_test_.advance(under_test_.engine().next_deadline() - under_test_.now());
    under_test_.engine().tick(under_test_.time());
  }
  under_test_.advance(end - under_test_.now());
  EXPECT_TRUE(under_test_.receive(session_, "PQuery P2Pv1\nLimit: 1\n\n6\n")
                  .starts_with("Response 20 P2Pv1\nTotal: 2\n\n['"));
}

TEST_P(RegistrySamples, AnswersWithoutLimitAreSamplesBeyondTheirMaximum) {
  EngineOptions engine_options;
  engine_options.answer_peers_max = 20;
  tests::SeededRandom random(3);
  Engine engine(under_test_.registry(), engine_options, random);
  const SessionId session = engine.open(HostAddress::v4(10, 0, 0, 1), under_test_.time());
  const auto answered = [&] {
    OutputBuffer out;
    engine.receive(session, tests::bytes_of("PQuery P2Pv1\n\n0\n"), under_test_.time(), out);
    return addresses_in(out.view());
  };
  register_peers(0, 20);
  EXPECT_EQ(answered().size(), 20u);
  register_peers(20, 100);
  EXPECT_EQ(answered().size(), 20u);
  EXPECT_NE(answered(), answered());
}

}  // namespace
}  // namespace rollcall::engine
