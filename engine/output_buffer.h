#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace rollcall::engine {

// Bytes on their way out: the engine appends answers at the end, a transport sends and drops them
// from the front. Those at the end may be held: they wait for something else than the connection.
//
//   storage_  |  sent  |  ready  |  held_  |  free  |
//                      ^begin_             ^end_    ^capacity_
//
// Growing doubles the storage; in steady state nothing is allocated. An empty buffer owns no memory
// until the first append, so an idle connection's costs nothing.
class OutputBuffer {
 public:
  OutputBuffer() = default;
  OutputBuffer(OutputBuffer&& other) noexcept { swap(other); }
  OutputBuffer& operator=(OutputBuffer&& other) noexcept {
    swap(other);
    return *this;
  }

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // What waits, and the part of it that may be sent. Valid until the next call that is not const.
  std::string_view view() const { return {storage_.get() + begin_, size()}; }
  std::string_view ready() const { return {storage_.get() + begin_, size() - held_}; }

  // Bytes at the end that may not be sent yet. What is appended behind them is to be held as well.
  std::size_t held() const { return held_; }
  // Holds `bytes` more: the ones that were appended last. REQUIRES: held() + bytes <= size().
  void hold(std::size_t bytes);
  // The first `bytes` of those that are held are ready. REQUIRES: bytes <= held().
  void let_go(std::size_t bytes);

  void append(std::string_view text) {
    if (text.empty()) return;
    char* to = prepare(text.size());
    std::memcpy(to, text.data(), text.size());
    commit(text.size());
  }

  // Room for `bytes` more at the end; `commit` then says how many of them were written. The pointer
  // is valid until the next call that is not const.
  char* prepare(std::size_t bytes) {
    if (capacity_ - end_ < bytes) make_room(bytes);
    return storage_.get() + end_;
  }
  void commit(std::size_t bytes) { end_ += bytes; }

  // Inserts `text` before the last `tail_bytes` bytes. REQUIRES: none of these is held.
  void insert_before_tail(std::size_t tail_bytes, std::string_view text);

  // Drops the last `bytes` bytes. REQUIRES: none of these is held.
  void drop_back(std::size_t bytes);

  // Drops the first `bytes` bytes: they were sent. REQUIRES: bytes <= ready().size().
  void drop_front(std::size_t bytes);

  void clear() { begin_ = end_ = held_ = 0; }

  // Gives the memory back as well.
  void release();

  void swap(OutputBuffer& other) noexcept;

 private:
  void make_room(std::size_t bytes);

  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t held_ = 0;
};

}  // namespace rollcall::engine
