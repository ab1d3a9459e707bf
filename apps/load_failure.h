#pragma once

#include <stdexcept>

namespace rollcall::apps {

// No server, or none that speaks the protocol, so that there is nothing to measure.
class LoadFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace rollcall::apps
