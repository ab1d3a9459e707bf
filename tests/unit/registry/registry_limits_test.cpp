#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "engine/wire/address_text.h"
#include "tests/support/engine_under_test.h"

// Who is let in: the limits on peers, on peers of one host, on remembered entries and on memory.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::answer_line;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const std::string kCookie(32, 'c');

HostAddress numbered_host(std::size_t number) {
  return HostAddress::v4(10, static_cast<std::uint8_t>(number >> 16),
                         static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

std::string register_text(const std::string& nick, const std::string& headers = "") {
  return "Register P2Pv1\n" + headers + "\n" + nick + "\n80\n";
}
std::string keep_alive_text(const std::string& nick) { return "KeepAlive P2Pv1\n\n" + nick + "\n"; }
std::string leave_text(const std::string& nick) { return "Leave P2Pv1\n\n" + nick + "\n"; }

// ---- Peers ----

class PeersMax : public testing::TestWithParam<std::size_t> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.peers_max = 5;
    options.ttl = 100s;
    options.shards = GetParam();
    return options;
  }
  std::string register_peer(std::size_t number) {
    return under_test_.ask(numbered_host(number), register_text("peer-" + std::to_string(number)));
  }
  void fill() {
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(register_peer(i), kSuccessLine);
  }

  EngineUnderTest under_test_{options()};
};
INSTANTIATE_TEST_SUITE_P(Shards, PeersMax, testing::Values(1, 4));

TEST_P(PeersMax, LetsInThatManyAndNotOneMore) {
  fill();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(register_peer(6), answer_line(Outcome::kRegistryFull));
  EXPECT_EQ(under_test_.registry().active(), 5u);
  EXPECT_EQ(under_test_.changes().size(), 5u);
}

TEST_P(PeersMax, NeverRefusesARenewal) {
  fill();
  EXPECT_EQ(register_peer(0), kSuccessLine);
  EXPECT_EQ(under_test_.ask(numbered_host(1), keep_alive_text("peer-1")), kSuccessLine);
  EXPECT_EQ(under_test_.registry().active(), 5u);
}

TEST_P(PeersMax, LetsAnotherInForOneThatLeft) {
  fill();
  under_test_.ask(numbered_host(2), leave_text("peer-2"));
  EXPECT_EQ(register_peer(6), kSuccessLine);
  EXPECT_EQ(register_peer(2), answer_line(Outcome::kRegistryFull));
}

TEST_P(PeersMax, LetsAnotherInForOneThatExpiredOnceSwept) {
  fill();
  under_test_.advance(100s + limits::kWheelSlot);
  under_test_.sweep();
  EXPECT_EQ(register_peer(6), kSuccessLine);
  EXPECT_EQ(under_test_.registry().active(), 1u);
}

TEST_P(PeersMax, LetsAnExpiredEntryBackInBeforeItIsSwept) {
  fill();
  under_test_.advance(100s);
  EXPECT_EQ(register_peer(3), kSuccessLine);
}

TEST_P(PeersMax, DoesNotLimitInactiveEntries) {
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(register_peer(i), kSuccessLine);
    under_test_.ask(numbered_host(i), leave_text("peer-" + std::to_string(i)));
  }
  EXPECT_EQ(under_test_.registry().counters().inactive, 20u);
  fill();
}

// ---- Peers of one host ----

class PeersPerHostMax : public testing::TestWithParam<std::size_t> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.peers_per_host_max = 3;
    options.ttl = 100s;
    options.shards = GetParam();
    return options;
  }
  std::string register_peer(std::size_t number, const HostAddress& host,
                            const std::string& headers = "") {
    return under_test_.ask(host, register_text("peer-" + std::to_string(number), headers));
  }
  void fill(const HostAddress& host) {
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(register_peer(i, host), kSuccessLine);
  }

  const HostAddress home_ = numbered_host(1);
  const HostAddress elsewhere_ = numbered_host(2);
  EngineUnderTest under_test_{options()};
};
INSTANTIATE_TEST_SUITE_P(Shards, PeersPerHostMax, testing::Values(1, 4));

TEST_P(PeersPerHostMax, LetsInThatManyAndNotOneMore) {
  fill(home_);
  EXPECT_EQ(register_peer(3, home_), answer_line(Outcome::kHostFull));
  EXPECT_EQ(register_peer(3, elsewhere_), kSuccessLine);
  EXPECT_EQ(under_test_.registry().active(), 4u);
}

TEST_P(PeersPerHostMax, NeverRefusesARenewal) {
  fill(home_);
  EXPECT_EQ(register_peer(0, home_), kSuccessLine);
  EXPECT_EQ(under_test_.ask(home_, keep_alive_text("peer-1")), kSuccessLine);
}

TEST_P(PeersPerHostMax, LetsAnotherInForOneThatLeft) {
  fill(home_);
  under_test_.ask(home_, leave_text("peer-1"));
  EXPECT_EQ(register_peer(3, home_), kSuccessLine);
  EXPECT_EQ(register_peer(4, home_), answer_line(Outcome::kHostFull));
}

TEST_P(PeersPerHostMax, CountsIpv6HostsByNetwork) {
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string host = "2001:db8:0:1::" + std::to_string(i + 1);
    EXPECT_EQ(register_peer(i, parse_host(host).value()), kSuccessLine);
  }
  EXPECT_EQ(register_peer(3, parse_host("2001:db8:0:1:ffff::").value()),
            answer_line(Outcome::kHostFull));
  EXPECT_EQ(register_peer(3, parse_host("2001:db8:0:2::1").value()), kSuccessLine);
}

TEST_P(PeersPerHostMax, DoesNotHoldBackAnEntryThatMovesIn) {
  fill(home_);
  const std::string cookie = "Cookie: " + kCookie + "\n";
  ASSERT_EQ(register_peer(7, elsewhere_, cookie), kSuccessLine);
  EXPECT_EQ(register_peer(7, home_, cookie), kSuccessLine);  // four of them now
  EXPECT_EQ(register_peer(8, home_), answer_line(Outcome::kHostFull));
  under_test_.ask(home_, leave_text("peer-0"));
  EXPECT_EQ(register_peer(8, home_), answer_line(Outcome::kHostFull));
  under_test_.ask(home_, leave_text("peer-1"));
  EXPECT_EQ(register_peer(8, home_), kSuccessLine);
}

TEST_P(PeersPerHostMax, GivesAPlaceBackToTheHostThatAnEntryMovesFrom) {
  const std::string cookie = "Cookie: " + kCookie + "\n";
  for (std::size_t i = 0; i < 3; ++i) register_peer(i, home_, cookie);
  register_peer(0, elsewhere_, cookie);
  EXPECT_EQ(register_peer(3, home_), kSuccessLine);
  EXPECT_EQ(register_peer(4, home_), answer_line(Outcome::kHostFull));
}

TEST_P(PeersPerHostMax, CountsARevivedEntryForItsNewHost) {
  fill(home_);
  under_test_.ask(home_, leave_text("peer-0"));
  EXPECT_EQ(register_peer(0, elsewhere_), kSuccessLine);
  EXPECT_EQ(register_peer(3, home_), kSuccessLine);
  EXPECT_EQ(register_peer(4, home_), answer_line(Outcome::kHostFull));
}

TEST(PeersPerHost, AreRefusedForTheRegistryBeforeTheirHost) {
  RegistryOptions options;
  options.peers_max = 1;
  options.peers_per_host_max = 1;
  EngineUnderTest under_test(options);
  under_test.ask(numbered_host(1), register_text("alice"));
  EXPECT_EQ(under_test.ask(numbered_host(1), register_text("bob")),
            answer_line(Outcome::kRegistryFull));
}

// ---- Remembered entries ----

// A peer that left shows that it is remembered by the days on which it was active.
bool is_remembered(EngineUnderTest& under_test, const std::string& nick) {
  under_test.ask(numbered_host(1), register_text(nick));
  return (under_test.changes().back().change.activity_bits & ~1u) != 0;
}

void come_and_go(EngineUnderTest& under_test, const std::vector<std::string>& nicks) {
  for (const std::string& nick : nicks) {
    under_test.ask(numbered_host(1), register_text(nick));
    under_test.advance(1s);
    under_test.ask(numbered_host(1), leave_text(nick));
  }
}

TEST(InactiveMax, ForgetsTheLongestInactiveFirst) {
  RegistryOptions options;
  options.inactive_max = 2;
  EngineUnderTest under_test(options);
  come_and_go(under_test, {"alice", "bob", "carol"});
  const RegistryCounters counters = under_test.registry().counters();
  EXPECT_EQ(counters.inactive, 2u);
  EXPECT_EQ(counters.forgotten, 1u);

  under_test.advance(std::chrono::days(1));
  EXPECT_TRUE(is_remembered(under_test, "carol"));
  EXPECT_TRUE(is_remembered(under_test, "bob"));
  EXPECT_FALSE(is_remembered(under_test, "alice"));
}

TEST(InactiveMax, NeverEvictsAnActiveEntry) {
  RegistryOptions options;
  options.inactive_max = 1;
  EngineUnderTest under_test(options);
  for (int i = 0; i < 10; ++i) under_test.ask(numbered_host(1), register_text(std::to_string(i)));
  come_and_go(under_test, {"alice", "bob", "carol"});
  EXPECT_EQ(under_test.registry().counters().active, 10u);
  EXPECT_EQ(under_test.registry().counters().inactive, 1u);
}

TEST(InactiveMax, MayBeZero) {
  RegistryOptions options;
  options.inactive_max = 0;
  options.ttl = 100s;
  EngineUnderTest under_test(options);
  come_and_go(under_test, {"alice", "bob"});
  EXPECT_EQ(under_test.registry().counters().inactive, 0u);
  EXPECT_EQ(under_test.changes().back().nick, "bob") << "the change is told all the same";
  EXPECT_FALSE(under_test.changes().back().change.active);

  under_test.ask(numbered_host(1), register_text("carol"));
  under_test.advance(100s);
  EXPECT_EQ(under_test.ask(numbered_host(1), keep_alive_text("carol")),
            answer_line(Outcome::kNotRegistered));
  EXPECT_EQ(under_test.registry().counters().inactive, 0u);
  EXPECT_EQ(under_test.ask(numbered_host(1), register_text("carol")), kSuccessLine);
}

TEST(InactiveMax, IsSharedOutAmongTheShards) {
  RegistryOptions options;
  options.shards = 4;
  options.inactive_max = 40;
  EngineUnderTest under_test(options);
  for (int i = 0; i < 400; ++i) come_and_go(under_test, {std::to_string(i)});
  EXPECT_EQ(under_test.registry().counters().inactive, 40u);
}

// ---- Memory ----

// Registers peers with and without cookies, of all lengths of nick, each from a host of its own, as
// text that the engine executes in batches. Half of them leave again.
class MemoryUnderTest {
 public:
  explicit MemoryUnderTest(const RegistryOptions& options)
      : options_(options), registry_(options, random_) {}

  Outcome execute(Method method, std::size_t number) {
    const std::string nick = nick_of(number);
    Request request;
    request.method = method;
    request.nick = nick;
    request.port = 80;
    request.cookie_header = CookieHeader::kShown;
    const HostAddress host = numbered_host(number);
    Operation operation{&request, &host};
    registry_.execute({&operation, 1}, false, {}, nullptr);
    return operation.outcome;
  }

  // What counts against the budget: all memory but the rendered listings.
  std::size_t bytes() {
    const RegistryCounters counters = registry_.counters();
    // Nothing is listed here, so the cache has no more than its slots: a pointer for 32 peers.
    const std::size_t rendered = kBlockSlotsBytes + (counters.active + counters.inactive) / 4;
    EXPECT_LE(counters.bytes, options_.bytes_max + rendered);
    return counters.bytes;
  }

  std::size_t nick_bytes = 10;
  Registry& registry() { return registry_; }

 private:
  std::string nick_of(std::size_t number) const {
    std::string nick = std::to_string(number);
    return std::string(nick_bytes - std::min(nick_bytes, nick.size()), '0') + nick;
  }

  // They are made for 4,096 peers at a time, in each of up to four shards.
  static constexpr std::size_t kBlockSlotsBytes = 4 * 1024;

  RegistryOptions options_;
  tests::SeededRandom random_{1};
  Registry registry_;
};

class RegistryMemory : public testing::TestWithParam<std::size_t> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.bytes_max = std::size_t{8} << 20;
    options.inactive_max = 1'000'000;
    options.peers_per_host_max = 1'000'000;
    options.shards = GetParam();
    return options;
  }
  MemoryUnderTest under_test_{options()};
};
INSTANTIATE_TEST_SUITE_P(Shards, RegistryMemory, testing::Values(1, 4));

TEST_P(RegistryMemory, RefusesNewPeersWhenItsBudgetIsSpent) {
  for (const std::size_t nick_bytes : {std::size_t{8}, std::size_t{255}}) {
    MemoryUnderTest under_test(options());
    under_test.nick_bytes = nick_bytes;
    std::size_t registered = 0;
    std::size_t refused = 0;
    while (refused < 1000) {
      const Outcome outcome = under_test.execute(Method::kRegister, registered + refused);
      ASSERT_TRUE(outcome == Outcome::kSuccess || outcome == Outcome::kRegistryFull);
      ++(outcome == Outcome::kSuccess ? registered : refused);
      if ((registered + refused) % 1000 == 0) under_test.bytes();
    }
    // The budget is of use: most of it can be filled.
    EXPECT_GT(under_test.bytes(), options().bytes_max / 2);
    under_test.registry().check_invariants();
    EXPECT_EQ(under_test.registry().active(), registered);
  }
}

TEST(RegistryMemory, RefusesNobodyWhoseMemoryFitsWithLittleToSpare) {
  RegistryOptions options;
  for (options.bytes_max = 0; options.bytes_max < std::size_t{1} << 20; options.bytes_max += 4096) {
    MemoryUnderTest under_test(options);
    if (under_test.execute(Method::kRegister, 1) != Outcome::kSuccess) continue;
    if (under_test.execute(Method::kRegister, 2) != Outcome::kSuccess) continue;
    EXPECT_LE(options.bytes_max, under_test.bytes() + (std::size_t{16} << 10));
    return;
  }
  FAIL() << "a megabyte is not enough for two peers";
}

TEST_P(RegistryMemory, ForgetsInactiveEntriesBeforeItRefusesNewOnes) {
  // Entries come in chunks of 64 KiB, so how much is left over when they do not fit any more
  // depends on the budget.
  for (std::size_t spare_kib = 0; spare_kib < 64; spare_kib += 16) {
    RegistryOptions options = RegistryMemory::options();
    options.ttl = limits::kTtlMin;
    options.bytes_max -= spare_kib << 10;
    MemoryUnderTest under_test(options);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 120'000; ++i) {
      refused += under_test.execute(Method::kRegister, i) != Outcome::kSuccess;
      under_test.execute(Method::kLeave, i);
      if (i % 10'000 == 0) under_test.bytes();
    }
    EXPECT_GT(under_test.registry().counters().forgotten, 0u);
    EXPECT_GT(under_test.bytes(), options.bytes_max / 2);
    // Where the index needs so much at once that a few requests have to forget for it.
    EXPECT_LE(refused, 10u);
  }
}

TEST_P(RegistryMemory, HasRoomForAllInactiveEntriesToComeBack) {
  std::size_t peers = 0;
  while (under_test_.registry().counters().forgotten == 0) {
    if (under_test_.execute(Method::kRegister, peers) != Outcome::kSuccess) break;
    under_test_.execute(Method::kLeave, peers++);
  }
  // The last ones first, so that none of them is forgotten for another.
  for (std::size_t i = peers; i-- > 0;) under_test_.execute(Method::kRegister, i);
  under_test_.bytes();
  EXPECT_GT(under_test_.registry().active(), peers * 9 / 10);
}

TEST_P(RegistryMemory, NeverGrowsByRenewals) {
  std::size_t peers = 0;
  while (under_test_.execute(Method::kRegister, peers) == Outcome::kSuccess) ++peers;
  for (std::size_t i = 0; i < peers; ++i) {
    EXPECT_EQ(under_test_.execute(Method::kRegister, i), Outcome::kSuccess);
    EXPECT_EQ(under_test_.execute(Method::kKeepAlive, i), Outcome::kSuccess);
  }
  under_test_.bytes();
}

TEST_P(RegistryMemory, StaysWithinItsBudgetWhenEntriesOfAllLengthsComeAndGo) {
  SampleGenerator generator(9);
  for (int step = 0; step < 150'000; ++step) {
    under_test_.nick_bytes = 8 + 30 * generator.below(9);
    const std::size_t number = generator.below(60'000);
    under_test_.execute(generator.below(3) == 0 ? Method::kLeave : Method::kRegister, number);
    if (step % 5000 == 0) under_test_.bytes();
  }
  under_test_.registry().check_invariants();
  under_test_.bytes();
}

TEST_P(RegistryMemory, KeepsRenderedListingsWithinTheirOwnBound) {
  std::size_t peers = 0;
  while (under_test_.execute(Method::kRegister, peers) == Outcome::kSuccess) ++peers;
  SampleCursor cursor(SampleGenerator(1));
  OutputBuffer out;
  under_test_.registry().append_listing(limits::kAnswerPeersMax, cursor, {}, out);
  EXPECT_LE(under_test_.registry().counters().bytes,
            options().bytes_max + limits::kRenderedBytesMax);
}

}  // namespace
}  // namespace rollcall::engine
