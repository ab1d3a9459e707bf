#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What every fuzz target shares. A target is one function that the fuzzer, or the replay of a
// corpus, calls with an input; it returns if the property holds and stops the program if it does
// not.

namespace rollcall::fuzz {

// Says on standard error what is wrong, then traps.
[[noreturn]] void broken(std::string_view what);

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace rollcall::fuzz

extern "C" {

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// The fuzzer's own mutations of bytes. A replay, which mutates nothing, has one that does nothing.
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

// Where a target has its own: changes `data` and returns its new size, `size_max` at most.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                    unsigned seed);
// Makes an input out of two.
std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                      const std::uint8_t* other, std::size_t other_size,
                                      std::uint8_t* out, std::size_t out_size_max, unsigned seed);
}
