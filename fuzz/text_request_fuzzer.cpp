// Property: in any bytes, however they arrive, the parser finds what a plain reading of the grammar
// finds.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "tests/support/request_model.h"

namespace {

void check(std::string_view text, std::size_t piece_bytes) {
  const std::string difference = rollcall::tests::request_difference(text, piece_bytes);
  if (difference.empty()) return;
  std::fprintf(stderr, "in pieces of %zu: %s\n", piece_bytes, difference.c_str());
  __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, size);
  // The model reads from the start for each piece, so a long text comes in longer ones.
  check(text, size <= 512 ? 1 : 61);
  return 0;
}
