#include "transport/loopback_pipe.h"

#include <algorithm>

#include "engine/assert.h"

namespace rollcall::transport {

using engine::Instant;
using engine::kNever;

void LoopbackPipe::send(std::string_view bytes, Instant now) {
  if (bytes.empty() || end_ != StreamEnd::kNone) return;
  last_arrival_ = std::max(last_arrival_, now + delay_);
  if (segments_.empty() || segments_.back().arrives != last_arrival_) {
    segments_.push_back({last_arrival_, 0});
  }
  segments_.back().bytes += bytes.size();
  bytes_.append(bytes);
  sent_ += bytes.size();
}

void LoopbackPipe::finish(Instant now) {
  if (end_ != StreamEnd::kNone) return;
  end_ = StreamEnd::kFinished;
  end_arrives_ = std::max(last_arrival_, now + delay_);
}

void LoopbackPipe::reset(Instant now) {
  lose_bytes();
  end_ = StreamEnd::kReset;
  end_taken_ = false;
  end_arrives_ = now + delay_;
}

void LoopbackPipe::abandon() {
  lose_bytes();
  end_ = StreamEnd::kReset;
  end_taken_ = true;
  end_arrives_ = Instant::min();
}

std::size_t LoopbackPipe::room() const { return window_ - std::min(window_, bytes_.size()); }

std::string_view LoopbackPipe::arrived(Instant now) {
  if (held_) return {};
  while (!segments_.empty() && segments_.front().arrives <= now) {
    arrived_bytes_ += segments_.front().bytes;
    segments_.pop_front();
  }
  return bytes_.view().substr(0, arrived_bytes_);
}

void LoopbackPipe::drop_front(std::size_t bytes) {
  ROLLCALL_ASSERT(bytes <= arrived_bytes_);
  bytes_.drop_front(bytes);
  arrived_bytes_ -= bytes;
}

StreamEnd LoopbackPipe::take_end(Instant now) {
  if (held_ || end_taken_ || end_arrives_ > now || !bytes_.empty()) return StreamEnd::kNone;
  end_taken_ = end_ != StreamEnd::kNone;
  return end_;
}

Instant LoopbackPipe::next_arrival() const {
  if (held_) return kNever;
  if (arrived_bytes_ > 0) return Instant::min();
  if (!segments_.empty()) return segments_.front().arrives;
  return end_taken_ ? kNever : end_arrives_;
}

Instant LoopbackPipe::next_reset() const {
  return end_ == StreamEnd::kReset && !held_ && !end_taken_ ? end_arrives_ : kNever;
}

void LoopbackPipe::cut_at(std::size_t offset) {
  cuts_.insert(std::upper_bound(cuts_.begin(), cuts_.end(), offset), offset);
}

std::size_t LoopbackPipe::piece_at(std::size_t offset) const {
  const auto cut = std::upper_bound(cuts_.begin(), cuts_.end(), offset);
  return cut == cuts_.end() ? piece_ : std::min(piece_, *cut - offset);
}

void LoopbackPipe::check_invariants() const {
  std::size_t total = arrived_bytes_;
  for (const Segment& segment : segments_) total += segment.bytes;
  ROLLCALL_ASSERT(total == bytes_.size());
  ROLLCALL_ASSERT(end_ != StreamEnd::kReset || bytes_.empty());
  ROLLCALL_ASSERT((end_ == StreamEnd::kNone) == (end_arrives_ == kNever));
}

void LoopbackPipe::lose_bytes() {
  bytes_.clear();
  segments_.clear();
  arrived_bytes_ = 0;
}

}  // namespace rollcall::transport
