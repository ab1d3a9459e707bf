#include "engine/registry/occupied.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rollcall::engine {
namespace {

std::vector<std::size_t> occupied_places(const std::vector<std::uint32_t>& items,
                                         std::uint32_t empty) {
  std::vector<std::size_t> places;
  for_each_occupied<std::uint32_t>(items, empty, [&](std::size_t at) { places.push_back(at); });
  return places;
}

// Around the blocks that are looked at together.
constexpr std::size_t kSizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 100};

TEST(Occupied, FindsNothingWhereEverythingIsEmpty) {
  for (const std::uint32_t empty : {0u, 1u, 0x7fffffffu}) {
    for (const std::size_t size : kSizes) {
      EXPECT_TRUE(occupied_places(std::vector(size, empty), empty).empty()) << size;
    }
  }
}

TEST(Occupied, FindsEachPlaceWhereverItIsAndWhateverBitDiffers) {
  for (const std::size_t size : kSizes) {
    for (std::size_t place = 0; place < size; ++place) {
      for (int bit = 0; bit < 32; ++bit) {
        std::vector<std::uint32_t> items(size, 7);
        items[place] ^= std::uint32_t{1} << bit;
        EXPECT_EQ(occupied_places(items, 7), std::vector{place}) << size << ", bit " << bit;
      }
    }
  }
}

TEST(Occupied, FindsAllPlacesInOrder) {
  std::vector<std::uint32_t> items(100, 0);
  const std::vector<std::size_t> places = {0, 15, 16, 17, 47, 64, 95, 96, 99};
  for (const std::size_t place : places) items[place] = 1;
  EXPECT_EQ(occupied_places(items, 0), places);
}

TEST(Occupied, LooksAtAllWordsOfAnItem) {
  struct Item {
    std::uint32_t first = 1;
    std::uint32_t second = 2;
    std::uint32_t third = 3;
  };
  std::vector<Item> items(48);
  items[3].first = 0;
  items[20].second = 0;
  items[39].third = 0;
  std::vector<std::size_t> places;
  for_each_occupied<Item>(items, Item(), [&](std::size_t at) { places.push_back(at); });
  EXPECT_EQ(places, (std::vector<std::size_t>{3, 20, 39}));
}

}  // namespace
}  // namespace rollcall::engine
