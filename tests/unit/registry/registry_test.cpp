#include "engine/registry/registry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "engine/wire/address_text.h"
#include "tests/support/engine_under_test.h"

// What the four operations do, case by case: the table of the protocol, cookies included.
// Everything is said in wire text, so that the cases read like the exchanges they stand for.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::addresses_in;
using tests::answer_line;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const HostAddress kHome = HostAddress::v4(10, 0, 0, 1);
const HostAddress kElsewhere = HostAddress::v4(10, 0, 0, 2);
constexpr Duration kTtl = 100s;

const std::string kCookie(32, 'a');
const std::string kOtherCookie(32, 'b');

RegistryOptions short_lease() {
  RegistryOptions options;
  options.ttl = kTtl;
  return options;
}

class RegistryTest : public testing::Test {
 protected:
  std::string ask(const HostAddress& host, std::string_view text) {
    return under_test_.ask(host, text);
  }
  std::string register_alice(const HostAddress& host) {
    return ask(host, "Register P2Pv1\n\nalice\n80\n");
  }
  std::string register_alice(const HostAddress& host, const std::string& cookie) {
    return ask(host, "Register P2Pv1\nCookie: " + cookie + "\n\nalice\n80\n");
  }

  // The three requests that are only for an active entry's owner.
  static std::vector<std::string> owner_requests(const std::string& headers = "") {
    return {"KeepAlive P2Pv1\n" + headers + "\nalice\n", "PQuery P2Pv1\n" + headers + "\nalice\n",
            "Leave P2Pv1\n" + headers + "\nalice\n"};
  }
  void expect_all_answered(const HostAddress& host, const std::vector<std::string>& requests,
                           Outcome outcome) {
    for (const std::string& request : requests) {
      const std::size_t changes = under_test_.changes().size();
      EXPECT_EQ(ask(host, request), answer_line(outcome)) << request;
      EXPECT_EQ(under_test_.changes().size(), changes) << "a refused request changed something";
    }
  }

  // All active peers, seen from outside.
  std::vector<std::string> peers() {
    OutputBuffer out;
    SampleCursor cursor(SampleGenerator(1));
    under_test_.registry().append_listing(limits::kAnswerPeersMax, cursor, under_test_.now(), out);
    return addresses_in(out.view());
  }
  using Peers = std::vector<std::string>;

  EngineUnderTest under_test_{short_lease()};
};

// ---- Nick free ----

TEST_F(RegistryTest, RegisterOfAnUnknownNickMakesItActive) {
  EXPECT_EQ(register_alice(kHome), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  ASSERT_EQ(under_test_.changes().size(), 1u);
  const tests::ToldChange& told = under_test_.changes()[0];
  EXPECT_EQ(told.nick, "alice");
  EXPECT_EQ(told.change.host, kHome);
  EXPECT_EQ(told.change.port, 80);
  EXPECT_TRUE(told.change.active);
  EXPECT_FALSE(told.change.has_cookie);
  EXPECT_EQ(told.change.deadline, under_test_.now() + kTtl);
  EXPECT_EQ(told.change.registered_at, under_test_.time().wall);
}

TEST_F(RegistryTest, OthersOfAnUnknownNickAreRefused) {
  expect_all_answered(kHome, owner_requests(), Outcome::kNotRegistered);
  expect_all_answered(kHome, owner_requests("Cookie: " + kCookie + "\n"), Outcome::kNotRegistered);
}

TEST_F(RegistryTest, OthersOfANickThatLeftAreRefused) {
  register_alice(kHome);
  ask(kHome, "Leave P2Pv1\n\nalice\n");
  expect_all_answered(kHome, owner_requests(), Outcome::kNotRegistered);
}

TEST_F(RegistryTest, OthersOfANickThatExpiredAreRefused) {
  register_alice(kHome, kCookie);
  under_test_.advance(kTtl);
  expect_all_answered(kHome, owner_requests(), Outcome::kNotRegistered);
  expect_all_answered(kHome, owner_requests("Cookie: " + kCookie + "\n"), Outcome::kNotRegistered);
}

TEST_F(RegistryTest, AnotherHostMayRegisterANickThatLeft) {
  register_alice(kHome);
  ask(kHome, "Leave P2Pv1\n\nalice\n");
  EXPECT_EQ(register_alice(kElsewhere), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.2:80"});
  expect_all_answered(kHome, owner_requests(), Outcome::kOtherHost);
}

TEST_F(RegistryTest, AnotherHostMayRegisterANickThatExpiredSweptOrNot) {
  for (const bool is_swept : {false, true}) {
    register_alice(kHome, kCookie);
    under_test_.advance(kTtl);
    if (is_swept) under_test_.sweep();
    EXPECT_EQ(register_alice(kElsewhere), kSuccessLine);
    EXPECT_EQ(peers(), Peers{"10.0.0.2:80"});
    ask(kElsewhere, "Leave P2Pv1\n\nalice\n");
  }
}

TEST_F(RegistryTest, ANickThatComesBackHasNoCookieUnlessItBringsOne) {
  register_alice(kHome, kCookie);
  ask(kHome, "Leave P2Pv1\nCookie: " + kCookie + "\n\nalice\n");
  EXPECT_EQ(register_alice(kElsewhere), kSuccessLine);
  EXPECT_FALSE(under_test_.changes().back().change.has_cookie);
  // Its old owner is a stranger now, cookie or not.
  expect_all_answered(kHome, owner_requests("Cookie: " + kCookie + "\n"), Outcome::kOtherHost);
}

TEST_F(RegistryTest, AClientThatKeptItsCookieComesBackAfterExpiryWithIt) {
  register_alice(kHome, kCookie);
  under_test_.advance(kTtl);
  EXPECT_EQ(register_alice(kElsewhere, kCookie), kSuccessLine);
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\nCookie: " + kCookie + "\n\nalice\n"), kSuccessLine);
  expect_all_answered(kElsewhere, owner_requests(), Outcome::kWrongCookie);
}

// ---- Active, owner by host ----

TEST_F(RegistryTest, RegisterByTheOwnerRenewsPortLeaseAndDate) {
  register_alice(kHome);
  under_test_.advance(kTtl - 1s);
  EXPECT_EQ(ask(kHome, "Register P2Pv1\n\nalice\n81\n"), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:81"});
  EXPECT_EQ(under_test_.changes().back().change.registered_at, under_test_.time().wall);
  under_test_.advance(kTtl - 1s);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:81"});
}

TEST_F(RegistryTest, KeepAliveExtendsTheLeaseAndNothingElse) {
  register_alice(kHome);
  const WallTime registered_at = under_test_.time().wall;
  under_test_.advance(kTtl - 1s);
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\n\nalice\n"), kSuccessLine);
  const tests::ToldChange& told = under_test_.changes().back();
  EXPECT_EQ(told.change.deadline, under_test_.now() + kTtl);
  EXPECT_EQ(told.change.registered_at, registered_at);
  EXPECT_EQ(told.change.port, 80);
}

TEST_F(RegistryTest, OfARenewalOnlyTheLeaseIsTold) {
  const auto extent_of = [this](const std::string& method, const HostAddress& host,
                                const std::string& port = "", const std::string& cookie = "") {
    const std::string header = cookie.empty() ? "" : "Cookie: " + cookie + "\n";
    EXPECT_TRUE(
        ask(host, method + " P2Pv1\n" + header + "\nalice\n" + port).starts_with("Response 20 "));
    return under_test_.changes().back().change.extent;
  };
  EXPECT_EQ(extent_of("Register", kHome, "80\n"), Extent::kEntry) << "it is new";
  EXPECT_EQ(extent_of("Register", kHome, "80\n"), Extent::kRegistration);
  EXPECT_EQ(extent_of("KeepAlive", kHome), Extent::kLease);
  EXPECT_EQ(extent_of("Register", kHome, "81\n"), Extent::kEntry) << "another port";
  EXPECT_EQ(extent_of("Register", kHome, "81\n", kCookie), Extent::kEntry) << "a cookie";
  EXPECT_EQ(extent_of("Register", kHome, "81\n", kCookie), Extent::kRegistration);
  EXPECT_EQ(extent_of("Register", kElsewhere, "81\n", kCookie), Extent::kEntry) << "another host";
  EXPECT_EQ(extent_of("KeepAlive", kElsewhere, "", kCookie), Extent::kLease);
  under_test_.set_wall_clock(24h);
  EXPECT_EQ(extent_of("KeepAlive", kElsewhere, "", kCookie), Extent::kEntry) << "another day";
  EXPECT_EQ(extent_of("KeepAlive", kElsewhere, "", kCookie), Extent::kLease);
  under_test_.set_wall_clock(24h);
  EXPECT_EQ(extent_of("Register", kElsewhere, "81\n", kCookie), Extent::kEntry) << "another day";
  under_test_.set_wall_clock(-24h);
  EXPECT_EQ(extent_of("Register", kElsewhere, "81\n", kCookie), Extent::kRegistration)
      << "a day that is known";
  EXPECT_EQ(extent_of("Leave", kElsewhere, "", kCookie), Extent::kEntry);
  EXPECT_EQ(extent_of("Register", kHome, "81\n"), Extent::kEntry) << "it was gone";
  under_test_.advance(kTtl);
  EXPECT_EQ(extent_of("Register", kHome, "81\n"), Extent::kEntry) << "its lease had ended";
}

TEST_F(RegistryTest, LeaveMakesInactiveAtOnce) {
  register_alice(kHome);
  under_test_.advance(1s);
  EXPECT_EQ(ask(kHome, "Leave P2Pv1\n\nalice\n"), kSuccessLine);
  EXPECT_TRUE(peers().empty());
  const tests::ToldChange& told = under_test_.changes().back();
  EXPECT_EQ(told.nick, "alice");
  EXPECT_FALSE(told.change.active);
  EXPECT_EQ(told.change.deadline, under_test_.now());
  EXPECT_EQ(told.change.host, kHome);
}

TEST_F(RegistryTest, PQueryListsEverybodyTheAskerIncluded) {
  register_alice(kHome);
  ask(kElsewhere, "Register P2Pv1\n\nbob\n81\n");
  const std::string list = ask(kHome, "PQuery P2Pv1\n\nalice\n");
  EXPECT_TRUE(list.starts_with("Response 20 P2Pv1\n\n['"));
  EXPECT_EQ(addresses_in(list), (Peers{"10.0.0.1:80", "10.0.0.2:81"}));
  EXPECT_EQ(under_test_.changes().size(), 2u) << "PQuery changes nothing";
}

TEST_F(RegistryTest, PQueryDoesNotExtendTheLease) {
  register_alice(kHome);
  under_test_.advance(kTtl - 1s);
  ask(kHome, "PQuery P2Pv1\n\nalice\n");
  under_test_.advance(1s);
  EXPECT_TRUE(peers().empty());
}

TEST_F(RegistryTest, AListHoldsAnAddressOnceForEachNickThatHasIt) {
  ask(kHome, "Register P2Pv1\n\nalice\n80\nRegister P2Pv1\n\nbob\n80\n");
  EXPECT_EQ(peers(), (Peers{"10.0.0.1:80", "10.0.0.1:80"}));
}

TEST_F(RegistryTest, ACookieShownAboutAnEntryWithoutOneIsIgnoredByAllButRegister) {
  register_alice(kHome);
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\nCookie: " + kCookie + "\n\nalice\n"), kSuccessLine);
  EXPECT_FALSE(under_test_.changes().back().change.has_cookie);
  expect_all_answered(kElsewhere, owner_requests("Cookie: " + kCookie + "\n"), Outcome::kOtherHost);
}

// ---- Active, another owner ----

TEST_F(RegistryTest, AnotherHostIsRefusedAllFour) {
  register_alice(kHome);
  expect_all_answered(kElsewhere, owner_requests(), Outcome::kOtherHost);
  EXPECT_EQ(register_alice(kElsewhere), answer_line(Outcome::kOtherHost));
  EXPECT_EQ(register_alice(kElsewhere, kCookie), answer_line(Outcome::kOtherHost));
  EXPECT_EQ(register_alice(kElsewhere, "new"), answer_line(Outcome::kOtherHost));
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  EXPECT_EQ(under_test_.changes().size(), 1u);
}

TEST_F(RegistryTest, HostsAreToldApartByTheirFullAddress) {
  const HostAddress one = parse_host("2001:db8::1").value();
  const HostAddress neighbour = parse_host("2001:db8::2").value();
  register_alice(one);
  EXPECT_EQ(register_alice(neighbour), answer_line(Outcome::kOtherHost));
}

TEST_F(RegistryTest, AHostIsTheSameOverIpv4AndMappedIpv6) {
  register_alice(parse_host("::ffff:10.0.0.1").value());
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\n\nalice\n"), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
}

// ---- Cookies ----

TEST_F(RegistryTest, CookieNewIssuesAFreshOne) {
  const std::string first = register_alice(kHome, "new");
  ASSERT_TRUE(first.starts_with("Response 20 P2Pv1\nCookie: ")) << first;
  EXPECT_TRUE(first.ends_with("\n\nSuccess\n")) << first;
  const std::string cookie = first.substr(first.find(": ") + 2, 32);
  EXPECT_EQ(cookie.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_TRUE(under_test_.changes().back().change.has_cookie);

  const std::string second = ask(kHome, "Register P2Pv1\nCookie: new\n\nbob\n80\n");
  EXPECT_NE(second.substr(second.find(": ") + 2, 32), cookie);

  EXPECT_EQ(ask(kElsewhere, "KeepAlive P2Pv1\nCookie: " + cookie + "\n\nalice\n"), kSuccessLine);
}

TEST_F(RegistryTest, CookieNewForAnActiveEntryThatHasOneIsRefused) {
  register_alice(kHome, kCookie);
  EXPECT_EQ(register_alice(kHome, "new"), answer_line(Outcome::kHasCookie));
  EXPECT_EQ(register_alice(kElsewhere, "new"), answer_line(Outcome::kHasCookie));
  EXPECT_EQ(under_test_.changes().size(), 1u);
}

TEST_F(RegistryTest, CookieNewGivesOneToAnActiveEntryThatHasNone) {
  register_alice(kHome);
  EXPECT_TRUE(register_alice(kHome, "new").starts_with("Response 20 P2Pv1\nCookie: "));
  expect_all_answered(kHome, owner_requests(), Outcome::kWrongCookie);
}

TEST_F(RegistryTest, ACookieThatTheOwnerBringsBecomesTheEntrys) {
  register_alice(kHome);
  EXPECT_EQ(register_alice(kHome, kCookie), kSuccessLine);
  EXPECT_TRUE(under_test_.changes().back().change.has_cookie);
  expect_all_answered(kHome, owner_requests(), Outcome::kWrongCookie);
  EXPECT_EQ(ask(kElsewhere, "KeepAlive P2Pv1\nCookie: " + kCookie + "\n\nalice\n"), kSuccessLine);
}

TEST_F(RegistryTest, RegisteringAgainWithTheSameCookieNeedsNoAnswerToTheFirst) {
  EXPECT_EQ(register_alice(kHome, kCookie), kSuccessLine);
  EXPECT_EQ(register_alice(kHome, kCookie), kSuccessLine);
  EXPECT_EQ(register_alice(kElsewhere, kCookie), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.2:80"});
}

TEST_F(RegistryTest, AnEntryWithACookieObeysWhoeverShowsItAndNobodyElse) {
  register_alice(kHome, kCookie);
  for (const HostAddress& host : {kHome, kElsewhere}) {
    expect_all_answered(host, owner_requests(), Outcome::kWrongCookie);
    expect_all_answered(host, owner_requests("Cookie: " + kOtherCookie + "\n"),
                        Outcome::kWrongCookie);
    EXPECT_EQ(register_alice(host), answer_line(Outcome::kWrongCookie));
    EXPECT_EQ(register_alice(host, kOtherCookie), answer_line(Outcome::kWrongCookie));
  }
  EXPECT_EQ(under_test_.changes().size(), 1u);
  const std::string shown = "Cookie: " + kCookie + "\n";
  EXPECT_EQ(ask(kElsewhere, "KeepAlive P2Pv1\n" + shown + "\nalice\n"), kSuccessLine);
  EXPECT_EQ(addresses_in(ask(kElsewhere, "PQuery P2Pv1\n" + shown + "\nalice\n")),
            Peers{"10.0.0.1:80"});
  EXPECT_EQ(ask(kElsewhere, "Leave P2Pv1\n" + shown + "\nalice\n"), kSuccessLine);
  EXPECT_TRUE(peers().empty());
}

TEST_F(RegistryTest, ARegisterWithTheCookieMovesTheEntryAndAKeepAliveDoesNot) {
  register_alice(kHome, kCookie);
  EXPECT_EQ(ask(kElsewhere, "KeepAlive P2Pv1\nCookie: " + kCookie + "\n\nalice\n"), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  EXPECT_EQ(register_alice(kElsewhere, kCookie), kSuccessLine);
  EXPECT_EQ(peers(), Peers{"10.0.0.2:80"});
  EXPECT_TRUE(under_test_.changes().back().change.has_cookie);
}

TEST_F(RegistryTest, EachBitOfACookieCounts) {
  register_alice(kHome, kCookie);
  for (std::size_t digit = 0; digit < kCookie.size(); ++digit) {
    std::string wrong = kCookie;
    wrong[digit] = 'b';
    EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\nCookie: " + wrong + "\n\nalice\n"),
              answer_line(Outcome::kWrongCookie));
  }
}

// ---- Open queries ----

TEST(RegistryOpenQuery, AnswersAnybodyWithAValidNickAndKeepsTheRestToOwners) {
  EngineOptions options;
  options.open_query = true;
  EngineUnderTest under_test({}, options);
  under_test.ask(kHome, "Register P2Pv1\nCookie: " + kCookie + "\n\nalice\n80\n");
  for (const std::string nick : {"alice", "nobody"}) {
    EXPECT_EQ(addresses_in(under_test.ask(kElsewhere, "PQuery P2Pv1\n\n" + nick + "\n")),
              std::vector<std::string>{"10.0.0.1:80"});
  }
  EXPECT_EQ(under_test.ask(kElsewhere, "KeepAlive P2Pv1\n\nalice\n"),
            answer_line(Outcome::kWrongCookie));
  EXPECT_EQ(under_test.ask(kElsewhere, "PQuery P2Pv1\n\n\x01\n"), answer_line(Outcome::kBadNick));
  EXPECT_EQ(under_test.ask(kElsewhere, "Leave P2Pv1\n\nnobody\n"),
            answer_line(Outcome::kNotRegistered));
}

TEST(RegistryOpenQuery, OfAnEmptyRegistryGivesAnEmptyList) {
  EngineOptions options;
  options.open_query = true;
  EngineUnderTest under_test({}, options);
  EXPECT_EQ(under_test.ask(kHome, "PQuery P2Pv1\n\nnobody\n"), "Response 20 P2Pv1\n\n[]\n");
  EXPECT_EQ(under_test.ask(kHome, "PQuery P2Pv1\nLimit: 5\n\nnobody\n"),
            "Response 20 P2Pv1\nTotal: 0\n\n[]\n");
}

// ---- Leases ----

TEST_F(RegistryTest, AnEntryIsActiveUntilItsDeadlineAndNotAtIt) {
  register_alice(kHome);
  under_test_.advance(kTtl - 1ns);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  EXPECT_EQ(addresses_in(ask(kHome, "PQuery P2Pv1\n\nalice\n")), Peers{"10.0.0.1:80"});
  under_test_.advance(1ns);
  EXPECT_TRUE(peers().empty());
  expect_all_answered(kHome, owner_requests(), Outcome::kNotRegistered);
}

TEST_F(RegistryTest, AKeepAliveInTheLastMomentSaves) {
  register_alice(kHome);
  under_test_.advance(kTtl - 1ns);
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\n\nalice\n"), kSuccessLine);
  under_test_.advance(kTtl - 1ns);
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  under_test_.advance(1ns);
  EXPECT_TRUE(peers().empty());
}

TEST_F(RegistryTest, NoTrafficExpiresAnEntryAndNoWallClockDoes) {
  register_alice(kHome);
  under_test_.set_wall_clock(std::chrono::days(400));
  for (int i = 0; i < 1000; ++i) ask(kHome, "KeepAlive P2Pv1\n\nbob\n");
  under_test_.set_wall_clock(-std::chrono::days(800));
  under_test_.sweep();
  EXPECT_EQ(peers(), Peers{"10.0.0.1:80"});
  under_test_.advance(kTtl);
  EXPECT_TRUE(peers().empty());
}

TEST_F(RegistryTest, AQueryByWhoHasExpiredLeavesThatToTheSweep) {
  register_alice(kHome);
  under_test_.advance(kTtl);
  EXPECT_EQ(ask(kHome, "PQuery P2Pv1\n\nalice\n"), answer_line(Outcome::kNotRegistered));
  EXPECT_EQ(under_test_.registry().active(), 1u);
  EXPECT_EQ(ask(kHome, "KeepAlive P2Pv1\n\nalice\n"), answer_line(Outcome::kNotRegistered));
  EXPECT_EQ(under_test_.registry().active(), 0u);
}

TEST_F(RegistryTest, ASweepCountsWhoExpiredAndHowLate) {
  register_alice(kHome);
  under_test_.advance(kTtl + 3us);
  EXPECT_EQ(under_test_.registry().counters().active, 1u);
  under_test_.advance(limits::kWheelSlot);
  under_test_.sweep();
  const RegistryCounters counters = under_test_.registry().counters();
  EXPECT_EQ(counters.active, 0u);
  EXPECT_EQ(counters.inactive, 1u);
  EXPECT_EQ(counters.expired, 1u);
  // 250,003 microseconds: below 2^18 and not below half of that.
  EXPECT_EQ(counters.expiry_lag[18], 1u);
}

TEST_F(RegistryTest, CountersTellWhatHappened) {
  register_alice(kHome);
  register_alice(kHome);
  ask(kHome, "KeepAlive P2Pv1\n\nalice\n");
  register_alice(kElsewhere);
  ask(kHome, "Leave P2Pv1\n\nalice\n");
  ask(kHome, "Leave P2Pv1\n\nalice\n");
  const RegistryCounters counters = under_test_.registry().counters();
  EXPECT_EQ(counters.registered, 1u);
  EXPECT_EQ(counters.renewed, 2u);
  EXPECT_EQ(counters.left, 1u);
  EXPECT_EQ(counters.expired, 0u);
  EXPECT_EQ(counters.active, 0u);
  EXPECT_EQ(counters.inactive, 1u);
  EXPECT_GT(counters.bytes, 0u);
}

// ---- Changes ----

TEST_F(RegistryTest, TellsChangesInOrderWithCountingSequence) {
  ask(kHome,
      "Register P2Pv1\n\nalice\n80\nKeepAlive P2Pv1\n\nalice\nRegister P2Pv1\n\nbob\n81\n"
      "KeepAlive P2Pv1\n\ncarol\nLeave P2Pv1\n\nalice\n");
  const std::vector<std::string> nicks = {"alice", "alice", "bob", "alice"};
  ASSERT_EQ(under_test_.changes().size(), nicks.size());
  for (std::size_t i = 0; i < nicks.size(); ++i) {
    EXPECT_EQ(under_test_.changes()[i].nick, nicks[i]);
    EXPECT_EQ(under_test_.changes()[i].change.sequence, i + 1);
    EXPECT_EQ(under_test_.changes()[i].change.shard, 0u);
  }
}

TEST(RegistryChanges, OfANickBelongToOneShardWhoseSequenceHasNoGaps) {
  RegistryOptions options;
  options.shards = 8;
  EngineUnderTest under_test(options);
  for (int round = 0; round < 5; ++round) {
    for (int peer = 0; peer < 40; ++peer) {
      under_test.ask(kHome, "Register P2Pv1\n\npeer-" + std::to_string(peer) + "\n80\n");
    }
  }
  std::map<std::uint32_t, std::uint64_t> sequences;
  std::map<std::string, std::uint32_t> shards;
  for (const tests::ToldChange& told : under_test.changes()) {
    EXPECT_EQ(told.change.sequence, ++sequences[told.change.shard]);
    EXPECT_EQ(shards.emplace(told.nick, told.change.shard).first->second, told.change.shard);
  }
  EXPECT_EQ(under_test.changes().size(), 200u);
  EXPECT_EQ(sequences.size(), 8u);
}

TEST(RegistryChanges, AreNotNeeded) {
  tests::SeededRandom random(1);
  Registry registry({}, random);
  Engine engine(registry, {}, random);
  OutputBuffer out;
  const SessionId session = engine.open(kHome, {});
  engine.receive(session, tests::bytes_of("Register P2Pv1\n\nalice\n80\n"), {}, out);
  EXPECT_EQ(out.view(), kSuccessLine);
}

TEST_F(RegistryTest, TellsNothingWhenEntriesExpire) {
  register_alice(kHome);
  under_test_.advance(kTtl + 1s);
  under_test_.sweep();
  EXPECT_EQ(under_test_.changes().size(), 1u);
}

}  // namespace
}  // namespace rollcall::engine
