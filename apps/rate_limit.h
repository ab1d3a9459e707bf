#pragma once

#include <cstdint>

#include "engine/time.h"

namespace rollcall::apps {

// Lets so many through a second and counts the others. A second begins with the first that comes
// after the last one's end.
class RateLimit {
 public:
  explicit RateLimit(std::uint32_t per_second) : per_second_(per_second) {}

  // Whether one that comes at `now` may pass.
  bool admit(engine::Instant now) {
    if (is_over(now)) {
      second_begins_ = now;
      admitted_ = 0;
    }
    if (admitted_ < per_second_) {
      ++admitted_;
      return true;
    }
    ++suppressed_;
    return false;
  }

  // How many were not let through in seconds that are over, each told once.
  std::uint64_t take_suppressed(engine::Instant now) {
    if (!is_over(now)) return 0;
    const std::uint64_t suppressed = suppressed_;
    suppressed_ = 0;
    return suppressed;
  }

 private:
  bool is_over(engine::Instant now) const {
    return admitted_ == 0 || now - second_begins_ >= std::chrono::seconds(1);
  }

  std::uint32_t per_second_;
  std::uint32_t admitted_ = 0;
  std::uint64_t suppressed_ = 0;
  engine::Instant second_begins_;
};

}  // namespace rollcall::apps
