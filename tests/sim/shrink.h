#pragma once

#include <functional>

#include "tests/sim/event.h"

namespace rollcall::sim {

// The events of `schedule` without most of those that `fails` does not need: no single one can be
// dropped, unless that took more than `attempts_max` attempts. REQUIRES: fails(schedule).
Schedule shrink(Schedule schedule, const std::function<bool(const Schedule&)>& fails,
                std::size_t attempts_max);

}  // namespace rollcall::sim
