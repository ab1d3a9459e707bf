#include "transport/output_pool.h"

namespace rollcall::transport {

engine::OutputBuffer& OutputPool::prepared(engine::OutputBuffer& own) {
  if (own.capacity() > 0) return own;
  if (large_.empty()) {
    lend(small_, own);
  } else {
    lend(large_, own);
    large_bytes_ -= own.capacity();
  }
  return own;
}

void OutputPool::tidy(engine::OutputBuffer& own) {
  if (own.empty()) return take_back(own);
  if (own.capacity() <= kSmallBytes || own.size() > own.capacity() / 4) return;
  // Copies less than a third of what it gives back.
  engine::OutputBuffer smaller;
  if (own.size() <= kSmallBytes) lend(small_, smaller);
  smaller.append(own.view());
  smaller.hold(own.held());
  own.swap(smaller);
  smaller.clear();
  take_back(smaller);
}

void OutputPool::lend(Spares& from, engine::OutputBuffer& own) {
  if (from.empty()) return;
  own.swap(from.back());
  from.pop_back();
}

void OutputPool::take_back(engine::OutputBuffer& buffer) {
  const std::size_t bytes = buffer.capacity();
  if (bytes == 0) return;
  if (bytes <= kSmallBytes) {
    if (small_.size() < kSmallMax) small_.emplace_back().swap(buffer);
  } else if (large_.empty() || large_bytes_ + bytes <= kLargeBytesMax) {
    large_.emplace_back().swap(buffer);
    large_bytes_ += bytes;
  }
  buffer.release();
}

}  // namespace rollcall::transport
