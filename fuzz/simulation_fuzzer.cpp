// Property: whatever happens to the whole system, clients, network, store and machine, in whatever
// order, its promises are kept, and once the faults stop everything settles.
//
// The input is the schedule of a simulation (tests/sim/event.h): eight bytes of setting and a list
// of events, eight bytes each.

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/property.h"
#include "fuzz/record_target.h"
#include "tests/sim/campaign.h"
#include "tests/sim/event.h"

using namespace rollcall;

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = sim::kSettingBytes,
                                             .record_bytes = sim::kEventBytes};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const sim::Ran ran = run(sim::schedule_of({data, size}));
  if (!ran.broken.empty()) fuzz::broken(ran.broken);
  return 0;
}
