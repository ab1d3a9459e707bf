#include "engine/output_buffer.h"

#include <algorithm>
#include <utility>

#include "engine/assert.h"

namespace rollcall::engine {

void OutputBuffer::hold(std::size_t bytes) {
  ROLLCALL_ASSERT(held_ + bytes <= size());
  held_ += bytes;
}

void OutputBuffer::let_go(std::size_t bytes) {
  ROLLCALL_ASSERT(bytes <= held_);
  held_ -= bytes;
}

void OutputBuffer::insert_before_tail(std::size_t tail_bytes, std::string_view text) {
  ROLLCALL_ASSERT(tail_bytes <= size());
  if (text.empty()) return;  // there may be no memory yet to insert it into
  prepare(text.size());
  char* at = storage_.get() + end_ - tail_bytes;
  std::memmove(at + text.size(), at, tail_bytes);
  std::memcpy(at, text.data(), text.size());
  commit(text.size());
}

void OutputBuffer::drop_back(std::size_t bytes) {
  ROLLCALL_ASSERT(bytes <= size());
  end_ -= bytes;
}

void OutputBuffer::drop_front(std::size_t bytes) {
  ROLLCALL_ASSERT(bytes <= size() - held_);
  begin_ += bytes;
  if (begin_ == end_) clear();
}

void OutputBuffer::release() {
  storage_.reset();
  capacity_ = 0;
  clear();
}

void OutputBuffer::swap(OutputBuffer& other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(capacity_, other.capacity_);
  std::swap(begin_, other.begin_);
  std::swap(end_, other.end_);
  std::swap(held_, other.held_);
}

void OutputBuffer::make_room(std::size_t bytes) {
  constexpr std::size_t kFirstBytes = 512;
  const std::size_t waiting = size();
  if (capacity_ - waiting >= bytes && begin_ >= waiting) {
    std::memcpy(storage_.get(), storage_.get() + begin_, waiting);
  } else {
    const std::size_t capacity = std::max({kFirstBytes, capacity_ * 2, waiting + bytes});
    auto storage = std::make_unique_for_overwrite<char[]>(capacity);
    if (waiting > 0) std::memcpy(storage.get(), storage_.get() + begin_, waiting);
    storage_ = std::move(storage);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = waiting;
}

}  // namespace rollcall::engine
