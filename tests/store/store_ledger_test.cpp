#include "tests/support/store_ledger.h"

#include <gtest/gtest.h>

#include <string>

#include "store/record.h"

namespace rollcall::tests {
namespace {

using std::chrono::milliseconds;

std::string packed(const std::string& nick, std::uint16_t port) {
  store::Record record;
  record.nick = nick;
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = port;
  std::string text;
  store::pack(record, text);
  return text;
}

StoreContent content(const std::string& batches, milliseconds offset = milliseconds(0)) {
  StoreContent content;
  EXPECT_TRUE(content.add(batches));
  content.wall_offset = offset;
  return content;
}

const std::string kFirst = packed("alice", 1) + packed("bob", 1);
const std::string kSecond = packed("alice", 2) + packed("carol", 2);

TEST(StoreContent, IsTheLastRecordOfEachNick) {
  const StoreContent both = content(kFirst + kSecond);
  EXPECT_EQ(both.records.size(), 3u);
  EXPECT_EQ(both.records.at("alice"), packed("alice", 2));
  StoreContent damaged;
  EXPECT_FALSE(damaged.add(kFirst.substr(1)));
}

TEST(StoreContent, SaysWhereTwoDiffer) {
  EXPECT_EQ(difference(content(kFirst), content(kFirst)), "");
  EXPECT_EQ(difference(content(kFirst), content(kFirst, milliseconds(5))),
            "the wall offset is 0 and not 5");
  EXPECT_EQ(difference(content(kFirst), content(kFirst + kSecond)), "alice is another one");
  EXPECT_EQ(difference(content(packed("bob", 1)), content(kFirst)), "alice is not there");
  EXPECT_EQ(difference(content(kFirst), content(packed("bob", 1))),
            "alice was never told, or taken back");
}

TEST(StoreLedger, AllowsUnsyncedBatchesInOrderAndWholly) {
  StoreLedger ledger;
  EXPECT_TRUE(ledger.allows(content("")));
  ledger.append(kFirst);
  ledger.append(kSecond);
  EXPECT_TRUE(ledger.allows(content("")));
  EXPECT_TRUE(ledger.allows(content(kFirst)));
  EXPECT_TRUE(ledger.allows(content(kFirst + kSecond)));
  EXPECT_FALSE(ledger.allows(content(kSecond)));
  EXPECT_FALSE(ledger.allows(content(packed("alice", 1))));
  ledger.sync_done();
  EXPECT_FALSE(ledger.allows(content(kFirst)));
  EXPECT_TRUE(ledger.allows(content(kFirst + kSecond)));
}

TEST(StoreLedger, AllowsWhatFailedUntilTheNextSync) {
  StoreLedger ledger;
  ledger.append(kFirst);
  ledger.failed();
  EXPECT_TRUE(ledger.allows(content("")));
  EXPECT_TRUE(ledger.allows(content(kFirst)));
  ledger.append(kSecond);
  EXPECT_FALSE(ledger.allows(content(kFirst + kSecond)));
  ledger.sync_done();
  EXPECT_TRUE(ledger.allows(content(kSecond)));
  EXPECT_FALSE(ledger.allows(content(kFirst)));
}

TEST(StoreLedger, AllowsAReplacementFromItsBeginningOnAndNothingElseOnceItIsDone) {
  StoreLedger ledger;
  ledger.append(kFirst);
  ledger.sync_done();
  ledger.begin_replace(content(kSecond, milliseconds(7)));
  EXPECT_TRUE(ledger.allows(content(kFirst)));
  EXPECT_TRUE(ledger.allows(content(kSecond, milliseconds(7))));
  EXPECT_FALSE(ledger.allows(content(kSecond)));
  ledger.replace_done();
  EXPECT_FALSE(ledger.allows(content(kFirst)));
}

TEST(StoreLedger, TakesTheWallOffsetForAPartOfTheContent) {
  StoreLedger ledger;
  ledger.set_wall_offset(milliseconds(5));
  EXPECT_TRUE(ledger.allows(content("")));
  EXPECT_TRUE(ledger.allows(content("", milliseconds(5))));
  ledger.sync_done();
  EXPECT_FALSE(ledger.allows(content("")));
}

TEST(StoreLedger, WhatWasFoundAfterAKillMayStillBeLost) {
  StoreLedger ledger;
  ledger.append(kFirst);
  StoreLedger power_lost = ledger;
  ledger.found_after_kill(content(kFirst));
  EXPECT_TRUE(ledger.allows(content("")));
  ledger.append(kSecond);
  ledger.sync_done();
  EXPECT_FALSE(ledger.allows(content(kFirst)));
  power_lost.found_after_power_loss(content(kFirst));
  EXPECT_FALSE(power_lost.allows(content("")));
}

TEST(AnswerLedger, AllowsOfEachNickTheLastAcknowledgedOrALaterOne) {
  AnswerLedger ledger;
  const auto first = ledger.decided("alice", packed("alice", 1));
  const auto second = ledger.decided("alice", packed("alice", 2));
  ledger.decided("bob", packed("bob", 1));
  EXPECT_EQ(ledger.objection(content("")), "");
  EXPECT_EQ(ledger.objection(content(packed("bob", 1))), "");
  ledger.acknowledged("alice", first);
  EXPECT_EQ(ledger.objection(content("")), "alice is not there");
  EXPECT_EQ(ledger.objection(content(packed("alice", 1))), "");
  ledger.acknowledged("alice", second);
  ledger.acknowledged("alice", first);
  EXPECT_EQ(ledger.objection(content(packed("alice", 1))), "alice is not as it was acknowledged");
  EXPECT_EQ(ledger.objection(content(packed("alice", 2))), "");
  EXPECT_EQ(ledger.objection(content(packed("alice", 2) + packed("carol", 1))),
            "carol was never decided");
}

TEST(AnswerLedger, AllowsTheLastAcknowledgedWallOffsetOrALaterOne) {
  AnswerLedger ledger;
  ledger.offset_decided(milliseconds(5));
  EXPECT_EQ(ledger.objection(content("")), "");
  EXPECT_EQ(ledger.objection(content("", milliseconds(5))), "");
  ledger.offset_acknowledged();
  EXPECT_EQ(ledger.objection(content("")), "the wall offset is 0");
}

}  // namespace
}  // namespace rollcall::tests
