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
#include "fuzz/mutator.h"
#include "fuzz/property.h"

namespace {

using namespace rollcall;

constexpr fuzz::RecordFormat kFormat{.header_bytes = 4, .record_bytes = 6};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kFormat.header_bytes + kFormat.record_bytes) return 0;
  std::span<const std::uint8_t> input(data, size);
  fuzz::DurableServer server(fuzz::Choices(input.first(kFormat.header_bytes)));
  for (input = input.subspan(kFormat.header_bytes); input.size() >= kFormat.record_bytes;
       input = input.subspan(kFormat.record_bytes)) {
    server.step(fuzz::Choices(input.first(kFormat.record_bytes)));
  }
  server.finish();
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
