#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rollcall::fuzz {

// A record of an input, read as choices: half a byte each, so that the fuzzer can change one and
// leave the others. What is behind its end is zero.
class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> record) : record_(record) {}

  // REQUIRES: 1 <= bound <= 16.
  std::size_t below(std::size_t bound) {
    if (at_ / 2 >= record_.size()) return 0;
    const std::uint8_t byte = record_[at_ / 2];
    const std::size_t half = at_ % 2 == 0 ? byte & 0xF : byte >> 4;
    ++at_;
    return half % bound;
  }

 private:
  std::span<const std::uint8_t> record_;
  std::size_t at_ = 0;
};

}  // namespace rollcall::fuzz
