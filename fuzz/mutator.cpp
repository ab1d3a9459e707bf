#include "fuzz/mutator.h"

#include <algorithm>
#include <cstring>

#include "fuzz/property.h"

namespace rollcall::fuzz {
namespace {

using engine::SampleGenerator;

// Opens a gap of `bytes` bytes at `at`. False, and nothing is changed, where there is no room.
bool open_gap(Mutable& input, std::size_t at, std::size_t bytes) {
  if (input.size + bytes > input.size_max) return false;
  std::memmove(input.data + at + bytes, input.data + at, input.size - at);
  input.size += bytes;
  return true;
}

void cut_out(Mutable& input, std::size_t at, std::size_t bytes) {
  std::memmove(input.data + at, input.data + at + bytes, input.size - at - bytes);
  input.size -= bytes;
}

// A part that ends behind a line feed, an event, or with the text.
struct Part {
  std::size_t first;
  std::size_t end;
};

Part part_at(const Mutable& input, std::size_t at) {
  const auto is_line_feed = [](std::uint8_t byte) { return byte == '\n'; };
  std::size_t first = at;
  while (first > 0 && !is_line_feed(input.data[first - 1])) --first;
  std::size_t end = at;
  while (end < input.size && !is_line_feed(input.data[end])) ++end;
  return {first, std::min(end + 1, input.size)};
}

bool duplicate(Mutable& input, const Part& part) {
  const std::size_t bytes = part.end - part.first;
  if (!open_gap(input, part.end, bytes)) return false;
  std::memcpy(input.data + part.end, input.data + part.first, bytes);
  return true;
}

bool insert(Mutable& input, std::size_t at, std::string_view piece) {
  if (!open_gap(input, at, piece.size())) return false;
  std::memcpy(input.data + at, piece.data(), piece.size());
  return true;
}

std::size_t mutate_bytes(const Mutable& input) {
  return LLVMFuzzerMutate(input.data, input.size, input.size_max);
}

}  // namespace

std::size_t mutate_records(Mutable input, const RecordFormat& format, unsigned seed) {
  SampleGenerator choices(seed);
  const std::size_t bytes = format.record_bytes;
  if (input.size < format.header_bytes + bytes) return mutate_bytes(input);
  const std::size_t records = (input.size - format.header_bytes) / bytes;
  const auto place = [&] { return format.header_bytes + bytes * choices.below(records); };
  const auto randomize = [&](std::size_t at) {
    for (std::size_t i = 0; i < bytes; ++i) {
      input.data[at + i] = static_cast<std::uint8_t>(choices.next());
    }
  };
  const std::size_t before = input.size;
  const std::size_t times = 1 + choices.below(3);
  for (std::size_t time = 0; time < times; ++time) {
    const std::size_t at = place();
    switch (choices.below(8)) {
      case 0:
        if (open_gap(input, at, bytes)) randomize(at);
        break;
      case 1:
        if (input.size == before && records > 1) cut_out(input, at, bytes);
        break;
      case 2: {
        const std::size_t other = place();
        if (open_gap(input, at, bytes)) {
          std::memcpy(input.data + at, input.data + (other >= at ? other + bytes : other), bytes);
        }
        break;
      }
      case 3: {
        const std::size_t other = place();
        if (std::max(at, other) + bytes <= input.size) {
          std::swap_ranges(input.data + at, input.data + at + bytes, input.data + other);
        }
        break;
      }
      case 4:
      case 5: {
        const std::size_t byte = at + choices.below(bytes);
        if (byte < input.size) input.data[byte] = static_cast<std::uint8_t>(choices.next());
        break;
      }
      case 6:
        if (at + bytes <= input.size) randomize(at);
        break;
      case 7:
        if (choices.below(8) == 0) input.size = std::min(input.size, at + bytes);
        return mutate_bytes(input);
    }
    if (input.size < before) break;  // `place` counts the records there were
  }
  return input.size;
}

std::size_t splice_records(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                           const RecordFormat& format, Mutable out, unsigned seed) {
  SampleGenerator choices(seed);
  const auto boundary = [&](std::span<const std::uint8_t> list) {
    if (list.size() <= format.header_bytes) return list.size();
    const std::size_t records = (list.size() - format.header_bytes) / format.record_bytes;
    return format.header_bytes + format.record_bytes * choices.below(records + 1);
  };
  const auto head = one.first(std::min(boundary(one), out.size_max));
  const auto tail = other.subspan(boundary(other));
  const auto fitting = tail.first(std::min(tail.size(), out.size_max - head.size()));
  std::ranges::copy(head, out.data);
  std::ranges::copy(fitting, out.data + head.size());
  return head.size() + fitting.size();
}

std::size_t mutate_text(Mutable input, std::span<const std::string_view> pieces, unsigned seed) {
  SampleGenerator choices(seed);
  const auto piece = [&] { return pieces[choices.below(pieces.size())]; };
  const std::size_t times = 1 + choices.below(3);
  for (std::size_t time = 0; time < times; ++time) {
    const std::size_t at = choices.below(input.size + 1);
    const Part part = part_at(input, at);
    switch (choices.below(8)) {
      case 0:
        insert(input, at, piece());
        break;
      case 1:
      case 2:
        insert(input, choices.below(2) == 0 ? part.first : part.end, piece());
        break;
      case 3: {
        cut_out(input, part.first, part.end - part.first);
        insert(input, part.first, piece());
        break;
      }
      case 4:
        cut_out(input, part.first, part.end - part.first);
        break;
      case 5:
        duplicate(input, part);
        break;
      case 6: {
        const Part next = part_at(input, part.end);
        std::rotate(input.data + part.first, input.data + part.end, input.data + next.end);
        break;
      }
      case 7:
        return mutate_bytes(input);
    }
  }
  return input.size;
}

}  // namespace rollcall::fuzz
