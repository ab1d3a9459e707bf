#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string_view>
#include <vector>

#include "engine/output_buffer.h"
#include "engine/time.h"

namespace rollcall::transport {

// How a stream ends.
enum class StreamEnd : std::uint8_t { kNone, kFinished, kReset };

// One stream of a loopback connection, and the network that carries it.
//
//   bytes_:  [ arrived_bytes_ | segments_: under way ]  end_
//            ^received()                             ^sent()
class LoopbackPipe {
 public:
  explicit LoopbackPipe(engine::Duration delay) : delay_(delay) {}

  // ---- The sender's side ----

  // Takes all of `bytes`, whatever the window; lost where the stream has ended.
  void send(std::string_view bytes, engine::Instant now);
  void finish(engine::Instant now);
  // Overtakes what is under way, which is lost.
  void reset(engine::Instant now);
  // Nothing arrives any more, not even a reset.
  void abandon();

  StreamEnd end() const { return end_; }
  std::size_t sent() const { return sent_; }
  // Bytes that were not received.
  std::size_t waiting() const { return bytes_.size(); }
  // How many more the window has room for.
  std::size_t room() const;

  // ---- The receiver's side ----

  // What has arrived and was not received. Valid until the next call that is not const.
  std::string_view arrived(engine::Instant now);
  // The first `bytes` bytes were received. REQUIRES: they have arrived.
  void drop_front(std::size_t bytes);
  std::size_t received() const { return sent_ - bytes_.size(); }

  // How the stream ended: told once, when everything before was received.
  StreamEnd take_end(engine::Instant now);

  // When there are bytes or an end to be received; kNever if nothing is on its way.
  engine::Instant next_arrival() const;
  // When a reset arrives; kNever if none does.
  engine::Instant next_reset() const;

  // ---- The network ----

  void set_delay(engine::Duration delay) { delay_ = delay; }
  // Nothing arrives while it is held.
  void set_held(bool held) { held_ = held; }
  void set_window(std::size_t bytes) { window_ = bytes; }
  void set_piece(std::size_t bytes) { piece_ = bytes; }
  void cut_at(std::size_t offset);
  // How many bytes from `offset` on may be read or written together.
  std::size_t piece_at(std::size_t offset) const;

  void check_invariants() const;

 private:
  struct Segment {
    engine::Instant arrives;
    std::size_t bytes;
  };

  // As much as a small socket buffer holds.
  static constexpr std::size_t kDefaultWindowBytes = std::size_t{64} << 10;

  void lose_bytes();

  engine::OutputBuffer bytes_;
  std::deque<Segment> segments_;
  std::size_t arrived_bytes_ = 0;
  std::size_t sent_ = 0;
  engine::Instant last_arrival_ = engine::Instant::min();

  StreamEnd end_ = StreamEnd::kNone;
  bool end_taken_ = false;
  engine::Instant end_arrives_ = engine::kNever;

  engine::Duration delay_;
  bool held_ = false;
  std::size_t window_ = kDefaultWindowBytes;
  std::size_t piece_ = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> cuts_;  // in order
};

}  // namespace rollcall::transport
