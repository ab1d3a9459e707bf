// Property: what arrives on several connections gives the same answers, changes and states whether
// the engine is given it together or one after the other, whatever it is, with a store and without.
//
// The input is twelve bytes of options and a list of steps, sixteen bytes each.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fuzz/choices.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"
#include "tests/support/arrivals_trial.h"

using namespace rollcall;

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 12, .record_bytes = 16};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  fuzz::Choices choices(input.first(fuzz::kRecordFormat.header_bytes));
  tests::ArrivalsTrial trial([&](std::size_t bound) { return choices.below(bound); });
  fuzz::for_each_record(input, [&](std::span<const std::uint8_t> record) {
    choices = fuzz::Choices(record);
    const std::string difference = trial.step();
    if (!difference.empty()) fuzz::broken(difference);
  });
  trial.check_invariants();
  return 0;
}
