#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "engine/random.h"

namespace rollcall::tests {

// A source of random bytes that gives the same ones every time. Nothing about it is secure.
class SeededRandom final : public engine::RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : generator_(seed) {}

  void fill(std::span<std::byte> bytes) override {
    const std::lock_guard lock(mutex_);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator_.below(256));
  }

 private:
  std::mutex mutex_;
  engine::SampleGenerator generator_;
};

}  // namespace rollcall::tests
