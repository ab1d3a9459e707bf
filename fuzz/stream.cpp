#include "fuzz/stream.h"

#include <algorithm>
#include <chrono>

#include "fuzz/mutator.h"
#include "fuzz/pieces.h"

namespace rollcall::fuzz {
namespace {

using namespace std::chrono_literals;

// To the edges of quiet, sweeps, timers and leases.
constexpr std::array<engine::Duration, 20> kWaits = {
    0s,  1ns,       1ms, 10ms,      249ms, 250ms,           1s - 1ns,
    1s,  2s,        4s,  5s - 1ns,  5s,    kStreamTtl,      kStreamTtl - 1ns,
    20s, 30s - 1ns, 30s, 24s + 1ns, 1h,    kStreamTtl + 1ns};

constexpr std::array kEventPieces = std::to_array<std::string_view>({
    "\xF5q",
    "\xF5"
    "e",
    "\xF5t",
    "\xF5o",
    "\xF5r",
    "\xF5\x01",
    "\xF5\x03",
    "\xF5\x05",
    "\xF5\x06",
    "\xF5\x07",
    "\xF5\x08",
    "\xF5\x0A",
    "\xF5\x0B",
    "\xF5\x0C",
    "\xF5\x0D",
    "\xF5\x0F",
    "\xF5\x10",
    "\xF5q\xF5\x07",
    "\xF5q\xF5\x0B",
    "\xF5q\xF5t",
    "\xF5q\n",
    "\xF5q\r\n",
    "\xF5r\xF5r\xF5r\xF5r",
});

}  // namespace

bool StreamReader::next(Event& event) {
  if (rest_.empty()) return false;
  const std::size_t plain = std::min(rest_.find(kEvent), rest_.size());
  if (plain > 0) {
    bytes_ = rest_.substr(0, plain);
    last_byte_ = bytes_.back();
    rest_.remove_prefix(plain);
    event = Event::kBytes;
    return true;
  }
  if (rest_.size() == 1) return false;
  const char what = rest_[1];
  rest_.remove_prefix(2);
  switch (what) {
    case 'q':
      event = Event::kQuiet;
      return true;
    case 'e':
      event = Event::kEndOfStream;
      return true;
    case 't':
      event = Event::kNextTimer;
      return true;
    case 'o':
      event = Event::kReopen;
      return true;
    case 'r':
      repeated_.fill(last_byte_);
      bytes_ = {repeated_.data(), repeated_.size()};
      event = Event::kBytes;
      return true;
    default:
      wait_ = kWaits[static_cast<std::uint8_t>(what) % kWaits.size()];
      event = Event::kWait;
      return true;
  }
}

std::size_t mutate_stream(std::uint8_t* data, std::size_t size, std::size_t size_max,
                          unsigned seed) {
  const Mutable input{data, size, size_max};
  if (seed % 2 == 0) return mutate_text(input, kEventPieces, seed / 2);
  return mutate_text(input, kRequestPieces, seed / 2);
}

}  // namespace rollcall::fuzz
