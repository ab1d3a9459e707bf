#pragma once

#include <cstddef>
#include <span>

#include "engine/random.h"

namespace rollcall::apps {

// The system's cryptographically secure generator.
class SystemRandom final : public engine::RandomSource {
 public:
  // Waits, once after the machine's start, until the system has gathered enough randomness. There
  // is nothing secure to go on with if the system cannot give any, so that ends the program.
  void fill(std::span<std::byte> bytes) override;
};

}  // namespace rollcall::apps
