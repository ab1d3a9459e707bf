#pragma once

#include <cstddef>
#include <vector>

#include "engine/output_buffer.h"

namespace rollcall::transport {

// The memory in which the answers of one thread's connections wait to be sent. A connection that
// keeps up owns none between two turns: what it had goes to the next one that needs some. What came
// back last is lent first, for it is still in the processor's caches.
class OutputPool {
 public:
  // Buffers up to this size, in bytes, are not worth shrinking.
  static constexpr std::size_t kSmallBytes = 4096;
  // What is kept, in bytes and in buffers: more than wait for one sync of the store, as a rule.
  static constexpr std::size_t kSpareBytesMax = std::size_t{1} << 20;
  static constexpr std::size_t kSparesMax = 256;

  // Before anything is appended to `own`: gives it memory if it has none, and there is some.
  engine::OutputBuffer& prepared(engine::OutputBuffer& own);

  // After something was sent from `own`: takes back what it needs no more. Leaves no buffer mostly
  // empty.
  void tidy(engine::OutputBuffer& own);

 private:
  void take_back(engine::OutputBuffer& buffer);

  std::vector<engine::OutputBuffer> spare_;  // empty ones, with their memory
  std::size_t spare_bytes_ = 0;
};

}  // namespace rollcall::transport
