#pragma once

#include <cstddef>
#include <optional>

#include "store/memory_store.h"
#include "store/store.h"

namespace rollcall::sim {

// A store on a machine whose power fails at a chosen moment: the operation that it meets is not
// done, and none after it. What the store says from then on reaches nobody.
//
// And one that lies, where it is asked to: it says of a sync that it is done, and does nothing. A
// simulation that does not find that is worth nothing.
class PoweredStore final : public store::Store {
 public:
  // `inner` must outlive this.
  PoweredStore(store::Store& inner, bool lies) : inner_(inner), lies_(lies) {}

  // The next `operations` calls are done.
  void lose_power_after(std::size_t operations) { left_ = operations; }
  bool has_power() const { return has_power_; }

  store::Loaded load(const Visit& visit) override { return inner_.load(visit); }
  store::Result append(std::string_view batch) override {
    return take_step() ? inner_.append(batch) : store::Result::kFailed;
  }
  store::Result set_wall_offset(std::chrono::milliseconds offset) override {
    return take_step() ? inner_.set_wall_offset(offset) : store::Result::kFailed;
  }
  store::Result maintain(store::EntrySource& entries, bool& more) override {
    return take_step() ? inner_.maintain(entries, more) : store::Result::kFailed;
  }
  store::Result sync() override {
    if (!take_step()) return store::Result::kFailed;
    return lies_ ? store::Result::kDone : inner_.sync();
  }
  store::Result replace(store::EntrySource& entries,
                        std::chrono::milliseconds wall_offset) override {
    return take_step() ? inner_.replace(entries, wall_offset) : store::Result::kFailed;
  }

 private:
  bool take_step() {
    if (left_ == 0) has_power_ = false;
    if (left_.has_value() && *left_ > 0) --*left_;
    return has_power_;
  }

  store::Store& inner_;
  const bool lies_;
  std::optional<std::size_t> left_;
  bool has_power_ = true;
};

}  // namespace rollcall::sim
