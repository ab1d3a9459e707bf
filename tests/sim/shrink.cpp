#include "tests/sim/shrink.h"

#include <algorithm>

namespace rollcall::sim {
namespace {

Schedule without(const Schedule& schedule, std::size_t first, std::size_t count) {
  Schedule rest = schedule;
  const auto from = rest.events.begin() + static_cast<std::ptrdiff_t>(first);
  rest.events.erase(
      from, from + static_cast<std::ptrdiff_t>(std::min(count, rest.events.size() - first)));
  return rest;
}

}  // namespace

Schedule shrink(Schedule schedule, const std::function<bool(const Schedule&)>& fails,
                std::size_t attempts_max) {
  std::size_t attempts = 0;
  // Large pieces first; those of one event until none can go.
  for (std::size_t piece = std::max<std::size_t>(1, schedule.events.size() / 2);;) {
    bool has_dropped = false;
    // From the end: what comes after the failure goes first.
    for (std::size_t end = schedule.events.size(); end > 0 && attempts < attempts_max;) {
      const std::size_t first = end > piece ? end - piece : 0;
      Schedule rest = without(schedule, first, end - first);
      ++attempts;
      if (fails(rest)) {
        schedule = std::move(rest);
        has_dropped = true;
      }
      end = first;
    }
    if (attempts >= attempts_max || (piece == 1 && !has_dropped)) return schedule;
    piece = std::max<std::size_t>(1, piece / 2);
  }
}

}  // namespace rollcall::sim
