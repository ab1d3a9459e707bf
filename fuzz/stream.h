#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/time.h"

namespace rollcall::fuzz {

// What happens on a connection, one thing after the other.
enum class Event : std::uint8_t {
  kBytes,
  kQuiet,
  kEndOfStream,
  kNextTimer,  // time passes until the next timer is due
  kReopen,     // the connection is closed and another one opened
  kWait,       // time passes
};

// Reads an input as a stream: its bytes as they stand, except that 0xF5, which no valid text holds,
// and the byte behind it stand for what happens besides:
//
//   0xF5 'q'   quiet            0xF5 't'   the next timer      0xF5 'r'   the byte before it, 512
//   0xF5 'e'   end of stream    0xF5 'o'   reopen                         times more
//   0xF5 and any other byte: one of `kWaits` passes
class StreamReader {
 public:
  static constexpr std::size_t kRepeated = 512;

  explicit StreamReader(std::string_view input) : rest_(input) {}

  // False at the end of the input.
  bool next(Event& event);

  // Of the last event: its bytes, valid until the next one; how long it waits.
  std::string_view bytes() const { return bytes_; }
  engine::Duration wait() const { return wait_; }

 private:
  std::string_view rest_;
  std::string_view bytes_;
  engine::Duration wait_{};
  std::array<char, kRepeated> repeated_;
  char last_byte_ = 'a';
};

// The lease in streams, short so that a wait is as likely to end it as a timer.
inline constexpr engine::Duration kStreamTtl = std::chrono::seconds(60);

// Changes an input: requests, parts of them and events are inserted, dropped, duplicated, swapped.
std::size_t mutate_stream(std::uint8_t* data, std::size_t size, std::size_t size_max,
                          unsigned seed);

}  // namespace rollcall::fuzz
