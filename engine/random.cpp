#include "engine/random.h"

#include <array>

namespace rollcall::engine {

SampleGenerator::SampleGenerator(RandomSource& source) : state_(0) {
  std::array<std::byte, sizeof state_> seed{};
  source.fill(seed);
  state_ = std::bit_cast<std::uint64_t>(seed);
}

}  // namespace rollcall::engine
