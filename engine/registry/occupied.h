#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace rollcall::engine {

// Whether the bytes from `at` on are those of `pattern`.
template <typename Pattern>
bool has_bytes_of(const Pattern& pattern, const void* at) {
  static_assert(std::has_unique_object_representations_v<Pattern>);  // no padding
  constexpr std::size_t kWordBytes = sizeof(std::uint32_t);
  static_assert(sizeof(Pattern) % kWordBytes == 0);
  using Words = std::array<std::uint32_t, sizeof(Pattern) / kWordBytes>;
  const auto expected = std::bit_cast<Words>(pattern);
  Words words;
  std::memcpy(words.data(), at, sizeof words);
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < words.size(); ++i) difference |= words[i] ^ expected[i];
  return difference == 0;
}

// Calls `visit` with the place of each of `items` that is not, byte for byte, `empty`. Of a sparse
// array most is empty, which is seen much faster in blocks than item by item.
template <typename Item, typename Visit>
void for_each_occupied(std::span<const Item> items, const Item& empty, Visit visit) {
  constexpr std::size_t kBlockItems = 16;
  std::array<Item, kBlockItems> empty_block;
  empty_block.fill(empty);

  for (std::size_t first = 0; first < items.size(); first += kBlockItems) {
    const std::size_t end = std::min(first + kBlockItems, items.size());
    if (end - first == kBlockItems && has_bytes_of(empty_block, &items[first])) continue;
    for (std::size_t at = first; at < end; ++at) {
      if (!has_bytes_of(empty, &items[at])) visit(at);
    }
  }
}

}  // namespace rollcall::engine
