#include "engine/word.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace rollcall::engine {
namespace {

// On both sides of each length at which another way of comparing begins.
constexpr std::size_t kSizeMax = 20;

TEST(IsSame, NoticesEachByte) {
  for (std::size_t size = 0; size <= kSizeMax; ++size) {
    const std::string text(size, 'n');
    EXPECT_TRUE(is_same(text, std::string(size, 'n'))) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = text;
      other[at] = 'm';
      EXPECT_FALSE(is_same(text, other)) << size << ", " << at;
    }
  }
}

TEST(IsSame, NoticesAnotherLength) {
  for (std::size_t size = 0; size <= kSizeMax; ++size) {
    const std::string text(size, 'n');
    EXPECT_FALSE(is_same(text, text + 'n')) << size;
    EXPECT_FALSE(is_same(text + 'n', text)) << size;
  }
}

}  // namespace
}  // namespace rollcall::engine
