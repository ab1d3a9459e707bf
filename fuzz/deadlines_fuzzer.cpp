// Property: whatever deadlines are set, moved and cleared, the queue tells the earliest of those
// there are, and whose it is.
//
// The input is a list of operations, two bytes each.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/deadline_queue.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"

namespace {

using namespace rollcall;
using engine::Instant;

constexpr std::size_t kIds = 64;

class Comparison {
 public:
  void step(std::uint8_t what, std::uint8_t value) {
    const std::uint32_t id = what % kIds;
    if (what >= 192) {
      queue_.clear(id);
      deadlines_[id].reset();
    } else {
      const Instant deadline{std::chrono::seconds(value)};
      queue_.set(id, deadline);
      deadlines_[id] = deadline;
    }
    compare();
  }

  // Takes them off in their order.
  void finish() {
    for (Instant last{}; !queue_.empty(); compare()) {
      if (queue_.earliest() < last) fuzz::broken("an earlier one comes later");
      last = queue_.earliest();
      deadlines_[queue_.front()].reset();
      queue_.clear(queue_.front());
    }
  }

 private:
  void compare() const {
    Instant earliest = engine::kNever;
    bool is_empty = true;
    for (const auto& deadline : deadlines_) {
      is_empty = is_empty && !deadline.has_value();
      earliest = std::min(earliest, deadline.value_or(engine::kNever));
    }
    if (queue_.empty() != is_empty) fuzz::broken("empty or not");
    if (queue_.earliest() != earliest) fuzz::broken("another one is the earliest");
    if (!is_empty && deadlines_[queue_.front()] != earliest) fuzz::broken("whose it is");
    queue_.check_invariants();
  }

  engine::DeadlineQueue queue_;
  std::array<std::optional<Instant>, kIds> deadlines_;
};

}  // namespace

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 0, .record_bytes = 2};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Comparison comparison;
  for (std::size_t at = 0; at + fuzz::kRecordFormat.record_bytes <= size;
       at += fuzz::kRecordFormat.record_bytes) {
    comparison.step(data[at], data[at + 1]);
  }
  comparison.finish();
  return 0;
}
