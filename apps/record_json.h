#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "store/record.h"

// The entries of a data file as JSON, one a line, for people and their scripts:
//
//   {"nick":"alice","host":"10.0.0.7","port":9999,"active":true,
//    "until":"2026-11-24T20:05:07.123Z","registered":"2026-11-24T18:05:07Z",
//    "activity":"3fffffff","activity_day":"2026-11-24","cookie":"00112233445566778899aabbccddeeff"}
//
// `until` is the end of the lease or, where `active` is false, when it ended. `activity` has a bit
// a day, the lowest for `activity_day`. Without cookies, an entry that has one says so with
// `"cookie":true`, and cannot be read back: it would belong to somebody else.

namespace rollcall::apps {

// A line, with a line feed at its end.
std::string record_json(const store::Record& record, std::chrono::milliseconds wall_offset,
                        bool with_cookie);

// A record that owns its nick.
struct OwnedRecord {
  std::string nick;
  store::Record record;  // its own nick is blank
};

// The record that a line describes, with a wall offset of zero, or what is wrong with it: one short
// phrase.
std::variant<OwnedRecord, std::string> parse_record_json(std::string_view line);

}  // namespace rollcall::apps
