#pragma once

#include <cstddef>
#include <vector>

#include "engine/output_buffer.h"

namespace rollcall::transport {

// Where the answers of one thread's connections lie. Those of a connection that keeps up are in one
// buffer that all share, empty between two connections; only what could not be sent
// becomes the connection's own, and memory that one needs no more goes to the next.
class OutputPool {
 public:
  // Buffers up to this size, in bytes, are not worth shrinking.
  static constexpr std::size_t kSmallBytes = 4096;
  // Empty ones that are kept: more than wait for one sync of the store, as a rule, and a megabyte
  // at the most.
  static constexpr std::size_t kSparesMax = 256;

  // Where to append to, and to send from, for the connection that has `own`: what waits already is
  // to be in front.
  engine::OutputBuffer& of(engine::OutputBuffer& own) { return own.empty() ? ready_ : own; }

  // After each use of `of(own)`: what is left there becomes `own`. Leaves no buffer mostly empty.
  void keep(engine::OutputBuffer& own);

  // Nothing is in the shared buffer.
  bool is_at_rest() const { return ready_.empty(); }

 private:
  void give_back(engine::OutputBuffer& buffer);

  engine::OutputBuffer ready_;
  std::vector<engine::OutputBuffer> spare_;  // empty ones, with their memory
};

}  // namespace rollcall::transport
