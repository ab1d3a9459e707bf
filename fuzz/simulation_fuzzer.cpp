// Property: whatever happens to the whole system, clients, network, store and machine, in whatever
// order, its promises are kept, and once the faults stop everything settles.
//
// The input is the schedule of a simulation (tests/sim/event.h): eight bytes of setting and a list
// of events, eight bytes each.

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/mutator.h"
#include "fuzz/property.h"
#include "tests/sim/campaign.h"
#include "tests/sim/event.h"

namespace {

using namespace rollcall;

constexpr fuzz::RecordFormat kFormat{.header_bytes = sim::kSettingBytes,
                                     .record_bytes = sim::kEventBytes};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kFormat.header_bytes + kFormat.record_bytes) return 0;
  const sim::Ran ran = run(sim::schedule_of({data, size}));
  if (!ran.broken.empty()) fuzz::broken(ran.broken);
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
