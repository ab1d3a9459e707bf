#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace rollcall::apps {

// Which peers requests are about.
enum class PeerOrder : std::uint8_t {
  kUniform,     // each as often as any other
  kZipf,        // peer k (from 1) in proportion to 1 / k^0.99, as YCSB does: few speak often
  kSequential,  // one after the other, over and over
};

// What a command line calls them.
std::optional<PeerOrder> peer_order_named(std::string_view name);
std::string_view peer_order_name(PeerOrder order);

// Draws peers, numbered from 0, in such an order; the same ones for the same seed.
class PeerDraw {
 public:
  // REQUIRES: peers > 0.
  PeerDraw(PeerOrder order, std::size_t peers, std::uint64_t seed);

  std::size_t next();

 private:
  std::size_t next_of_zipf();

  PeerOrder order_;
  std::size_t peers_;
  std::size_t drawn_ = 0;
  engine::SampleGenerator random_;
  std::vector<double> sums_;  // for kZipf: of the weights up to each peer
};

}  // namespace rollcall::apps
