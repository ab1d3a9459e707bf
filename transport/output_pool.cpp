#include "transport/output_pool.h"

namespace rollcall::transport {

engine::OutputBuffer& OutputPool::prepared(engine::OutputBuffer& own) {
  if (own.capacity() == 0 && !spare_.empty()) {
    own.swap(spare_.back());
    spare_.pop_back();
    spare_bytes_ -= own.capacity();
  }
  return own;
}

void OutputPool::tidy(engine::OutputBuffer& own) {
  if (own.empty()) return take_back(own);
  if (own.capacity() <= kSmallBytes || own.size() > own.capacity() / 4) return;
  // Copies less than a third of what it gives back.
  engine::OutputBuffer smaller;
  smaller.append(own.view());
  smaller.hold(own.held());
  own.swap(smaller);
  smaller.clear();
  take_back(smaller);
}

void OutputPool::take_back(engine::OutputBuffer& buffer) {
  const std::size_t bytes = buffer.capacity();
  if (bytes == 0) return;
  if (spare_.size() < kSparesMax && spare_bytes_ + bytes <= kSpareBytesMax) {
    spare_.emplace_back().swap(buffer);
    spare_bytes_ += bytes;
  } else {
    buffer.release();
  }
}

}  // namespace rollcall::transport
