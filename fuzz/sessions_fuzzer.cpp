// Property: whatever 2 to 8 connections do (resets, half-closes, slow readers), the invariants hold
// after each step, each request gets one answer, of its kind and in order, and buffers stay under
// their caps.
//
// The input is four bytes of options and a list of operations, eight bytes each.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fuzz/choices.h"
#include "fuzz/record_target.h"
#include "fuzz/session_crowd.h"

using namespace rollcall;

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 4, .record_bytes = 8};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  fuzz::SessionCrowd crowd(fuzz::Choices(input.first(fuzz::kRecordFormat.header_bytes)));
  fuzz::for_each_record(
      input, [&](std::span<const std::uint8_t> record) { crowd.step(fuzz::Choices(record)); });
  crowd.finish();
  return 0;
}
