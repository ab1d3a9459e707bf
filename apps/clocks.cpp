#include "apps/clocks.h"

#include <chrono>

namespace rollcall::apps {

engine::Instant now() {
  return engine::Instant(std::chrono::steady_clock::now().time_since_epoch());
}

store::ClockReading read_clocks() {
  return {now(), std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace rollcall::apps
