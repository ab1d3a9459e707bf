#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/word.h"

// SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). Peers choose their nicks;
// without the key they cannot choose the hashes of them.

namespace rollcall::engine {

struct HashKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

namespace siphash_internal {

inline std::uint64_t load_half_word(const char* from) {
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap32(word);
}

inline std::uint64_t load_byte(const char* from) { return static_cast<std::uint8_t>(*from); }

// The last `text.size() % 8` bytes, the first of them lowest, without a loop and without reading
// outside `text`: loads overlap, and what they have in common is the same bits.
inline std::uint64_t load_tail(std::string_view text) {
  const std::size_t size = text.size() % 8;
  const char* const from = text.data() + text.size() - size;
  // In two steps, because a shift by 64 is not defined.
  if (text.size() >= 8) return load_word(from + size - 8) >> 8 >> (56 - 8 * size);
  if (size >= 4) return load_half_word(from) | load_half_word(from + size - 4) << 8 * (size - 4);
  if (size == 0) return 0;
  return load_byte(from) | load_byte(from + size / 2) << 8 * (size / 2) |
         load_byte(from + size - 1) << 8 * (size - 1);
}

// The state, and the steps of section 2 of the paper under their names there.
struct State {
  std::uint64_t v0;
  std::uint64_t v1;
  std::uint64_t v2;
  std::uint64_t v3;

  explicit State(const HashKey& key)
      : v0(key.k0 ^ 0x736F6D6570736575u),
        v1(key.k1 ^ 0x646F72616E646F6Du),
        v2(key.k0 ^ 0x6C7967656E657261u),
        v3(key.k1 ^ 0x7465646279746573u) {}

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  template <int kRounds>
  void compress(std::uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) round();
    v0 ^= word;
  }

  template <int kRounds>
  std::uint64_t finalize() {
    v2 ^= 0xFF;
    for (int i = 0; i < kRounds; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace siphash_internal

// SipHash-c-d of `text`, c rounds a word and d at the end.
template <int kCompressionRounds, int kFinalizationRounds>
inline std::uint64_t siphash(const HashKey& key, std::string_view text) {
  siphash_internal::State state(key);
  const char* const words_end = text.data() + text.size() / 8 * 8;
  for (const char* at = text.data(); at != words_end; at += 8) {
    state.compress<kCompressionRounds>(load_word(at));
  }
  const std::uint64_t size = text.size();
  state.compress<kCompressionRounds>(size << 56 | siphash_internal::load_tail(text));
  return state.finalize<kFinalizationRounds>();
}

// SipHash-c-d of the eight bytes of `value`, the lowest first.
template <int kCompressionRounds, int kFinalizationRounds>
inline std::uint64_t siphash(const HashKey& key, std::uint64_t value) {
  siphash_internal::State state(key);
  state.compress<kCompressionRounds>(value);
  state.compress<kCompressionRounds>(std::uint64_t{sizeof value} << 56);
  return state.finalize<kFinalizationRounds>();
}

// The hash of tables, with fewer rounds than the SipHash-2-4 that authenticates messages, as in the
// tables of Rust and Python: no hash is ever shown, only collisions must be hard to find.
inline std::uint64_t siphash13(const HashKey& key, std::string_view text) {
  return siphash<1, 3>(key, text);
}
inline std::uint64_t siphash13(const HashKey& key, std::uint64_t value) {
  return siphash<1, 3>(key, value);
}

}  // namespace rollcall::engine
