// Property: an answer that says a change is done leaves only once the change survives a crash, and
// in the order of the requests; after any crash the list is what was kept, and nothing that was
// acknowledged is lost; once faults stop, everything settles.
//
// The input is four bytes of options and a list of operations, six bytes each.

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/choices.h"
#include "fuzz/durable_server.h"
#include "fuzz/record_target.h"

using namespace rollcall;

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 4, .record_bytes = 6};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  fuzz::DurableServer server(fuzz::Choices(input.first(fuzz::kRecordFormat.header_bytes)));
  fuzz::for_each_record(
      input, [&](std::span<const std::uint8_t> record) { server.step(fuzz::Choices(record)); });
  server.finish();
  return 0;
}
