#include "store/journal.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/store/sample_record.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using engine::Extent;
using store::JournalPacker;
using store::JournalUnpacker;
using store::LeaseTime;
using store::Record;

constexpr LeaseTime kDeadline{1'700'000'007'123ms};
constexpr engine::WallTime kDate{1'700'000'000s};

Record by_keep_alive(std::string_view nick, LeaseTime deadline = kDeadline) {
  Record record;
  record.extent = Extent::kLease;
  record.nick = nick;
  record.active = true;
  record.deadline = deadline;
  return record;
}
Record by_register(std::string_view nick, engine::WallTime date = kDate) {
  Record record = by_keep_alive(nick);
  record.extent = Extent::kRegistration;
  record.registered_at = date;
  return record;
}

std::string packed(const std::vector<Record>& records) {
  JournalPacker packer;
  std::string text;
  for (const Record& record : records) packer.pack(record, text);
  return text;
}

TEST(Journal, IsTheSameAfterPackingAndUnpacking) {
  const std::string longest(255, 'n');
  const std::vector<Record> records = {
      by_register("alice"),
      by_register("bob"),
      sample_record("carol", 80),
      by_keep_alive("dave"),
      by_keep_alive(longest, kDeadline + 1ms),
      by_register(longest),
      by_register("a", kDate + 1s),
      sample_record("alice", 81),
      by_keep_alive("alice", store::kLeaseTimeMin),
      by_keep_alive("alice", store::kLeaseTimeMax),
  };
  const std::string text = packed(records);
  std::string_view rest = text;
  JournalUnpacker unpacker;
  for (const Record& record : records) EXPECT_EQ(unpacker.unpack(rest), record);
  EXPECT_TRUE(rest.empty());
}

TEST(Journal, RenewalsOfOneMomentSayOnlyWhoseTheyAre) {
  EXPECT_EQ(packed({by_register("alice")}).size(), 13u + 7u);
  EXPECT_EQ(packed({by_register("alice"), by_register("bob")}).size(), 13u + 7u + 5u);
  EXPECT_EQ(packed({by_register("alice"), by_keep_alive("bob")}).size(), 13u + 7u + 5u)
      << "a KeepAlive has no date";
  EXPECT_EQ(packed({by_register("alice"), sample_record("bob", 80), by_register("carol")}).size(),
            13u + 7u + packed({sample_record("bob", 80)}).size() + 7u);
  EXPECT_EQ(packed({by_register("alice"), by_register("bob", kDate + 1s)}).size(),
            2 * 13u + 7u + 5u);
  EXPECT_EQ(packed({by_keep_alive("alice"), by_keep_alive("bob", kDeadline + 1ms)}).size(),
            2 * 13u + 7u + 5u);
}

TEST(Journal, BatchBeginsWithAMomentOfItsOwn) {
  JournalPacker packer;
  std::string first;
  packer.pack(by_register("alice"), first);
  packer.begin_batch();
  std::string second;
  packer.pack(by_register("alice"), second);
  EXPECT_EQ(first, second);
}

TEST(Journal, CutShortIsNotUnpacked) {
  const std::string text = packed({by_register("alice")});
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    std::string_view cut = std::string_view(text).substr(0, bytes);
    JournalUnpacker unpacker;
    EXPECT_EQ(unpacker.unpack(cut), std::nullopt) << bytes;
    EXPECT_EQ(cut.size(), bytes);
    const std::string again = packed({by_keep_alive("bob")}).substr(13);
    std::string_view renewal = again;
    EXPECT_EQ(unpacker.unpack(renewal), std::nullopt) << "no moment was taken";
  }
}

TEST(Journal, WhatNoPackerWritesIsNotUnpacked) {
  const std::string whole = packed({sample_record("bob", 80)});
  const std::string text = packed({by_register("alice")});
  const std::string moment = text.substr(0, 13);
  const std::string renewal = text.substr(13);
  const auto unpacks = [](const std::string& batch) {
    JournalUnpacker unpacker;
    std::string_view rest = batch;
    while (!rest.empty()) {
      if (!unpacker.unpack(rest).has_value()) return false;
    }
    return true;
  };
  const auto damaged = [&](std::size_t at, int byte) {
    std::string other = text;
    other[at] = static_cast<char>(byte);
    return other;
  };
  EXPECT_TRUE(unpacks(text + renewal + whole + renewal));
  EXPECT_FALSE(unpacks(renewal));
  EXPECT_FALSE(unpacks(whole + renewal));
  EXPECT_FALSE(unpacks(moment));
  EXPECT_FALSE(unpacks(moment + whole));
  EXPECT_FALSE(unpacks(moment + text));
  for (const int flags : {9, 12, 24, 40, 64}) EXPECT_FALSE(unpacks(damaged(0, flags))) << flags;
  for (const int flags : {17, 20, 32, 56, 112}) EXPECT_FALSE(unpacks(damaged(13, flags))) << flags;
  EXPECT_FALSE(unpacks(damaged(12, 0x80))) << "before 1970";
  EXPECT_FALSE(unpacks(damaged(10, 0x20))) << "in the year 3000";
  EXPECT_FALSE(unpacks(damaged(14, 0))) << "no nick";
}

}  // namespace
}  // namespace rollcall::tests
