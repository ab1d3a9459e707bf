#pragma once

#include <stdexcept>
#include <string>

namespace rollcall::sim {

// A promise was not kept; says which.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace rollcall::sim
