#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"

// A registry that is put together again from what a store kept.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::addresses_in;
using tests::answer_line;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const HostAddress kHome = HostAddress::v4(10, 0, 0, 7);
const HostAddress kElsewhere = HostAddress::v4(10, 0, 0, 8);
const Cookie kCookie{{0xAB}};
const std::string kCookieHeader = "Cookie: ab" + std::string(30, '0') + "\n";

class RegistryRestore : public testing::TestWithParam<std::size_t> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = 100s;
    options.peers_max = 20;
    options.peers_per_host_max = 3;
    options.inactive_max = 8;
    options.shards = GetParam();
    return options;
  }
  static EngineOptions open_query() {
    EngineOptions options;
    options.open_query = true;
    return options;
  }

  Instant now() const { return under_test_.now(); }

  Change active(std::string_view nick, Duration left = 100s) const {
    Change change;
    change.nick = nick;
    change.host = kHome;
    change.port = 80;
    change.active = true;
    change.deadline = now() + left;
    change.registered_at = under_test_.time().wall - 1h;
    change.activity_bits = 0b101;
    change.activity_day = 20'000;
    return change;
  }
  // A renewal says nothing but this.
  Change renewal(std::string_view nick, Extent extent, Duration left = 100s) const {
    Change change;
    change.extent = extent;
    change.nick = nick;
    change.active = true;
    change.deadline = now() + left;
    if (extent == Extent::kRegistration) change.registered_at = under_test_.time().wall - 1s;
    return change;
  }
  Change inactive(std::string_view nick, Duration since = 10s) const {
    Change change = active(nick);
    change.active = false;
    change.deadline = now() - since;
    return change;
  }

  RestoreCounts restore(const std::vector<Change>& changes,
                        RestoreOutcome outcome = RestoreOutcome::kDone) {
    RestoreCounts counts;
    for (const Change& change : changes) registry().restore({&change, 1}, now(), counts);
    EXPECT_EQ(registry().finish_restore(), outcome);
    if (outcome == RestoreOutcome::kDone) registry().check_invariants();
    EXPECT_EQ(counts.changes, changes.size());
    return counts;
  }

  Registry& registry() { return under_test_.registry(); }
  std::uint64_t active_count() { return registry().counters().active; }
  std::uint64_t inactive_count() { return registry().counters().inactive; }

  std::string ask(const std::string& method, const std::string& nick,
                  const HostAddress& host = kHome, const std::string& headers = "") {
    const std::string port = method == "Register" ? "80\n" : "";
    return under_test_.ask(host, method + " P2Pv1\n" + headers + "\n" + nick + "\n" + port);
  }
  std::vector<std::string> list() { return addresses_in(ask("PQuery", "anybody")); }
  // The entry as a renewal, which succeeds, tells it.
  Change told() const { return under_test_.changes_.back().change; }

  // Nicks by their activity bits, as `visit` hands them over in steps of `entries_max`.
  std::map<std::string, std::uint32_t> visited(std::size_t entries_max) {
    tests::ChangeRecorder recorder;
    for (std::size_t shard = 0; shard < registry().shards(); ++shard) {
      EntryNumber from = 0;
      while (from != kNoEntry) from = registry().visit(shard, from, entries_max, recorder);
    }
    std::map<std::string, std::uint32_t> nicks;
    for (const auto& told : recorder.told) {
      EXPECT_TRUE(nicks.emplace(told.nick, told.change.activity_bits).second) << told.nick;
    }
    return nicks;
  }

  struct UnderTest : EngineUnderTest {
    UnderTest() : EngineUnderTest(options(), open_query()) {}
    std::vector<tests::ToldChange>& changes_ = changes();
  } under_test_;
};
INSTANTIATE_TEST_SUITE_P(Shards, RegistryRestore, testing::Values(1, 4));

TEST_P(RegistryRestore, BringsBackPeersAsTheyWere) {
  restore({active("alice"), active("bob")});
  EXPECT_EQ(active_count(), 2u);
  EXPECT_EQ(list(), (std::vector<std::string>{"10.0.0.7:80", "10.0.0.7:80"}));
  EXPECT_EQ(ask("KeepAlive", "alice", kElsewhere), answer_line(Outcome::kOtherHost));
  EXPECT_EQ(ask("KeepAlive", "alice"), kSuccessLine);
  EXPECT_EQ(told().registered_at, under_test_.time().wall - 1h);
  EXPECT_EQ(told().activity_bits, 0b101u);
  EXPECT_EQ(told().activity_day, 20'000);
  EXPECT_EQ(ask("Leave", "bob"), kSuccessLine);
  EXPECT_EQ(active_count(), 1u);
  EXPECT_EQ(registry().counters().registered, 0u);
}

TEST_P(RegistryRestore, BringsBackCookies) {
  Change change = active("alice");
  change.has_cookie = true;
  change.cookie = kCookie;
  restore({change});
  EXPECT_EQ(ask("KeepAlive", "alice"), answer_line(Outcome::kWrongCookie));
  EXPECT_EQ(ask("KeepAlive", "alice", kElsewhere, kCookieHeader), kSuccessLine);
}

TEST_P(RegistryRestore, LetsALaterChangeTakeThePlaceOfAnEarlierOneWhateverTheyAre) {
  Change elsewhere = active("alice", 50s);
  elsewhere.host = kElsewhere;
  elsewhere.port = 81;
  elsewhere.activity_bits = 1;
  Change with_cookie = active("alice", 70s);
  with_cookie.has_cookie = true;
  with_cookie.cookie = kCookie;
  const std::vector<Change> states = {active("alice"), elsewhere, with_cookie, inactive("alice"),
                                      inactive("alice", limits::kHistory)};
  for (const Change& first : states) {
    for (const Change& second : states) {
      for (const Change& third : states) {
        tests::SeededRandom random(1);
        Registry registry(options(), random);
        const Change changes[] = {first, second, third};
        RestoreCounts counts;
        registry.restore(changes, now(), counts);
        ASSERT_EQ(registry.finish_restore(), RestoreOutcome::kDone);
        registry.check_invariants();
        tests::ChangeRecorder recorder;
        for (std::size_t shard = 0; shard < registry.shards(); ++shard) {
          registry.visit(shard, 0, 10, recorder);
        }
        const bool is_over = third.deadline + limits::kHistory <= now();
        ASSERT_EQ(recorder.told.size(), is_over ? 0u : 1u);
        if (is_over) continue;
        const Change& kept = recorder.told[0].change;
        EXPECT_EQ(recorder.told[0].nick, "alice");
        EXPECT_EQ(kept.host, third.host);
        EXPECT_EQ(kept.port, third.port);
        EXPECT_EQ(kept.active, third.active);
        EXPECT_EQ(kept.has_cookie, third.has_cookie);
        EXPECT_EQ(kept.cookie, third.cookie);
        EXPECT_EQ(kept.deadline, third.deadline);
        EXPECT_EQ(kept.activity_bits, third.activity_bits);
        EXPECT_EQ(registry.active(), third.active ? 1u : 0u);
      }
    }
  }
}

TEST_P(RegistryRestore, LetsARenewalChangeTheLeaseAndLeaveTheRest) {
  Change with_cookie = active("bob", 10s);
  with_cookie.has_cookie = true;
  with_cookie.cookie = kCookie;
  Change left = inactive("carol", 40s);
  left.host = kElsewhere;
  left.port = 81;
  const RestoreCounts counts = restore(
      {active("alice", 10s), renewal("alice", Extent::kLease, 50s), with_cookie,
       renewal("bob", Extent::kRegistration, 60s), left, renewal("carol", Extent::kLease, 70s),
       active("dave", 10s), renewal("dave", Extent::kRegistration, 101s), active("erin", 10s),
       renewal("erin", Extent::kLease, -5s)});
  EXPECT_EQ(counts.shortened, 1u) << "dave's";
  EXPECT_EQ(active_count(), 4u);
  tests::ChangeRecorder recorder;
  for (std::size_t shard = 0; shard < registry().shards(); ++shard) {
    registry().visit(shard, 0, 10, recorder);
  }
  ASSERT_EQ(recorder.told.size(), 5u);
  const WallTime before = under_test_.time().wall - 1h;
  const WallTime renewed = under_test_.time().wall - 1s;
  struct Expected {
    HostAddress host;
    std::uint16_t port;
    bool has_cookie;
    bool is_active;
    Duration left;
    WallTime registered_at;
  };
  const std::map<std::string, Expected> expected = {
      {"alice", {kHome, 80, false, true, 50s, before}},
      {"bob", {kHome, 80, true, true, 60s, renewed}},
      {"carol", {kElsewhere, 81, false, true, 70s, before}},
      {"dave", {kHome, 80, false, true, 100s, renewed}},
      {"erin", {kHome, 80, false, false, -5s, before}},
  };
  for (const auto& [change, nick] : recorder.told) {
    const Expected& entry = expected.at(nick);
    EXPECT_EQ(change.extent, Extent::kEntry);
    EXPECT_EQ(change.host, entry.host) << nick;
    EXPECT_EQ(change.port, entry.port) << nick;
    EXPECT_EQ(change.has_cookie, entry.has_cookie) << nick;
    EXPECT_EQ(change.active, entry.is_active) << nick;
    EXPECT_EQ(change.deadline, now() + entry.left) << nick;
    EXPECT_EQ(change.registered_at, entry.registered_at) << nick;
    EXPECT_EQ(change.activity_bits, 0b101u) << nick;
  }
  EXPECT_EQ(ask("KeepAlive", "bob", kElsewhere, kCookieHeader), kSuccessLine);
}

TEST_P(RegistryRestore, LeavesOutTheRenewalOfWhatWasForgotten) {
  restore(
      {renewal("alice", Extent::kLease), active("bob"), renewal("alice", Extent::kRegistration)});
  EXPECT_EQ(active_count(), 1u);
  EXPECT_EQ(inactive_count(), 0u);
}

// By the clock of the machine the lease ended long before it was renewed, in one day of its dates.
TEST_P(RegistryRestore, ForgetsNobodyBeforeTheLastRenewal) {
  restore({active("alice", -limits::kHistory), renewal("alice", Extent::kLease, 50s),
           active("bob", -limits::kHistory)});
  EXPECT_EQ(active_count(), 1u);
  EXPECT_EQ(inactive_count(), 0u);
  EXPECT_EQ(registry().counters().forgotten, 1u);
}

TEST_P(RegistryRestore, LetsLeasesEndWhenTheyWouldHave) {
  restore({active("alice", 40s), active("bob", 1ns), active("carol", 99s)});
  under_test_.advance(1ns);
  EXPECT_EQ(ask("KeepAlive", "bob"), answer_line(Outcome::kNotRegistered));
  under_test_.advance(40s - 2ns);
  EXPECT_EQ(list().size(), 2u);
  under_test_.advance(1ns);
  EXPECT_EQ(list().size(), 1u);
  under_test_.advance(limits::kWheelSlot);
  under_test_.sweep();
  EXPECT_EQ(active_count(), 1u);
  under_test_.advance(59s);
  under_test_.sweep();
  EXPECT_EQ(active_count(), 0u);
  EXPECT_EQ(inactive_count(), 3u);
}

TEST_P(RegistryRestore, TakesALeaseThatHasEndedAsInactiveSinceItsDeadline) {
  restore({active("alice", 0s), active("bob", -1h), active("carol", 1ns - limits::kHistory),
           active("dave", -limits::kHistory)});
  EXPECT_EQ(active_count(), 0u);
  EXPECT_EQ(inactive_count(), 3u);
  EXPECT_EQ(registry().counters().expired, 0u) << "nobody was here to see it";
  under_test_.advance(1ns);
  under_test_.sweep();
  EXPECT_EQ(inactive_count(), 2u);
  under_test_.advance(limits::kHistory - 1h - 1ns);
  under_test_.sweep();
  EXPECT_EQ(inactive_count(), 1u);
}

TEST_P(RegistryRestore, GivesNoLeaseLongerThanOneTtl) {
  const RestoreCounts counts = restore({active("alice", 100s), active("bob", 100s + 1ns),
                                        active("carol", 24h * 365 * 100), inactive("dave")});
  EXPECT_EQ(counts.shortened, 2u);
  EXPECT_EQ(active_count(), 3u);
  under_test_.advance(100s - 1ns);
  EXPECT_EQ(list().size(), 3u);
  under_test_.advance(1ns);
  EXPECT_EQ(list().size(), 0u);
}

TEST_P(RegistryRestore, TakesAnInactiveEntryFromTheFutureAsInactiveSinceNow) {
  EXPECT_EQ(restore({inactive("alice", -24h * 365)}).shortened, 0u);
  under_test_.advance(limits::kHistory - 1ns);
  under_test_.sweep();
  EXPECT_EQ(inactive_count(), 1u);
  under_test_.advance(1ns);
  under_test_.sweep();
  EXPECT_EQ(inactive_count(), 0u);
}

TEST_P(RegistryRestore, ForgetsInactiveEntriesInTheirOrderHoweverTheyArrive) {
  restore({inactive("c", 30s), inactive("a", 50s), inactive("d", 10s), inactive("b", 40s)});
  for (const std::size_t left : {3u, 2u, 1u, 0u}) {
    const Duration ages[] = {10s, 30s, 40s, 50s};
    under_test_.advance(limits::kHistory - ages[left] - (now() - Instant(1000s)));
    under_test_.sweep();
    EXPECT_EQ(inactive_count(), left);
  }
}

TEST_P(RegistryRestore, KeepsTheLastInactiveEntriesOfAllThereWere) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 200; ++i) nicks.push_back("peer-" + std::to_string(i));
  std::vector<Change> changes;
  for (std::size_t i = 0; i < nicks.size(); ++i) {
    changes.push_back(inactive(nicks[i], std::chrono::seconds((i * 77 + 5) % nicks.size())));
    changes.back().activity_bits = static_cast<std::uint32_t>((i * 77 + 5) % nicks.size());
  }
  restore(changes);
  EXPECT_EQ(inactive_count(), 8u);
  EXPECT_EQ(registry().counters().forgotten, 192u);
  // With one shard these are the very last; with several, the last of each.
  const auto kept = visited(100);
  EXPECT_EQ(kept.size(), 8u);
  if (GetParam() > 1) return;
  for (const auto& [nick, age] : kept) EXPECT_LT(age, 8u) << nick;
}

TEST_P(RegistryRestore, CountsPeersOfAHostButRefusesNone) {
  restore({active("a"), active("b"), active("c"), active("d"), active("e")});
  EXPECT_EQ(active_count(), 5u);
  EXPECT_EQ(ask("Register", "f"), answer_line(Outcome::kHostFull));
  EXPECT_EQ(ask("Register", "a"), kSuccessLine) << "a renewal never fails for a limit";
  for (const char* nick : {"a", "b", "c"}) EXPECT_EQ(ask("Leave", nick), kSuccessLine);
  EXPECT_EQ(ask("Register", "f"), kSuccessLine);
  EXPECT_EQ(ask("Register", "g"), answer_line(Outcome::kHostFull));
}

TEST_P(RegistryRestore, SaysSoWhenThereAreMorePeersThanAllowed) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 21; ++i) nicks.push_back("peer-" + std::to_string(i));
  std::vector<Change> changes;
  for (const std::string& nick : nicks) changes.push_back(active(nick));
  restore(changes, RestoreOutcome::kTooManyPeers);
  EXPECT_EQ(active_count(), 21u);

  // It is the end that counts.
  changes.push_back(inactive(nicks[3]));
  tests::SeededRandom random(1);
  Registry other(options(), random);
  RestoreCounts counts;
  other.restore(changes, now(), counts);
  EXPECT_EQ(other.finish_restore(), RestoreOutcome::kDone);
  other.check_invariants();
}

TEST_P(RegistryRestore, CountsItsMemoryButRefusesNone) {
  RegistryOptions small = options();
  small.bytes_max = 1;
  tests::SeededRandom random(1);
  Registry registry(small, random);
  RestoreCounts counts;
  const Change changes[] = {active("alice"), inactive("bob")};
  registry.restore(changes, now(), counts);
  EXPECT_EQ(registry.finish_restore(), RestoreOutcome::kDone);
  EXPECT_EQ(registry.active(), 1u);
  Request request;
  request.nick = "carol";
  request.port = 80;
  Operation operation{&request, &kHome};
  registry.execute({&operation, 1}, false, under_test_.time(), nullptr);
  EXPECT_EQ(operation.outcome, Outcome::kRegistryFull);
}

TEST_P(RegistryRestore, IsTheSameInBatchesOfAnySize) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 40; ++i) nicks.push_back("peer-" + std::to_string(i % 15));
  std::vector<Change> changes;
  for (std::size_t i = 0; i < nicks.size(); ++i) {
    changes.push_back(i % 3 == 0 ? inactive(nicks[i], std::chrono::seconds(i)) : active(nicks[i]));
    changes.back().port = static_cast<std::uint16_t>(i + 1);
  }
  RestoreCounts counts;
  registry().restore(std::span(changes).first(33), now(), counts);
  registry().restore(std::span(changes).subspan(33), now(), counts);
  EXPECT_EQ(registry().finish_restore(), RestoreOutcome::kDone);
  registry().check_invariants();
  std::map<std::string, bool> expected;
  for (std::size_t i = 0; i < nicks.size(); ++i) expected[nicks[i]] = i % 3 != 0;
  for (const auto& [nick, is_active] : expected) {
    EXPECT_EQ(ask("KeepAlive", nick) == kSuccessLine, is_active) << nick;
  }
}

TEST_P(RegistryRestore, ListsInRandomOrder) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 20; ++i) nicks.push_back("peer-" + std::to_string(i));
  std::vector<Change> changes;
  for (std::size_t i = 0; i < nicks.size(); ++i) {
    changes.push_back(active(nicks[i]));
    changes.back().port = static_cast<std::uint16_t>(10 + i);
  }
  restore(changes);
  const std::string text = ask("PQuery", "anybody");
  std::vector<std::string> order;
  for (std::size_t at = text.find(':'); at != std::string::npos; at = text.find(':', at + 1)) {
    order.push_back(text.substr(at + 1, 2));
  }
  ASSERT_EQ(order.size(), 20u);
  if (GetParam() == 1) {
    EXPECT_FALSE(std::ranges::is_sorted(order));
  }
}

TEST_P(RegistryRestore, OfNothingLeavesAnEmptyRegistry) {
  restore({});
  EXPECT_EQ(active_count(), 0u);
  EXPECT_TRUE(visited(1).empty());
  EXPECT_EQ(ask("Register", "alice"), kSuccessLine);
}

TEST_P(RegistryRestore, VisitsEveryEntryOnceInStepsOfAnySize) {
  restore({active("a"), inactive("b"), active("c"), active("d", 1s)});
  under_test_.advance(2s);  // not swept: as it was told
  for (std::size_t entries_max = 1; entries_max <= 5; ++entries_max) {
    EXPECT_EQ(visited(entries_max).size(), 4u);
  }
}

TEST_P(RegistryRestore, VisitsNoneThatWereForgotten) {
  restore({inactive("a", limits::kHistory - 1s), active("b"), active("c")});
  under_test_.advance(1s);
  under_test_.sweep();
  const auto nicks = visited(1);
  EXPECT_EQ(nicks.size(), 2u);
  EXPECT_FALSE(nicks.contains("a"));
}

}  // namespace
}  // namespace rollcall::engine
