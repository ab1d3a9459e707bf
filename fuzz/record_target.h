#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/mutator.h"
#include "fuzz/property.h"

// For a target whose input is a header and a list of records. Included by the file of the target
// and by no other, because it defines the mutators that the fuzzer calls.

namespace rollcall::fuzz {

// Defined by the target.
extern const RecordFormat kRecordFormat;

// Calls `step` with each whole record behind the header. REQUIRES: there is a whole header.
template <typename Step>
void for_each_record(std::span<const std::uint8_t> input, Step step) {
  for (input = input.subspan(kRecordFormat.header_bytes);
       input.size() >= kRecordFormat.record_bytes;
       input = input.subspan(kRecordFormat.record_bytes)) {
    step(input.first(kRecordFormat.record_bytes));
  }
}

}  // namespace rollcall::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return rollcall::fuzz::mutate_records({data, size, size_max}, rollcall::fuzz::kRecordFormat,
                                        seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t out_size_max,
                                                 unsigned seed) {
  return rollcall::fuzz::splice_records({one, one_size}, {other, other_size},
                                        rollcall::fuzz::kRecordFormat, {out, 0, out_size_max},
                                        seed);
}
