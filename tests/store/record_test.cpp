#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "store/lease_clock.h"
#include "store/record.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using store::ClockReading;
using store::LeaseClock;
using store::Record;
using store::WallInstant;

constexpr engine::Instant kNow{5h};
constexpr WallInstant kWall{1'700'000'000'000ms};

Record example() {
  Record record;
  record.nick = "alice";
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = 9999;
  record.active = true;
  record.cookie = engine::Cookie{{1, 2, 3}};
  record.deadline = store::LeaseTime(1'700'000'007'123ms);
  record.registered_at = engine::WallTime(1'700'000'000s);
  record.activity_bits = 5;
  record.activity_day = 19'675;
  return record;
}

engine::Change change_of_alice() {
  engine::Change change;
  change.nick = "alice";
  change.port = 9999;
  change.active = true;
  change.has_cookie = true;
  change.cookie = {{7}};
  return change;
}

TEST(Record, IsTheEntryAfterTheChange) {
  engine::Change change = change_of_alice();
  change.deadline = kNow + 7200s + 900us;
  const LeaseClock clock({kNow, kWall}, 0ms);
  const Record record = store::record_of(change, clock);
  EXPECT_EQ(record.nick, "alice");
  EXPECT_EQ(record.port, 9999);
  EXPECT_EQ(record.cookie, change.cookie);
  EXPECT_EQ(record.deadline.time_since_epoch(), (kWall + 7200s).time_since_epoch());
  EXPECT_EQ(store::change_of(record, clock).deadline, kNow + 7200s);
}

TEST(Record, OfARenewalIsWhatAJournalKeeps) {
  engine::Change change = change_of_alice();
  change.deadline = kNow + 7200s;
  change.registered_at = engine::WallTime(1'700'000'000s);
  change.activity_day = 19'675;
  Record kept;
  kept.nick = change.nick;
  kept.active = true;
  kept.deadline = store::LeaseTime((kWall + 7200s).time_since_epoch());
  kept.registered_at = change.registered_at;
  const LeaseClock clock({kNow, kWall}, 0ms);
  for (const engine::Extent extent : {engine::Extent::kRegistration, engine::Extent::kLease}) {
    change.extent = kept.extent = extent;
    EXPECT_EQ(store::record_of(change, clock), kept);
  }
}

TEST(Record, IsTheSameAfterPackingAndUnpacking) {
  Record v6 = example();
  v6.host.bytes = {0x20, 0x01, 0x0d, 0xb8};
  v6.cookie.reset();
  v6.active = false;
  const std::string longest(255, 'n');
  Record longest_nick = example();
  longest_nick.nick = longest;
  std::string text;
  for (const Record& record : {example(), v6, longest_nick}) {
    const std::size_t before = text.size();
    store::pack(record, text);
    EXPECT_EQ(store::packed_record_bytes(std::string_view(text).substr(before)),
              text.size() - before);
  }

  std::string_view rest = text;
  EXPECT_EQ(store::unpack(rest), example());
  EXPECT_EQ(store::unpack(rest), v6);
  EXPECT_EQ(store::unpack(rest), longest_nick);
  EXPECT_TRUE(rest.empty());
}

TEST(Record, CutShortIsNotUnpacked) {
  std::string text;
  store::pack(example(), text);
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    std::string_view cut = std::string_view(text).substr(0, bytes);
    EXPECT_EQ(store::unpack(cut), std::nullopt) << bytes;
    EXPECT_EQ(cut.size(), bytes);
  }
}

TEST(Record, OutsideTheProtocolsBoundsIsNotUnpacked) {
  const auto unpacks = [](auto damage) {
    std::string text;
    store::pack(example(), text);
    damage(text);
    std::string_view rest = text;
    return store::unpack(rest).has_value();
  };
  EXPECT_TRUE(unpacks([](std::string&) {}));
  EXPECT_FALSE(unpacks([](std::string& text) { text[0] = 8; }));            // an unknown flag
  EXPECT_FALSE(unpacks([](std::string& text) { text[1] = 0; }));            // no nick
  EXPECT_FALSE(unpacks([](std::string& text) { text[2] = text[3] = 0; }));  // port 0
  EXPECT_FALSE(unpacks([](std::string& text) { text[9] = 0x40; }));         // a 31st day
  EXPECT_FALSE(unpacks([](std::string& text) { text[21] = '\x80'; }));      // before 1970
  EXPECT_FALSE(unpacks([](std::string& text) { text[19] = 0x20; }));        // in the year 3000
}

TEST(LeaseClock, GoesOnAfterARestartByWhatTheWallClockSays) {
  const LeaseClock before({kNow, kWall}, 0ms);
  const auto deadline = before.lease_time(kNow + 100s);
  // Down for 30 s; the monotonic clock began anew.
  const engine::Instant restarted{7s};
  const LeaseClock after({restarted, kWall + 30s}, 0ms);
  EXPECT_EQ(after.instant(deadline), restarted + 70s);
}

TEST(LeaseClock, FollowsAStepOfTheWallClockAndKeepsLeases) {
  LeaseClock clock({kNow, kWall}, 0ms);
  const auto deadline = clock.lease_time(kNow + 100s);
  EXPECT_FALSE(clock.follow({kNow + 10s, kWall + 11s}));
  EXPECT_EQ(clock.wall_offset(), 0ms);
  EXPECT_TRUE(clock.follow({kNow + 10s, kWall + 11s + 1ms}));
  EXPECT_EQ(clock.wall_offset(), 1001ms);
  EXPECT_TRUE(clock.follow({kNow + 10s, kWall - 24h}));
  EXPECT_EQ(clock.lease_time(kNow + 100s), deadline);
  // Whoever starts from the offset that was kept gives the same lease.
  const LeaseClock restarted({engine::Instant(1s), kWall - 24h}, clock.wall_offset());
  EXPECT_EQ(restarted.instant(deadline), engine::Instant(1s) + 90s);
}

TEST(LeaseClock, DoesNotGoBackByDecadesWithAMachineThatStartsIn1970) {
  const WallInstant set_right = kWall;
  std::chrono::milliseconds wall_offset = 0ms;
  for (int start = 0; start < 20; ++start) {
    const ClockReading booted{engine::Instant(1s), WallInstant(5s)};
    LeaseClock clock(booted, wall_offset);
    EXPECT_EQ(clock.lease_time(booted.now),
              start == 0 ? store::LeaseTime(5s) : store::kLeaseTimeMin);
    EXPECT_EQ(clock.follow(booted), start > 0);
    EXPECT_TRUE(clock.follow({booted.now + 1min, set_right}));
    wall_offset = clock.wall_offset();
    EXPECT_EQ(clock.lease_time(booted.now + 1min) + wall_offset,
              store::LeaseTime(set_right.time_since_epoch()));
  }
}

}  // namespace
}  // namespace rollcall::tests
