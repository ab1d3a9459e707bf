#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

// Randomness as an input. The shell hands over the system's secure source, a test a seeded one.

namespace rollcall::engine {

// A source of random bytes. Cookies and hash keys come straight from it, so in production it must
// be cryptographically secure. `fill` may be called from several threads at once.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::byte> bytes) = 0;
};

// A small fast generator for samples and shuffles, where fairness matters and secrecy does not.
// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
class SampleGenerator {
 public:
  explicit SampleGenerator(std::uint64_t seed) : state_(seed) {}
  explicit SampleGenerator(RandomSource& source);

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // A number below `bound`, by multiplication (Lemire, 2019) without the rejection step: the bias
  // is below `bound` / 2^64. REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{next()} * bound) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace rollcall::engine
