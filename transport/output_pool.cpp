#include "transport/output_pool.h"

namespace rollcall::transport {
namespace {

// Gives back the memory of a buffer that is mostly empty. Copies less than a third of what it
// frees.
void shrink(engine::OutputBuffer& buffer) {
  if (buffer.capacity() <= OutputPool::kSmallBytes || buffer.size() > buffer.capacity() / 4) return;
  engine::OutputBuffer smaller;
  smaller.append(buffer.view());
  smaller.hold(buffer.held());
  buffer.swap(smaller);
}

}  // namespace

void OutputPool::keep(engine::OutputBuffer& own) {
  if (!ready_.empty()) {
    own.swap(ready_);
    if (ready_.capacity() == 0 && !spare_.empty()) {
      ready_.swap(spare_.back());
      spare_.pop_back();
    }
  } else if (own.empty()) {
    give_back(own);
  }
  shrink(own);
}

void OutputPool::give_back(engine::OutputBuffer& buffer) {
  if (ready_.capacity() < buffer.capacity()) ready_.swap(buffer);
  const bool is_small = buffer.capacity() <= kSmallBytes;
  if (buffer.capacity() > 0 && is_small && spare_.size() < kSparesMax) {
    spare_.emplace_back().swap(buffer);
  }
  buffer.release();
}

}  // namespace rollcall::transport
