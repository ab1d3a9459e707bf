#include "fuzz/property.h"

#include <cstdio>

namespace rollcall::fuzz {

void broken(std::string_view what) {
  std::fprintf(stderr, "the property is broken: %.*s\n", static_cast<int>(what.size()),
               what.data());
  std::fflush(stderr);
  __builtin_trap();
}

}  // namespace rollcall::fuzz

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// What AddressSanitizer does unless ASAN_OPTIONS says otherwise. An input frees a few megabytes:
// memory that waits for longer before it is used again shows nothing more, and is out of the cache.
extern "C" const char* __asan_default_options();
const char* __asan_default_options() {
  return "quarantine_size_mb=16:allocator_release_to_os_interval_ms=-1";
}
#endif
#endif
