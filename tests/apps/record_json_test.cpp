#include "apps/record_json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLine =
    R"({"nick":"alice","host":"10.0.0.7","port":9999,"active":true,)"
    R"("until":"2026-11-24T20:05:07.023Z","registered":"2026-11-24T18:05:07Z",)"
    R"("activity":"20000001","activity_day":"2026-11-24",)"
    R"("cookie":"00112233445566778899aabbccddeeff"})"
    "\n";

store::Record example() {
  store::Record record;
  record.nick = "alice";
  record.host = engine::HostAddress::v4(10, 0, 0, 7);
  record.port = 9999;
  record.active = true;
  record.cookie.emplace();
  for (std::uint8_t i = 0; i < 16; ++i) {
    record.cookie->bytes[i] = static_cast<std::uint8_t>(i * 0x11);
  }
  const std::chrono::sys_days day = std::chrono::year(2026) / 11 / 24;
  record.deadline = store::LeaseTime((day + 20h + 5min + 7s + 23ms).time_since_epoch());
  record.registered_at = day + 18h + 5min + 7s;
  record.activity_bits = 0x2000'0001;
  record.activity_day = static_cast<std::uint16_t>(day.time_since_epoch().count());
  return record;
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string line(kLine);
  const std::size_t at = line.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return line.replace(at, from.size(), to);
}

std::string objection(std::string_view line) {
  const auto parsed = parse_record_json(line);
  const auto* reason = std::get_if<std::string>(&parsed);
  return reason == nullptr ? "" : *reason;
}

TEST(RecordJson, IsALineThatCanBeReadBack) {
  EXPECT_EQ(record_json(example(), 0ms, true), kLine);
  const auto parsed = parse_record_json(kLine);
  const auto* owned = std::get_if<OwnedRecord>(&parsed);
  ASSERT_NE(owned, nullptr) << std::get<std::string>(parsed);
  store::Record record = owned->record;
  record.nick = owned->nick;
  EXPECT_EQ(record, example());
}

TEST(RecordJson, ShowsTimesAsTheWallClockHasThem) {
  store::Record record = example();
  record.deadline -= 90s;
  EXPECT_EQ(record_json(record, 90s, true), kLine);
}

TEST(RecordJson, KeepsCookiesToItselfUnlessToldOtherwise) {
  const std::string line = record_json(example(), 0ms, false);
  EXPECT_EQ(line, replaced(R"("00112233445566778899aabbccddeeff")", "true"));
  EXPECT_EQ(objection(line), "the entry's cookie is missing; export --with-cookies writes it");
  store::Record without = example();
  without.cookie.reset();
  EXPECT_EQ(record_json(without, 0ms, false),
            replaced(R"(,"cookie":"00112233445566778899aabbccddeeff")", ""));
}

TEST(RecordJson, IsRefusedWhereAnyOfItIsWrong) {
  const std::pair<std::string, std::string_view> wrong[] = {
      {"", "it is not a line as export prints them"},
      {"[]", "it is not a line as export prints them"},
      {replaced("\"port\":9999,", ""), "it is not a line as export prints them"},
      {replaced("9999", "\"9999\""), "the port is not a number from 1 to 65535"},
      {replaced("9999", "0"), "the port is not a number from 1 to 65535"},
      {replaced("9999", "65536"), "the port is not a number from 1 to 65535"},
      {replaced("9999", "9999.5"), "the port is not a number from 1 to 65535"},
      {replaced("9999", "1e300"), "the port is not a number from 1 to 65535"},
      {replaced("9999", "18446744073709551615"), "the port is not a number from 1 to 65535"},
      {replaced("alice", ""), "the nick is not valid"},
      {replaced("alice", "a\\nb"), "the nick is not valid"},
      {replaced("10.0.0.7", "localhost"), "the host is not an address"},
      {replaced("07.023Z", "07.02Z"), "a time is not like 2026-11-24T18:05:07.123Z"},
      {replaced("07.023Z", "07.x23Z"), "a time is not like 2026-11-24T18:05:07.123Z"},
      {replaced("2026-11-24T18", "1912-11-24T18"), "a time is out of range"},
      {replaced("2026-11-24T20", "2126-11-24T20"), "a time is out of range"},
      {replaced("20000001", "40000000"), "activity is not 30 bits in hexadecimal"},
      {replaced("20000001", "x"), "activity is not 30 bits in hexadecimal"},
      {replaced("\"2026-11-24\"", "\"2026-11-24T\""), "activity_day is not a day"},
      {replaced("ccddeeff", "CCDDEEFF"), "the cookie is not 32 lower-case hexadecimal digits"},
  };
  for (const auto& [line, reason] : wrong) EXPECT_EQ(objection(line), reason) << line;
}

}  // namespace
}  // namespace rollcall::apps
