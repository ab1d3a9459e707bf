#include "engine/limits.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/wire/text_request.h"

// The relations between limits are checked where they stand, at compile time. These are the numbers
// that the protocol promises to clients, and what follows from them.

namespace rollcall::engine::limits {
namespace {

TEST(Limits, OfRequestsAreThoseOfTheProtocol) {
  EXPECT_EQ(kRequestBytesMax, 4096u);
  EXPECT_EQ(kMethodLettersMax, 16u);
  EXPECT_EQ(kHeadersMax, 8u);
  EXPECT_EQ(kHeaderNameBytesMax, 32u);
  EXPECT_EQ(kHeaderValueBytesMax, 256u);
  EXPECT_EQ(kNickBytesMax, 255u);
  EXPECT_EQ(kPortDigitsMax, 5u);
  EXPECT_EQ(kContentLengthDigitsMax, 4u);
  EXPECT_EQ(kLimitDigitsMax, 4u);
  EXPECT_EQ(kLimitMax, 1000u);
}

TEST(Limits, OfTimeAreThoseOfTheProtocol) {
  EXPECT_EQ(kRequestTime, 30s);
  EXPECT_EQ(kTrickledSilence, 5s);
  EXPECT_EQ(kIncompleteSilence, 1s);
  EXPECT_EQ(kDefaultQuiet, 10ms);
  EXPECT_EQ(kDefaultTtl, 7200s);
  EXPECT_EQ(kHistory, std::chrono::days(30));
  EXPECT_EQ(kOutputStall, 30s);
  EXPECT_EQ(kDrainTime, 1s);
  EXPECT_EQ(kDrainBytesMax, 65536u);
}

TEST(Limits, OfHowManyAreThoseOfTheProtocol) {
  EXPECT_EQ(kDefaultPeersMax, 10'000'000u);
  EXPECT_EQ(kDefaultPeersPerHostMax, 1000u);
  EXPECT_EQ(kDefaultConnectionsMax, 10'000u);
  EXPECT_EQ(kDefaultConnectionsPerHostMax, 1000u);
  EXPECT_EQ(kDefaultAnswerPeersMax, 10'000u);
}

TEST(Limits, LeaveRoomForTheLongestRequestThatMakesSense) {
  std::string text = "Register P2Pv1\r\nContentLength: 262\r\nCookie: " + std::string(32, 'a') +
                     "\r\nLimit: 1000\r\n";
  for (std::size_t i = 3; i < kHeadersMax; ++i) {
    text += std::string(kHeaderNameBytesMax - 1, 'x') + static_cast<char>('0' + i) + ": " +
            std::string(kHeaderValueBytesMax, 'v') + "\r\n";
  }
  text += "\r\n" + std::string(kNickBytesMax, 'n') + "\n65535\n";
  TextRequestParser parser;
  Message message;
  ASSERT_LE(text.size(), kRequestBytesMax);
  ASSERT_TRUE(parser.advance(text, message));
  EXPECT_EQ(message.outcome, Outcome::kSuccess);
  EXPECT_EQ(message.bytes, text.size());
}

TEST(Limits, KeepAnExpiredEntrySweptWithinASecond) {
  // A slot until it is due, a slot until the next tick, and the rest for the work itself.
  EXPECT_LE(2 * kWheelSlot, 500ms);
}

}  // namespace
}  // namespace rollcall::engine::limits
