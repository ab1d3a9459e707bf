#include "tests/support/simulated_file.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>

namespace rollcall::tests {
namespace {

constexpr std::size_t kSector = SimulatedFile::kSectorBytes;

std::string content(const SimulatedFile& file) { return std::string(file.read(0, file.bytes())); }

// What is left after a power loss.
std::string left(const SimulatedFile& file, Survival survival, std::uint64_t seed = 1) {
  engine::SampleGenerator random(seed);
  const SimulatedFile after = file.after_power_loss(survival, true, random);
  after.check_invariants();
  EXPECT_TRUE(after.is_synced());
  return content(after);
}

// All that may be left, over many seeds.
std::set<std::string> all_left(const SimulatedFile& file, Survival survival) {
  std::set<std::string> contents;
  for (std::uint64_t seed = 0; seed < 200; ++seed) contents.insert(left(file, survival, seed));
  return contents;
}

std::string sectors(std::string_view letters) {
  std::string text;
  for (const char letter : letters) text += std::string(kSector, letter);
  return text;
}

SimulatedFile synced(const std::string& text) {
  SimulatedFile file;
  file.write(0, text);
  file.sync();
  return file;
}

TEST(SimulatedFile, ReadsWhatWasWrittenAndZerosBetween) {
  SimulatedFile file;
  file.write(3, "ab");
  EXPECT_EQ(content(file), std::string("\0\0\0ab", 5));
  EXPECT_EQ(file.read(4, 10), "b");
  EXPECT_EQ(file.read(5, 1), "");
  file.truncate(1);
  file.truncate(2);
  EXPECT_EQ(content(file), std::string("\0\0", 2));
  file.check_invariants();
}

TEST(SimulatedFile, ASyncedWriteIsNeverLost) {
  SimulatedFile file = synced(sectors("abc"));
  for (std::size_t survival = 0; survival < kSurvivals; ++survival) {
    EXPECT_EQ(all_left(file, static_cast<Survival>(survival)),
              std::set<std::string>{sectors("abc")});
  }
  // Nor is what stands beside one that is not.
  file.write(kSector, sectors("x"));
  for (std::size_t survival = 0; survival < kSurvivals; ++survival) {
    for (const std::string& text : all_left(file, static_cast<Survival>(survival))) {
      EXPECT_TRUE(text == sectors("abc") || text == sectors("axc"));
    }
  }
}

TEST(SimulatedFile, AnUnsyncedWriteMayBeLostOrNot) {
  SimulatedFile file = synced("old");
  file.write(0, "new and longer");
  EXPECT_EQ(left(file, Survival::kNothing), "old");
  EXPECT_EQ(left(file, Survival::kEverything), "new and longer");
}

TEST(SimulatedFile, AWriteIsTornBetweenSectorsInEveryWay) {
  SimulatedFile file = synced(sectors("abc"));
  file.write(0, sectors("xyz"));
  const std::set<std::string> all = {sectors("abc"), sectors("abz"), sectors("ayc"),
                                     sectors("ayz"), sectors("xbc"), sectors("xbz"),
                                     sectors("xyc"), sectors("xyz")};
  EXPECT_EQ(all_left(file, Survival::kEachSector), all);
  EXPECT_EQ(all_left(file, Survival::kEachTime), all);
  EXPECT_EQ(all_left(file, Survival::kInOrder), all);
}

TEST(SimulatedFile, ALaterWriteMaySurviveAnEarlierOne) {
  SimulatedFile file = synced(sectors("abc"));
  file.write(0, sectors("x"));
  file.write(kSector, sectors("y"));
  EXPECT_TRUE(all_left(file, Survival::kLateOnes).contains(sectors("ayc")));
  EXPECT_FALSE(all_left(file, Survival::kLateOnes).contains(sectors("xbc")));
  EXPECT_TRUE(all_left(file, Survival::kInOrder).contains(sectors("xbc")));
  EXPECT_FALSE(all_left(file, Survival::kInOrder).contains(sectors("ayc")));
}

TEST(SimulatedFile, ASectorMayBeAsItWasInBetween) {
  SimulatedFile file = synced(sectors("a"));
  file.write(0, sectors("x"));
  file.write(0, sectors("y"));
  const std::set<std::string> all = {sectors("a"), sectors("x"), sectors("y")};
  EXPECT_EQ(all_left(file, Survival::kEachTime), all);
}

TEST(SimulatedFile, FewSectorsAreLostAmongMany) {
  SimulatedFile file = synced(sectors("aaaaaaaaaaaaaaaa"));
  file.write(0, sectors("xxxxxxxxxxxxxxxx"));
  const std::set<std::string> all = all_left(file, Survival::kAllButFew);
  EXPECT_GT(all.size(), 20u);
  EXPECT_TRUE(all.contains(sectors("xxxxxxxxxxxxxxxx")));
  EXPECT_FALSE(all.contains(sectors("aaaaaaaaaaaaaaaa")));
}

TEST(SimulatedFile, TheLengthMayGrowWithoutTheContentAndNotGrowWithIt) {
  SimulatedFile file = synced(sectors("a"));
  file.write(kSector, sectors("b"));
  const std::set<std::string> all = all_left(file, Survival::kEachSector);
  EXPECT_EQ(all, (std::set<std::string>{sectors("a"), sectors("ab"),
                                        sectors("a") + std::string(kSector, '\0')}));
}

TEST(SimulatedFile, AnUnsyncedTruncationMayBeUndone) {
  SimulatedFile file = synced(sectors("abc"));
  file.truncate(kSector);
  EXPECT_EQ(left(file, Survival::kNothing), sectors("abc"));
  EXPECT_EQ(left(file, Survival::kEverything), sectors("a"));
  // What was cut off does not come back when the file grows again.
  file.truncate(2 * kSector);
  EXPECT_EQ(left(file, Survival::kEverything), sectors("a") + std::string(kSector, '\0'));
  file.sync();
  EXPECT_EQ(left(file, Survival::kNothing), sectors("a") + std::string(kSector, '\0'));
}

TEST(SimulatedFile, ATruncationSurvivesWholeOrNotAtAll) {
  SimulatedFile file = synced(sectors("abcdef"));
  file.truncate(kSector);
  const std::set<std::string> either = {sectors("abcdef"), sectors("a")};
  for (const Survival survival : {Survival::kInOrder, Survival::kEachSector, Survival::kEachTime}) {
    EXPECT_EQ(all_left(file, survival), either);
  }
  // What is written behind it is torn as ever, on top of either.
  file.write(kSector, sectors("xy"));
  const std::string zeros(kSector, '\0');
  for (const std::string& text : all_left(file, Survival::kEachTime)) {
    if (text.size() == 6 * kSector) {
      EXPECT_EQ(text, sectors("abcdef"));
      continue;
    }
    for (std::size_t at = kSector; at < text.size(); at += kSector) {
      const std::string sector = text.substr(at, kSector);
      EXPECT_TRUE(sector == zeros || sector == sectors(at == kSector ? "x" : "y"));
    }
  }
}

TEST(SimulatedFile, AFailedSyncIsLostSilently) {
  std::set<std::string> all;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SimulatedFile file = synced(sectors("ab"));
    engine::SampleGenerator random(seed);
    file.write(0, sectors("xy"));
    file.fail_sync(random);
    EXPECT_EQ(content(file), sectors("xy"));
    file.sync();
    file.check_invariants();
    all.insert(left(file, Survival::kEverything));
    // What is written anew is not lost again.
    file.write(0, sectors("pq"));
    file.sync();
    EXPECT_EQ(left(file, Survival::kNothing), sectors("pq"));
  }
  EXPECT_TRUE(all.contains(sectors("ab")));
  EXPECT_TRUE(all.contains(sectors("xb")));
}

TEST(SimulatedFile, WithoutPowersafeOverwriteABlockMayBeSpoiltAroundAWrite) {
  SimulatedFile file = synced(sectors("abcdefghijklmnop"));
  file.write(kSector, "x");
  bool is_spoilt = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    engine::SampleGenerator random(seed);
    const std::string text = content(file.after_power_loss(Survival::kEachSector, false, random));
    ASSERT_EQ(text.size(), 16 * kSector);
    is_spoilt |= text.substr(0, kSector) != sectors("a");
    EXPECT_EQ(text.substr(8 * kSector), sectors("ijklmnop"));
  }
  EXPECT_TRUE(is_spoilt);
}

TEST(SimulatedFile, TheSameSeedLeavesTheSame) {
  SimulatedFile file = synced(sectors("aaaaaaaaaa"));
  for (int i = 0; i < 10; ++i) file.write(static_cast<std::size_t>(i) * 300, sectors("b"));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(left(file, Survival::kEachTime, seed), left(file, Survival::kEachTime, seed));
  }
  EXPECT_GT(all_left(file, Survival::kEachTime).size(), 50u);
}

}  // namespace
}  // namespace rollcall::tests
