#include "store/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "store/journal.h"
#include "store/memory_store.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/seeded_random.h"

namespace rollcall::store {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using tests::EngineUnderTest;

const engine::HostAddress kHost = engine::HostAddress::v4(10, 0, 0, 7);
const WallInstant kWall{std::chrono::days(20'000)};

Record record_with(std::string_view nick, LeaseTime deadline, std::uint16_t port = 80) {
  Record record;
  record.nick = nick;
  record.host = kHost;
  record.port = port;
  record.active = true;
  record.deadline = deadline;
  record.registered_at = engine::WallTime(std::chrono::days(20'000));
  record.activity_bits = 1;
  record.activity_day = 20'000;
  return record;
}

std::string packed(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records) pack(record, text);
  return text;
}

// A store that says what it is told to.
class Told final : public Store {
 public:
  Loaded load(const Visit& visit) override {
    for (const std::string& batch : batches) {
      ++visits;
      if (!visit(wall_offset, batch)) break;
    }
    return {result, wall_offset};
  }
  Result append(std::string_view) override { return Result::kFailed; }
  Result set_wall_offset(milliseconds) override { return Result::kFailed; }
  Result maintain(EntrySource&, bool&) override { return Result::kFailed; }
  Result sync() override { return Result::kFailed; }
  Result replace(EntrySource&, milliseconds) override {
    ++replacements;
    return replacement;
  }

  std::vector<std::string> batches;
  milliseconds wall_offset{0};
  Result result = Result::kDone;
  Result replacement = Result::kDone;
  std::size_t visits = 0;
  int replacements = 0;
};

class Recovery : public testing::Test {
 protected:
  static engine::RegistryOptions options() {
    engine::RegistryOptions options;
    options.ttl = 7200s;
    options.shards = 4;
    options.peers_max = 50'000;
    options.peers_per_host_max = 50'000;
    return options;
  }

  Recovered recover_into(engine::Registry& registry, Store& store) {
    Recovered recovered = recover(
        store, registry, [this] { return clocks_; }, nullptr);
    if (recovered.outcome == RecoveryOutcome::kDone) registry.check_invariants();
    return recovered;
  }
  Recovered recovered() { return recover_into(under_test_.registry(), store_); }

  // In lease time; the store's wall offset is zero unless a test says otherwise.
  LeaseTime in(milliseconds time) const { return LeaseTime(kWall.time_since_epoch() + time); }
  std::string ask(const std::string& text) { return under_test_.ask(kHost, text); }

  EngineUnderTest under_test_{options()};
  ClockReading clocks_{under_test_.now(), kWall};
  Told store_;
};

TEST_F(Recovery, OfANewStoreIsAnEmptyList) {
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
  EXPECT_EQ(result.records, 0u);
  EXPECT_EQ(result.active, 0u);
  EXPECT_EQ(result.clock.wall_offset(), 0ms);
}

TEST_F(Recovery, BringsBackTheLastRecordOfEachNick) {
  store_.batches = {packed({record_with("alice", in(50s), 1), record_with("bob", in(60s), 2)}),
                    packed({record_with("alice", in(70s), 3)})};
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
  EXPECT_EQ(result.records, 3u);
  EXPECT_EQ(result.active, 2u);
  const auto list = tests::addresses_in(ask("PQuery P2Pv1\n\nalice\n"));
  EXPECT_EQ(list, (std::vector<std::string>{"10.0.0.7:2", "10.0.0.7:3"}));
  under_test_.advance(60s);
  EXPECT_EQ(tests::addresses_in(ask("PQuery P2Pv1\n\nalice\n")).size(), 1u);
  under_test_.advance(10s);
  EXPECT_EQ(ask("KeepAlive P2Pv1\n\nalice\n"), tests::answer_line(engine::Outcome::kNotRegistered));
}

TEST_F(Recovery, BringsBackRenewals) {
  Record by_register;
  by_register.extent = engine::Extent::kRegistration;
  by_register.nick = "alice";
  by_register.deadline = in(50s);
  Record by_keep_alive = by_register;
  by_keep_alive.extent = engine::Extent::kLease;
  by_keep_alive.nick = "bob";
  by_keep_alive.deadline = in(60s);
  JournalPacker packer;
  std::string renewals;
  packer.pack(by_register, renewals);
  packer.pack(by_keep_alive, renewals);
  store_.batches = {packed({record_with("alice", in(1s), 1), record_with("bob", in(-1s), 2)}),
                    renewals};
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
  EXPECT_EQ(result.records, 4u);
  EXPECT_EQ(result.active, 2u);
  under_test_.advance(50s);
  const auto list = tests::addresses_in(ask("PQuery P2Pv1\n\nbob\n"));
  EXPECT_EQ(list, (std::vector<std::string>{"10.0.0.7:2"}));
}

TEST_F(Recovery, CountsTheTimeThatTheServerWasDown) {
  store_.batches = {packed({record_with("alice", in(0s)), record_with("bob", in(1ms)),
                            record_with("carol", in(-30 * 24h))})};
  const Recovered result = recovered();
  EXPECT_EQ(result.active, 1u);
  EXPECT_EQ(result.inactive, 1u);
  EXPECT_EQ(result.forgotten, 1u);
}

TEST_F(Recovery, ReadsDeadlinesOnTheLeaseClock) {
  // The wall clock was set on by an hour while the server ran: deadlines stand an hour before it.
  store_.wall_offset = 3'600'000ms;
  store_.batches = {packed({record_with("alice", in(10s - 1h)), record_with("bob", in(-1h))})};
  const Recovered result = recovered();
  EXPECT_EQ(result.active, 1u);
  EXPECT_EQ(result.inactive, 1u);
  EXPECT_EQ(result.clock.wall_offset(), 3'600'000ms);
  under_test_.advance(10s - 1ms);
  EXPECT_EQ(tests::addresses_in(ask("PQuery P2Pv1\n\nalice\n")).size(), 1u);
}

TEST_F(Recovery, CutsLeasesToOneTtlAndWritesThemDown) {
  MemoryDevice device;
  {
    MemoryStore store(device);
    ASSERT_EQ(store.append(packed({record_with("alice", in(7200s)), record_with("bob", in(100s))})),
              Result::kDone);
    ASSERT_EQ(store.sync(), Result::kDone);
  }
  clocks_.wall -= 24h;  // set back while the server was down
  for (int restart = 0; restart < 3; ++restart) {
    tests::SeededRandom random(1);
    engine::Registry registry(options(), random);
    MemoryStore store(device);
    const Recovered result = recover_into(registry, store);
    EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
    EXPECT_EQ(result.shortened, restart == 0 ? 2u : 0u);
    EXPECT_EQ(result.active, restart < 2 ? 2u : 0u);
    clocks_.now += 3600s;
    clocks_.wall += 3600s;
  }
}

TEST_F(Recovery, LeavesTheStoreAloneWhereTheListIsOnlyRead) {
  store_.batches = {packed({record_with("alice", in(7201s))})};
  const Recovered result = recover(
      store_, under_test_.registry(), [this] { return clocks_; }, nullptr, RecoveryPurpose::kRead);
  EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
  EXPECT_EQ(result.shortened, 1u);
  EXPECT_EQ(store_.replacements, 0);
}

TEST_F(Recovery, FailsWhereCutLeasesCannotBeWrittenDown) {
  store_.batches = {packed({record_with("alice", in(7201s))})};
  store_.replacement = Result::kFull;
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kStoreFailed);
  EXPECT_EQ(result.result, Result::kFull);
}

TEST_F(Recovery, SaysWhatTheStoreSaid) {
  store_.result = Result::kFailed;
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kStoreFailed);
  EXPECT_EQ(result.result, Result::kFailed);
}

TEST_F(Recovery, RefusesADamagedRecordAndReadsNoFurther) {
  const std::string good = packed({record_with("alice", in(50s))});
  const std::string whole_block = [&] {
    std::string block;
    while (block.size() < 300'000) block += good;
    return block;
  }();
  const std::vector<std::string> damaged = {
      good + good.substr(0, good.size() - 1),         // cut
      good + packed({record_with("a\nb", in(50s))}),  // no nick
      std::string(40, '\xFF'),
  };
  for (const std::string& batch : damaged) {
    for (const bool is_late : {false, true}) {
      tests::SeededRandom random(1);
      engine::Registry registry(options(), random);
      Told store;
      if (is_late) store.batches = {whole_block};
      store.batches.push_back(batch);
      store.batches.insert(store.batches.end(), 5, whole_block);
      EXPECT_EQ(recover_into(registry, store).outcome, RecoveryOutcome::kDamaged);
      EXPECT_LE(store.visits, is_late ? 3u : 2u);
      EXPECT_EQ(store.replacements, 0);
    }
  }
}

TEST_F(Recovery, SaysSoWhereMorePeersAreActiveThanAllowed) {
  engine::RegistryOptions few = options();
  few.peers_max = 1;
  tests::SeededRandom random(1);
  engine::Registry registry(few, random);
  store_.batches = {packed({record_with("alice", in(50s)), record_with("bob", in(8000s))})};
  const Recovered result = recover_into(registry, store_);
  EXPECT_EQ(result.outcome, RecoveryOutcome::kTooManyPeers);
  EXPECT_EQ(result.active, 2u);
  EXPECT_EQ(store_.replacements, 0) << "the store stays as it was";
}

// What is read in blocks, on two threads, comes out in order whatever the sizes are.
TEST_F(Recovery, KeepsTheOrderOfRecordsHoweverTheyArePacked) {
  std::uint16_t version = 0;
  std::vector<std::string> nicks;
  for (int i = 0; i < 500; ++i) nicks.push_back("peer-" + std::to_string(i));
  std::uint64_t records = 0;
  const auto round = [&](std::size_t record_count) {
    std::string batch;
    ++version;
    for (std::size_t i = 0; i < record_count; ++i, ++records) {
      pack(record_with(nicks[i % nicks.size()], in(50s), version), batch);
    }
    store_.batches.push_back(batch);
  };
  for (const unsigned size :
       {500u, 20'000u, 7000u, 1u, 1000u, 6500u, 30'000u, 500u, 20u, 9000u, 500u}) {
    round(size);
  }
  const Recovered result = recovered();
  EXPECT_EQ(result.outcome, RecoveryOutcome::kDone);
  EXPECT_EQ(result.records, records);
  EXPECT_EQ(result.active, nicks.size());
  for (const std::string& address : tests::addresses_in(ask("PQuery P2Pv1\n\npeer-7\n"))) {
    EXPECT_EQ(address, "10.0.0.7:" + std::to_string(version));
  }
}

TEST_F(Recovery, TellsHowFarItIsAtMostOnceASecond) {
  std::vector<std::string> nicks;
  for (int i = 0; i < 100; ++i) nicks.push_back("peer-" + std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    std::string batch;
    for (const std::string& nick : nicks) pack(record_with(nick, in(50s)), batch);
    store_.batches.push_back(batch);
  }
  std::vector<std::uint64_t> told;
  ClockReading clocks = clocks_;
  recover(
      store_, under_test_.registry(),
      [&clocks] {
        clocks.now += 100ms;
        return clocks;
      },
      [&told](std::uint64_t records) { told.push_back(records); });
  EXPECT_EQ(told.size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_LE(told.back(), 10'000u);
}

}  // namespace
}  // namespace rollcall::store
