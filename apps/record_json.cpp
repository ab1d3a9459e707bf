#include "apps/record_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/limits.h"
#include "engine/wire/address_text.h"
#include "engine/wire/fields.h"

namespace rollcall::apps {
namespace {

using nlohmann::json;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::milliseconds;
using std::chrono::seconds;
using WallMilliseconds = std::chrono::sys_time<milliseconds>;

constexpr std::uint32_t kActivityMask = (std::uint32_t{1} << engine::limits::kHistoryDays) - 1;

// What a line can be refused for.
class Unreadable : public std::exception {
 public:
  explicit Unreadable(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

std::string time_text(WallMilliseconds time) {
  const auto second = floor<seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", second, (time - second).count());
}

// Reads a date and what is behind it, in the form of `format`.
std::pair<WallMilliseconds, std::string> read_time(const std::string& text, const char* format) {
  tm fields{};
  const char* const end = strptime(text.c_str(), format, &fields);
  if (end == nullptr) throw Unreadable("a time is not like 2026-11-24T18:05:07.123Z");
  return {WallMilliseconds(seconds(timegm(&fields))), end};
}

WallMilliseconds parse_time(const std::string& text) {
  auto [time, rest] = read_time(text, "%Y-%m-%dT%H:%M:%S");
  if (rest == "Z") return time;
  const bool has_milliseconds = rest.size() == 5 && rest.front() == '.' && rest.back() == 'Z';
  // With a 1 in front the digits are a number without leading zero.
  const auto digits =
      has_milliseconds ? engine::parse_decimal("1" + rest.substr(1, 3), 4) : std::nullopt;
  if (!digits) throw Unreadable("a time is not like 2026-11-24T18:05:07.123Z");
  return time + milliseconds(*digits - 1000);
}

std::uint16_t parse_day(const std::string& text) {
  const auto [time, rest] = read_time(text, "%Y-%m-%d");
  const auto day = floor<days>(time).time_since_epoch().count();
  if (!rest.empty() || day < 0 || day > 0xFFFF) throw Unreadable("activity_day is not a day");
  return static_cast<std::uint16_t>(day);
}

std::uint32_t parse_activity(const std::string& text) {
  std::size_t read = 0;
  unsigned long bits = 0;
  try {
    bits = std::stoul(text, &read, 16);
  } catch (const std::exception&) {
    read = 0;
  }
  if (read == 0 || read != text.size() || bits > kActivityMask) {
    throw Unreadable("activity is not 30 bits in hexadecimal");
  }
  return static_cast<std::uint32_t>(bits);
}

std::optional<engine::Cookie> parse_cookie_of(const json& line) {
  if (!line.contains("cookie")) return std::nullopt;
  const json& value = line.at("cookie");
  if (value.is_boolean()) {
    throw Unreadable("the entry's cookie is missing; export --with-cookies writes it");
  }
  const auto cookie = engine::parse_cookie(value.get<std::string>());
  if (!cookie) throw Unreadable("the cookie is not 32 lower-case hexadecimal digits");
  return cookie;
}

std::uint16_t parse_port_of(const json& line) {
  const json& value = line.at("port");
  const auto port = value.is_number_integer() ? value.get<std::int64_t>() : 0;
  if (port < 1 || port > 65535) throw Unreadable("the port is not a number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

OwnedRecord parse(const json& line) {
  OwnedRecord owned;
  store::Record& record = owned.record;
  owned.nick = line.at("nick").get<std::string>();
  if (!engine::is_valid_nick(owned.nick)) throw Unreadable("the nick is not valid");
  const auto host = engine::parse_host(line.at("host").get<std::string>());
  if (!host) throw Unreadable("the host is not an address");
  record.host = *host;
  record.port = parse_port_of(line);
  record.active = line.at("active").get<bool>();
  record.cookie = parse_cookie_of(line);
  record.deadline =
      store::LeaseTime(parse_time(line.at("until").get<std::string>()).time_since_epoch());
  if (record.deadline < store::kLeaseTimeMin || record.deadline > store::kLeaseTimeMax) {
    throw Unreadable("a time is out of range");
  }
  const auto registered = floor<seconds>(parse_time(line.at("registered").get<std::string>()));
  const auto registered_seconds = registered.time_since_epoch().count();
  if (registered_seconds < 0 || registered_seconds > 0xFFFF'FFFF) {
    throw Unreadable("a time is out of range");
  }
  record.registered_at = registered;
  record.activity_bits = parse_activity(line.at("activity").get<std::string>());
  record.activity_day = parse_day(line.at("activity_day").get<std::string>());
  return owned;
}

}  // namespace

std::string record_json(const store::Record& record, milliseconds wall_offset, bool with_cookie) {
  std::array<char, engine::kHostTextBytesMax> host;
  const std::size_t host_bytes = engine::write_host(record.host, host.data());
  const WallMilliseconds until(record.deadline.time_since_epoch() + wall_offset);
  nlohmann::ordered_json line{
      {"nick", record.nick},
      {"host", std::string(host.data(), host_bytes)},
      {"port", record.port},
      {"active", record.active},
      {"until", time_text(until)},
      {"registered", fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", record.registered_at)},
      {"activity", fmt::format("{:08x}", record.activity_bits)},
      {"activity_day",
       fmt::format("{:%Y-%m-%d}", std::chrono::sys_days(days(record.activity_day)))},
  };
  if (record.cookie.has_value() && with_cookie) {
    std::string digits(engine::kCookieTextBytes, '0');
    engine::write_cookie(*record.cookie, digits.data());
    line["cookie"] = digits;
  } else if (record.cookie.has_value()) {
    line["cookie"] = true;
  }
  return line.dump() + '\n';
}

std::variant<OwnedRecord, std::string> parse_record_json(std::string_view line) {
  try {
    return parse(json::parse(line));
  } catch (const Unreadable& reason) {
    return std::string(reason.what());
  } catch (const json::exception&) {
    return std::string("it is not a line as export prints them");
  }
}

}  // namespace rollcall::apps
