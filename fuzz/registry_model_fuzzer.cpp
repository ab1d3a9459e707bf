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
#include "fuzz/property.h"
#include "fuzz/record_target.h"
#include "tests/support/registry_trial.h"

using namespace rollcall;

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 4, .record_bytes = 8};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  fuzz::Choices choices(input.first(fuzz::kRecordFormat.header_bytes));
  const bool checks_each_step = choices.below(8) == 1;
  constexpr std::size_t kRestartStepsMin = 3;  // of the twelve steps that an input has
  tests::RegistryTrial trial([&](std::size_t bound) { return choices.below(bound); },
                             kRestartStepsMin);
  fuzz::for_each_record(input, [&](std::span<const std::uint8_t> record) {
    choices = fuzz::Choices(record);
    const std::string difference = trial.step();
    if (!difference.empty()) fuzz::broken(difference);
    if (checks_each_step) trial.check_invariants();
  });
  trial.check_invariants();
  return 0;
}
