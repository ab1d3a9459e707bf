#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/time.h"

namespace rollcall::apps {

// Reads a whole number and its unit, nothing between or around them: `10ms`, `30s`, `5m`, `2h`,
// `7d`. Empty if it is anything else, or longer than a Duration can be.
std::optional<engine::Duration> parse_duration(std::string_view text);

// Writes it in the largest unit in which it is a whole number, `2h` for 7200 s; less than a
// millisecond is dropped. What this writes, parse_duration reads.
std::string duration_text(engine::Duration duration);

}  // namespace rollcall::apps
