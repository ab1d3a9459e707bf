#pragma once

#include "engine/time.h"
#include "store/lease_clock.h"

// The system's clocks, which only programs read.

namespace rollcall::apps {

engine::Instant now();
store::ClockReading read_clocks();

}  // namespace rollcall::apps
