// Property: any sequence of timed operations on the registry equals a naive model, listings
// compared as sets.
//
// The input is the registry's options and a list of operations, eight bytes each. The options say,
// too, whether the registry's invariants are checked after each step or, several times as fast, at
// the end.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fuzz/choices.h"
#include "fuzz/mutator.h"
#include "fuzz/property.h"
#include "tests/support/registry_trial.h"

namespace {

using namespace rollcall;

constexpr fuzz::RecordFormat kFormat{.header_bytes = 4, .record_bytes = 8};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kFormat.header_bytes + kFormat.record_bytes) return 0;
  std::span<const std::uint8_t> input(data, size);
  fuzz::Choices choices(input.first(kFormat.header_bytes));
  const bool checks_each_step = choices.below(4) == 1;
  tests::RegistryTrial trial([&](std::size_t bound) { return choices.below(bound); });
  for (input = input.subspan(kFormat.header_bytes); input.size() >= kFormat.record_bytes;
       input = input.subspan(kFormat.record_bytes)) {
    choices = fuzz::Choices(input.first(kFormat.record_bytes));
    const std::string difference = trial.step();
    if (!difference.empty()) fuzz::broken(difference);
    if (checks_each_step) trial.check_invariants();
  }
  trial.check_invariants();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return fuzz::mutate_records({data, size, size_max}, kFormat, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t out_size_max,
                                                 unsigned seed) {
  return fuzz::splice_records({one, one_size}, {other, other_size}, kFormat, {out, 0, out_size_max},
                              seed);
}
