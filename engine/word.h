#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rollcall::engine {

// The eight bytes at `from` as a number, the first of them lowest on any machine.
inline std::uint64_t load_word(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

// Whether they are the same. Short ones are compared without memcmp, which may load a whole vector
// wherever they end: past the end of a cache line, that is one more wait for memory.
inline bool is_same(std::string_view one, std::string_view other) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (one.size() != other.size()) return false;
  if (one.size() > 2 * kWord) return one == other;
  if (one.size() >= kWord) {
    const std::size_t last = one.size() - kWord;
    return load_word(one.data()) == load_word(other.data()) &&
           load_word(one.data() + last) == load_word(other.data() + last);
  }
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i] != other[i]) return false;
  }
  return true;
}

}  // namespace rollcall::engine
