#include "apps/peer_draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace rollcall::apps {
namespace {

std::vector<std::size_t> counts_of(PeerOrder order, std::size_t peers, std::size_t draws) {
  PeerDraw draw(order, peers, 1);
  std::vector<std::size_t> counts(peers);
  for (std::size_t i = 0; i < draws; ++i) ++counts.at(draw.next());
  return counts;
}

TEST(PeerDraw, IsUniformWhereItIsMeantToBe) {
  const auto counts = counts_of(PeerOrder::kUniform, 100, 1'000'000);
  EXPECT_GT(std::ranges::min(counts), 9'500u);
  EXPECT_LT(std::ranges::max(counts), 10'500u);
}

TEST(PeerDraw, OfZipfDrawsThePopularOnesInProportion) {
  const auto counts = counts_of(PeerOrder::kZipf, 1000, 1'000'000);
  const auto first = static_cast<double>(counts[0]);
  EXPECT_NEAR(static_cast<double>(counts[1]) / first, 0.5035, 0.02);    // 2^-0.99
  EXPECT_NEAR(static_cast<double>(counts[9]) / first, 0.1023, 0.01);    // 10^-0.99
  EXPECT_NEAR(static_cast<double>(counts[99]) / first, 0.0105, 0.003);  // 100^-0.99
  EXPECT_GT(std::ranges::min(counts), 0u);
}

TEST(PeerDraw, InSequenceGoesRound) {
  PeerDraw draw(PeerOrder::kSequential, 3, 1);
  for (const std::size_t peer : {0u, 1u, 2u, 0u, 1u}) EXPECT_EQ(draw.next(), peer);
}

TEST(PeerDraw, KnowsOnlyTheOnePeerThereIs) {
  for (const PeerOrder order : {PeerOrder::kUniform, PeerOrder::kZipf, PeerOrder::kSequential}) {
    EXPECT_EQ(counts_of(order, 1, 1000)[0], 1000u);
    EXPECT_EQ(peer_order_named(peer_order_name(order)), order);
  }
  EXPECT_FALSE(peer_order_named("Zipf").has_value());
}

}  // namespace
}  // namespace rollcall::apps
