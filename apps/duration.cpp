#include "apps/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;

struct Unit {
  std::string_view name;
  engine::Duration length;
};

// From the longest to the shortest.
constexpr std::array kUnits{Unit{"d", 24h}, Unit{"h", 1h}, Unit{"m", 1min}, Unit{"s", 1s},
                            Unit{"ms", 1ms}};

}  // namespace

std::optional<engine::Duration> parse_duration(std::string_view text) {
  // Unsigned, so that a sign is no number.
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [number_end, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;

  const std::string_view name(number_end, static_cast<std::size_t>(end - number_end));
  for (const Unit& unit : kUnits) {
    if (name != unit.name) continue;
    const auto length = static_cast<std::uint64_t>(unit.length.count());
    const auto longest = static_cast<std::uint64_t>(engine::Duration::max().count());
    if (number > longest / length) return std::nullopt;
    return engine::Duration(static_cast<engine::Duration::rep>(number * length));
  }
  return std::nullopt;
}

std::string duration_text(engine::Duration duration) {
  for (const Unit& unit : kUnits) {
    if (duration < unit.length || duration % unit.length != engine::Duration::zero()) continue;
    return std::to_string(duration / unit.length).append(unit.name);
  }
  return std::to_string(duration / 1ms).append("ms");
}

}  // namespace rollcall::apps
