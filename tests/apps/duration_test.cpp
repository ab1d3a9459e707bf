#include "apps/duration.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string_view>
#include <utility>

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsAWholeNumberAndItsUnit) {
  EXPECT_EQ(parse_duration("10ms"), 10ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("7d"), 7 * 24h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("007s"), 7s);
}

TEST(Duration, IsNothingElse) {
  for (const std::string_view text : {"", "s", "10", "-1s", "+1s", "1.5s", "1 s", " 1s", "1s ",
                                      "1S", "1s5", "1h30m", "1us", "0x1s", "1e3s", "one s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, DoesNotOverflow) {
  // The longest Duration is 2^63 - 1 ns, which is 106751 days and a bit.
  EXPECT_EQ(parse_duration("106751d"), 106751 * 24h);
  EXPECT_EQ(parse_duration("106752d"), std::nullopt);
  EXPECT_EQ(parse_duration("9223372036854ms"), 9223372036854ms);
  EXPECT_EQ(parse_duration("9223372036855ms"), std::nullopt);
  EXPECT_EQ(parse_duration("18446744073709551616s"), std::nullopt);
}

TEST(Duration, IsWrittenInItsLargestWholeUnit) {
  const std::pair<engine::Duration, std::string_view> durations[] = {
      {0s, "0ms"},   {1ms, "1ms"}, {1500ms, "1500ms"}, {30s, "30s"}, {90s, "90s"},   {60s, "1m"},
      {7200s, "2h"}, {25h, "25h"}, {48h, "2d"},        {168h, "7d"}, {999us, "0ms"},
  };
  for (const auto& [duration, text] : durations) EXPECT_EQ(duration_text(duration), text);
}

}  // namespace
}  // namespace rollcall::apps
