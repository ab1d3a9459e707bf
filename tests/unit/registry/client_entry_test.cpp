#include "engine/registry/client_entry.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/random.h"
#include "tests/support/allocation_counter.h"

namespace rollcall::engine {
namespace {

Cookie cookie_of(std::uint8_t byte) {
  Cookie cookie;
  cookie.bytes.fill(byte);
  return cookie;
}

// The lengths at which an entry keeps its nick elsewhere, and the longest.
const std::array<std::size_t, 5> kNickLengths = {1, 13, 14, 15, limits::kNickBytesMax};

TEST(ClientEntry, IsOneCacheLine) {
  EXPECT_EQ(sizeof(ClientEntry), 64u);
  EXPECT_EQ(alignof(ClientEntry), 64u);
}

TEST(EntryPool, GivesABlankEntryWithItsNick) {
  for (const std::size_t length : kNickLengths) {
    EntryPool pool;
    const std::string nick(length, 'n');
    const ClientEntry& entry = pool[pool.allocate(nick)];
    EXPECT_EQ(entry.nick(), nick);
    EXPECT_FALSE(entry.has_cookie());
    EXPECT_EQ(entry.state, EntryState::kFree);
    EXPECT_EQ(entry.host, HostAddress());
    EXPECT_EQ(entry.activity_bits, 0u);
    EXPECT_EQ(pool.in_use(), 1u);
  }
}

TEST(EntryPool, KeepsTheNickWhileTheCookieComesChangesAndGoes) {
  for (const std::size_t length : kNickLengths) {
    EntryPool pool;
    const std::string nick(length, 'n');
    ClientEntry& entry = pool[pool.allocate(nick)];
    const std::size_t bare_bytes = pool.bytes();

    const Cookie first = cookie_of(1);
    pool.set_cookie(entry, &first);
    EXPECT_EQ(entry.nick(), nick);
    ASSERT_TRUE(entry.has_cookie());
    EXPECT_EQ(entry.cookie(), first);

    const Cookie second = cookie_of(2);
    pool.set_cookie(entry, &second);
    EXPECT_EQ(entry.nick(), nick);
    EXPECT_EQ(entry.cookie(), second);
    EXPECT_EQ(pool.bytes(), pool.bytes_promised());

    pool.set_cookie(entry, nullptr);
    EXPECT_EQ(entry.nick(), nick);
    EXPECT_FALSE(entry.has_cookie());
    EXPECT_EQ(pool.bytes(), bare_bytes);
  }
}

TEST(EntryPool, AllocatesNothingForTakingAwayNoCookie) {
  EntryPool pool;
  ClientEntry& entry = pool[pool.allocate(std::string(100, 'n'))];
  const tests::AllocationCounter allocations;
  pool.set_cookie(entry, nullptr);
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(EntryPool, GivesBackWhatItsEntriesHold) {
  const tests::AllocationCounter allocations;
  {
    EntryPool pool;
    const Cookie cookie = cookie_of(1);
    pool.allocate(std::string(100, 'n'));
    pool.set_cookie(pool[pool.allocate("n")], &cookie);
    pool.free(pool.allocate(std::string(200, 'n')));
  }
  EXPECT_EQ(allocations.held(), 0u);
}

TEST(EntryPool, GivesAFreedNumberToTheNext) {
  EntryPool pool;
  std::set<EntryNumber> numbers;
  for (int i = 0; i < 5; ++i) numbers.insert(pool.allocate("nick-" + std::to_string(i)));
  ASSERT_EQ(numbers.size(), 5u);
  pool.free(*numbers.begin());
  pool.free(*numbers.rbegin());
  EXPECT_EQ(pool.in_use(), 3u);

  const EntryNumber end = pool.numbers_end();
  const Cookie cookie = cookie_of(9);
  for (int i = 0; i < 2; ++i) {
    const EntryNumber number = pool.allocate(std::string(200, 'x'));
    EXPECT_TRUE(numbers.contains(number));
    EXPECT_FALSE(pool[number].has_cookie());
    pool.set_cookie(pool[number], &cookie);
  }
  EXPECT_EQ(pool.numbers_end(), end);
  EXPECT_EQ(pool.in_use(), 5u);
}

TEST(EntryPool, ForgetsEverythingAboutTheEntryThatANumberHadBefore) {
  EntryPool pool;
  const EntryNumber number = pool.allocate(std::string(100, 'n'));
  const Cookie cookie = cookie_of(9);
  pool.set_cookie(pool[number], &cookie);
  pool[number].activity_bits = 7;
  pool[number].host = HostAddress::v4(10, 0, 0, 1);
  pool.free(number);
  ASSERT_EQ(pool.allocate("n"), number);
  EXPECT_FALSE(pool[number].has_cookie());
  EXPECT_EQ(pool[number].activity_bits, 0u);
  EXPECT_EQ(pool[number].host, HostAddress());
}

TEST(EntryPool, NeverMovesAnEntry) {
  EntryPool pool;
  const ClientEntry* first = &pool[pool.allocate("first")];
  for (int i = 0; i < 10'000; ++i) pool.allocate(std::to_string(i));
  EXPECT_EQ(first, &pool[0]);
  EXPECT_EQ(first->nick(), "first");
}

TEST(EntryPool, GrowsByAsMuchAsItForetells) {
  EntryPool pool;
  SampleGenerator generator(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t length = 1 + generator.below(limits::kNickBytesMax);
    const std::size_t foretold = pool.bytes_promised() + pool.growth(length);
    const EntryNumber number = pool.allocate(std::string(length, 'n'));
    ASSERT_EQ(pool.bytes_promised(), foretold);
    if (generator.below(3) == 0) pool.free(number);
  }
}

// Entries that come, change their cookies and go, with what they should be beside them.
class PoolUnderTest {
 public:
  explicit PoolUnderTest(std::uint64_t seed) : generator_(seed) {}

  void step() {
    const auto action = generator_.below(4);
    if (entries_.empty() || action == 0) return allocate();
    auto entry = entries_.begin();
    std::advance(entry, generator_.below(entries_.size()));
    if (action == 1) {
      pool_.free(entry->first);
      entries_.erase(entry);
    } else {
      set_cookie(entry->first, entry->second);
    }
  }

  void check() const {
    ASSERT_EQ(pool_.in_use(), entries_.size());
    ASSERT_LE(pool_.bytes(), pool_.bytes_promised());
    for (const auto& [number, expected] : entries_) {
      ASSERT_LT(number, pool_.numbers_end());
      ASSERT_EQ(pool_[number].nick(), expected.nick);
      ASSERT_EQ(pool_[number].has_cookie(), expected.cookie.has_value());
      if (expected.cookie.has_value()) {
        ASSERT_EQ(pool_[number].cookie(), *expected.cookie);
      }
    }
  }

 private:
  struct Expected {
    std::string nick;
    std::optional<Cookie> cookie;
  };

  void allocate() {
    const std::size_t length = kNickLengths[generator_.below(kNickLengths.size())];
    const std::string nick(length, static_cast<char>('a' + generator_.below(26)));
    const bool is_new = entries_.emplace(pool_.allocate(nick), Expected{nick, {}}).second;
    ASSERT_TRUE(is_new);
  }

  void set_cookie(EntryNumber number, Expected& expected) {
    const std::size_t promised = pool_.bytes_promised();
    expected.cookie.reset();
    if (generator_.below(3) > 0) {
      expected.cookie = cookie_of(static_cast<std::uint8_t>(generator_.next()));
    }
    pool_.set_cookie(pool_[number], expected.cookie.has_value() ? &*expected.cookie : nullptr);
    ASSERT_EQ(pool_.bytes_promised(), promised);
  }

  SampleGenerator generator_;
  EntryPool pool_;
  std::map<EntryNumber, Expected> entries_;
};

TEST(EntryPool, HoldsNoMoreThanItPromisedWhateverHappens) {
  PoolUnderTest under_test(6);
  for (int step = 0; step < 20'000; ++step) {
    under_test.step();
    if (step % 16 == 0) under_test.check();
  }
}

TEST(EntryPool, PromisesNothingForEntriesThatAreGone) {
  EntryPool pool;
  std::vector<EntryNumber> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(pool.allocate(std::string(100, 'n')));
  for (const EntryNumber number : numbers) pool.free(number);
  const EntryNumber last = pool.allocate("n");
  const std::size_t promised = pool.bytes_promised();
  pool.free(last);
  EXPECT_LT(pool.bytes_promised(), promised);
  EXPECT_EQ(pool.bytes_promised(), pool.bytes());
  EXPECT_EQ(pool.in_use(), 0u);
}

}  // namespace
}  // namespace rollcall::engine
