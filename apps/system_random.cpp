#include "apps/system_random.h"

#include <sys/random.h>

#include <cerrno>

#include "engine/assert.h"

namespace rollcall::apps {

void SystemRandom::fill(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t filled = getrandom(bytes.data(), bytes.size(), 0);
    if (filled < 0) {
      // A signal came while it waited; everything else would be the system's end.
      ROLLCALL_ASSERT(errno == EINTR);
      continue;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(filled));
  }
}

}  // namespace rollcall::apps
