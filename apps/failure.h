#pragma once

#include <string>

namespace rollcall::apps {

// Why a program ends: its exit status, and one line for standard error.
struct Failure {
  int status;
  std::string line;
};

}  // namespace rollcall::apps
