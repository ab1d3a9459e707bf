// Property: whatever is asked of a registry, and whenever, it does what its naive model does.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "tests/support/registry_trial.h"

namespace {

// Each byte is one choice.
class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t below(std::size_t bound) {
    if (bytes_.empty()) return 0;
    const std::size_t choice = bytes_.front() % bound;
    bytes_ = bytes_.subspan(1);
    return choice;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices({data, size});
  rollcall::tests::RegistryTrial trial([&](std::size_t bound) { return choices.below(bound); });
  while (!choices.empty()) {
    const std::string difference = trial.step();
    if (difference.empty()) continue;
    std::fprintf(stderr, "%s\n", difference.c_str());
    __builtin_trap();
  }
  return 0;
}
