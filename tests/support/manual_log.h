#pragma once

#include <atomic>
#include <cstddef>
#include <optional>

#include "engine/change.h"

namespace rollcall::tests {

// A change log whose store is the test: it gives each asking a ticket of its own, and the test says
// what became of them. Safe to use from several threads.
class ManualLog final : public engine::ChangeLog {
 public:
  void append(const engine::Change&) override { ++appended; }
  bool accepts() override { return is_accepting; }
  std::optional<engine::Ticket> ticket() override {
    covered = appended.load();
    return ++last_ticket;
  }

  std::atomic<std::size_t> appended = 0;
  std::atomic<std::size_t> covered = 0;  // those that a ticket was given out for
  std::atomic<bool> is_accepting = true;
  std::atomic<engine::Ticket> last_ticket = 0;
};

}  // namespace rollcall::tests
