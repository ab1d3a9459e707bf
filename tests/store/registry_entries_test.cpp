#include "store/registry_entries.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "store/record.h"
#include "tests/support/engine_under_test.h"

namespace rollcall::store {
namespace {

using namespace std::chrono_literals;
using tests::EngineUnderTest;

const engine::HostAddress kHost = engine::HostAddress::v4(10, 0, 0, 7);

engine::RegistryOptions options(std::size_t shards) {
  engine::RegistryOptions options;
  options.shards = shards;
  return options;
}

LeaseClock clock_of(const EngineUnderTest& under_test) {
  return LeaseClock({under_test.now(), WallInstant(under_test.time().wall)}, 0ms);
}

class RegistryEntriesTest : public testing::TestWithParam<std::size_t> {
 protected:
  void register_peers(int count) {
    for (int i = 0; i < count; ++i) {
      under_test_.ask(kHost, "Register P2Pv1\n\npeer-" + std::to_string(i) + "\n80\n");
    }
  }
  // Nicks in what `read` appends in steps of `entries_max`.
  std::multiset<std::string> read_all(std::size_t entries_max) {
    RegistryEntries entries(under_test_.registry(), clock_of(under_test_));
    EntrySource::Position position;
    std::string packed;
    std::multiset<std::string> nicks;
    for (bool has_more = true; has_more;) {
      packed.clear();
      has_more = entries.read(position, entries_max, packed);
      std::size_t read = 0;
      for (std::string_view rest = packed; !rest.empty(); ++read) {
        nicks.emplace(unpack(rest).value().nick);
      }
      EXPECT_LE(read, entries_max);
    }
    return nicks;
  }

  EngineUnderTest under_test_{options(GetParam())};
};
INSTANTIATE_TEST_SUITE_P(Shards, RegistryEntriesTest, testing::Values(1, 4));

TEST_P(RegistryEntriesTest, AreAllReadOnceInStepsOfAnySize) {
  register_peers(300);
  for (const std::size_t entries_max : {1u, 7u, 64u, 65u, 1000u}) {
    const auto nicks = read_all(entries_max);
    ASSERT_EQ(nicks.size(), 300u);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(nicks.count("peer-" + std::to_string(i)), 1u);
  }
}

TEST_P(RegistryEntriesTest, OfAnEmptyRegistryAreNone) { EXPECT_TRUE(read_all(10).empty()); }

TEST_P(RegistryEntriesTest, AreReadAsTheyAre) {
  under_test_.ask(kHost, "Register P2Pv1\nCookie: new\n\nalice\n65400\n");
  const LeaseClock clock = clock_of(under_test_);
  RegistryEntries entries(under_test_.registry(), clock);
  EntrySource::Position position;
  std::string packed;
  EXPECT_FALSE(entries.read(position, 1000, packed));
  std::string told;
  tests::ToldChange& change = under_test_.changes().back();
  change.change.nick = change.nick;
  pack(record_of(change.change, clock), told);
  EXPECT_EQ(packed, told);
}

TEST_P(RegistryEntriesTest, ThatStayAreReadThoughOthersComeAndGo) {
  register_peers(100);
  RegistryEntries entries(under_test_.registry(), clock_of(under_test_));
  EntrySource::Position position;
  std::string packed;
  for (int step = 0; entries.read(position, 9, packed); ++step) {
    const std::string other = "other-" + std::to_string(step);
    under_test_.ask(kHost, "Register P2Pv1\n\n" + other + "\n80\n");
    under_test_.ask(kHost, "Leave P2Pv1\n\n" + other + "\n");
  }
  std::map<std::string, int> read;
  for (std::string_view rest = packed; !rest.empty();) ++read[std::string(unpack(rest)->nick)];
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read["peer-" + std::to_string(i)], 1);
}

}  // namespace
}  // namespace rollcall::store
