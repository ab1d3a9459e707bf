// Property: an output buffer holds what was appended and not dropped, in order, and gives out as
// ready what stands before the bytes that are held.
//
// The input is a list of operations, two bytes each.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "engine/output_buffer.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"

namespace {

using namespace rollcall;

// A buffer beside a text, of which the last bytes are held.
struct Comparison {
  engine::OutputBuffer buffer;
  std::string text;
  std::size_t held = 0;

  std::string next_text(std::size_t bytes) {
    std::string next(bytes, ' ');
    for (char& c : next) c = static_cast<char>('a' + count++ % 26);
    return next;
  }

  void append(std::size_t bytes) {
    const std::string next = next_text(bytes);
    buffer.append(next);
    text += next;
    // What follows bytes that are held is held as well.
    if (held > 0 && bytes > 0) hold(bytes);
  }
  void prepare(std::size_t bytes, std::size_t used) {
    if (held > 0) return;
    const std::string next = next_text(used);
    char* to = buffer.prepare(bytes);
    if (used > 0) std::memcpy(to, next.data(), used);
    buffer.commit(used);
    text += next;
  }
  void hold(std::size_t bytes) {
    buffer.hold(bytes);
    held += bytes;
  }
  void let_go(std::size_t bytes) {
    buffer.let_go(bytes);
    held -= bytes;
  }
  void drop_front(std::size_t bytes) {
    buffer.drop_front(bytes);
    text.erase(0, bytes);
  }
  void drop_back(std::size_t bytes) {
    buffer.drop_back(bytes);
    text.resize(text.size() - bytes);
  }
  void insert(std::size_t tail, std::size_t bytes) {
    const std::string next = next_text(bytes);
    buffer.insert_before_tail(tail, next);
    text.insert(text.size() - tail, next);
  }
  void clear(bool gives_back) {
    gives_back ? buffer.release() : buffer.clear();
    if (gives_back && buffer.capacity() != 0) fuzz::broken("keeps memory");
    text.clear();
    held = 0;
  }

  void compare() const {
    if (buffer.view() != text) fuzz::broken("another text");
    if (buffer.size() != text.size() || buffer.empty() != text.empty()) fuzz::broken("a size");
    if (buffer.held() != held) fuzz::broken("other bytes are held");
    if (buffer.ready() != std::string_view(text).substr(0, text.size() - held)) {
      fuzz::broken("other bytes are ready");
    }
    if (buffer.capacity() < text.size()) fuzz::broken("less room than bytes");
    // It doubles, and a text that was there once made it so.
    if (buffer.capacity() > 512 && buffer.capacity() > 8 * longest) fuzz::broken("too much room");
  }

  void step(std::size_t what, std::size_t value) {
    const auto part = [&](std::size_t of) { return of == 0 ? 0 : value % (of + 1); };
    switch (what % 12) {
      case 0:
      case 1:
        append(value);
        break;
      case 2:
        append(value * 16);
        break;
      case 3:
        prepare(value, part(value) / 2);
        break;
      case 4:
        hold(part(text.size() - held));
        break;
      case 5:
        let_go(part(held));
        break;
      case 6:
      case 7:
        drop_front(part(text.size() - held));
        break;
      case 8:
        if (held == 0) drop_back(part(text.size()));
        break;
      case 9:
        if (held == 0) insert(part(text.size()), value % 16);
        break;
      case 10:
        drop_front(text.size() - held);
        break;
      case 11:
        if (value < 16) clear(value % 2 == 0);
        break;
    }
    longest = std::max({longest, text.size(), value});
  }

  std::size_t count = 0;
  std::size_t longest = 512;
};

}  // namespace

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 0, .record_bytes = 2};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Comparison one;
  Comparison other;
  for (std::size_t at = 0; at + fuzz::kRecordFormat.record_bytes <= size;
       at += fuzz::kRecordFormat.record_bytes) {
    const std::uint8_t what = data[at];
    if (what >= 250) {
      one.buffer.swap(other.buffer);
      std::swap(one.text, other.text);
      std::swap(one.held, other.held);
      std::swap(one.longest, other.longest);
    } else if (what >= 246) {
      one.buffer = engine::OutputBuffer(std::move(other.buffer));
      one.text = std::exchange(other.text, {});
      one.held = std::exchange(other.held, 0);
      std::swap(one.longest, other.longest);
      other.buffer.clear();
    } else {
      one.step(what, data[at + 1]);
    }
    one.compare();
    other.compare();
  }
  return 0;
}
