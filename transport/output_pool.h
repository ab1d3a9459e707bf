#pragma once

#include <cstddef>
#include <vector>

#include "engine/output_buffer.h"

namespace rollcall::transport {

// The memory in which the answers of one thread's connections wait to be sent. A connection that
// keeps up owns none between two turns: what it had goes to the next one that needs some. What came
// back last is lent first, for it is still in the processor's caches; but large buffers before
// small ones, so that whoever has large answers need not grow a small one.
class OutputPool {
 public:
  // Buffers up to this size, in bytes, are small: not worth shrinking.
  static constexpr std::size_t kSmallBytes = 4096;
  // Small ones that are kept: more than wait for one sync of the store, as a rule, and a megabyte
  // at the most.
  static constexpr std::size_t kSmallMax = 256;
  // The bytes of large ones that are kept, or one of any size: more than the answers of a turn that
  // wait to be sent together.
  static constexpr std::size_t kLargeBytesMax = std::size_t{512} << 10;

  // Before anything is appended to `own`: gives it memory if it has none, and there is some.
  engine::OutputBuffer& prepared(engine::OutputBuffer& own);

  // After something was sent from `own`: takes back what it needs no more. Leaves no buffer mostly
  // empty.
  void tidy(engine::OutputBuffer& own);

 private:
  using Spares = std::vector<engine::OutputBuffer>;  // empty ones, with their memory

  static void lend(Spares& from, engine::OutputBuffer& own);
  void take_back(engine::OutputBuffer& buffer);

  Spares small_;
  Spares large_;
  std::size_t large_bytes_ = 0;
};

}  // namespace rollcall::transport
