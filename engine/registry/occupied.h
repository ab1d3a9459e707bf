#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace rollcall::engine {

// Calls `visit` with the place of each of `items` that is not, byte for byte, `empty`. Of a sparse
// array most is empty, which is seen much faster in blocks than item by item.
//
// `Item` is a trivially copyable value of words of four bytes, without padding.
template <typename Item, typename Visit>
void for_each_occupied(std::span<const Item> items, const Item& empty, Visit visit) {
  constexpr std::size_t kBlockItems = 16;
  using Block = std::array<Item, kBlockItems>;
  using Words = std::array<std::uint32_t, sizeof(Block) / sizeof(std::uint32_t)>;
  Block empty_block;
  empty_block.fill(empty);
  const auto empty_words = std::bit_cast<Words>(empty_block);

  for (std::size_t first = 0; first < items.size(); first += kBlockItems) {
    const std::size_t end = std::min(first + kBlockItems, items.size());
    if (end - first == kBlockItems) {
      Words words;
      std::memcpy(words.data(), &items[first], sizeof words);
      std::uint32_t difference = 0;
      for (std::size_t i = 0; i < words.size(); ++i) difference |= words[i] ^ empty_words[i];
      if (difference == 0) continue;
    }
    for (std::size_t at = first; at < end; ++at) {
      if (std::memcmp(&items[at], &empty, sizeof(Item)) != 0) visit(at);
    }
  }
}

}  // namespace rollcall::engine
