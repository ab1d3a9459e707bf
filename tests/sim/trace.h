#pragma once

#include <ostream>

namespace rollcall::sim {

// Says what happens, a line each, where somebody wants to know.
class Trace {
 public:
  Trace() = default;
  // `out` must outlive this.
  explicit Trace(std::ostream& out) : out_(&out) {}

  // trace.note("client ", 3, " resets")
  template <typename... Parts>
  void note(const Parts&... parts) const {
    if (out_ != nullptr) (*out_ << ... << parts) << std::endl;
  }

 private:
  std::ostream* out_ = nullptr;
};

}  // namespace rollcall::sim
