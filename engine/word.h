#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace rollcall::engine {

// The eight bytes at `from` as a number, the first of them lowest on any machine.
inline std::uint64_t load_word(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

}  // namespace rollcall::engine
