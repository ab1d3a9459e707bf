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
