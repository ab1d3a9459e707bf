#include "apps/peer_draw.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/assert.h"

namespace rollcall::apps {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"uniform", "zipf", "sequential"};
constexpr double kZipfExponent = 0.99;

std::vector<double> zipf_sums(std::size_t peers) {
  std::vector<double> sums(peers);
  double sum = 0;
  for (std::size_t i = 0; i < peers; ++i) {
    sum += std::pow(static_cast<double>(i + 1), -kZipfExponent);
    sums[i] = sum;
  }
  return sums;
}

}  // namespace

std::optional<PeerOrder> peer_order_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<PeerOrder>(i);
  }
  return std::nullopt;
}

std::string_view peer_order_name(PeerOrder order) {
  return kNames[static_cast<std::size_t>(order)];
}

PeerDraw::PeerDraw(PeerOrder order, std::size_t peers, std::uint64_t seed)
    : order_(order), peers_(peers), random_(seed) {
  ROLLCALL_ASSERT(peers > 0);
  if (order == PeerOrder::kZipf) sums_ = zipf_sums(peers);
}

std::size_t PeerDraw::next() {
  switch (order_) {
    case PeerOrder::kUniform:
      return random_.below(peers_);
    case PeerOrder::kZipf:
      return next_of_zipf();
    case PeerOrder::kSequential:
      return drawn_++ % peers_;
  }
  __builtin_unreachable();
}

// The first whose sum is above a number drawn below the last sum.
std::size_t PeerDraw::next_of_zipf() {
  const double part = static_cast<double>(random_.next() >> 11) * 0x1p-53;
  const auto found = std::ranges::upper_bound(sums_, part * sums_.back());
  return std::min(static_cast<std::size_t>(found - sums_.begin()), peers_ - 1);
}

}  // namespace rollcall::apps
