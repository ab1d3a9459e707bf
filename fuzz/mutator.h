#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/random.h"

// Mutations that know what an input is made of. The fuzzer's own, of single bytes, are one of them.

namespace rollcall::fuzz {

// An input that may still grow.
struct Mutable {
  std::uint8_t* data;
  std::size_t size;
  std::size_t size_max;
};

// ---- Inputs that are a header and a list of records of one size: options and operations ----

struct RecordFormat {
  std::size_t header_bytes;
  std::size_t record_bytes;
};

// One of: a record is inserted, dropped, duplicated, or two are swapped; one byte of one becomes
// another; the tail is cut off; or the fuzzer mutates bytes. Returns the new size.
std::size_t mutate_records(Mutable input, const RecordFormat& format, unsigned seed);

// The beginning of one list and the end of another.
std::size_t splice_records(std::span<const std::uint8_t> one, std::span<const std::uint8_t> other,
                           const RecordFormat& format, Mutable out, unsigned seed);

// ---- Inputs that are a text with events in it ----

// One of: one of `pieces` is inserted or takes the place of another part; a part between two line
// feeds is dropped, duplicated or swapped with its neighbour; or the fuzzer mutates bytes.
std::size_t mutate_text(Mutable input, std::span<const std::string_view> pieces, unsigned seed);

}  // namespace rollcall::fuzz
