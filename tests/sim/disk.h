#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "store/memory_store.h"
#include "store/store.h"
#include "tests/support/simulated_disk.h"

namespace rollcall::sim {

// So that nothing survives that was not synced.
inline constexpr std::size_t kNothingSurvives = 0;

// What outlives the server: a disk that fails on demand, in a machine whose power does.
class Disk {
 public:
  virtual ~Disk() = default;

  // The store on it. Null where it cannot be opened, which is right only while something fails.
  virtual std::unique_ptr<store::Store> open() = 0;

  // The operation behind the next `operations` ends with `result`, and so do all that follow if
  // `for_good`.
  void fail_after(std::size_t operations, store::Result result, bool for_good);
  void heal();
  // Whether something may have failed since it was healed.
  bool may_fail() const { return may_fail_; }

  // The next `operations` are done; the one behind them is not, and none after it.
  virtual void lose_power_after(std::size_t operations) = 0;
  virtual bool has_power() const = 0;
  // Power is lost, now if it is not yet, and comes back; or the server is killed. What survives of
  // what was not synced follows from `survival`. The store may only be destroyed now.
  void lose_power(std::size_t survival);
  // No loss of power is to come.
  virtual void keep_power() = 0;

  // Whether all that the last store found has survived a loss of power already. What a server that
  // was stopped or killed had written may not have: it is durable from the next commit on.
  virtual bool is_all_durable() const { return true; }
  // Batches that would not survive for sure, where that is known.
  virtual std::size_t unsynced_batches() const { return 0; }

 private:
  virtual void do_fail_after(std::size_t operations, store::Result result, bool for_good) = 0;
  virtual void do_heal() = 0;
  virtual void do_lose_power(std::size_t survival) = 0;

  bool may_fail_ = false;
};

// The store in memory, whose operations are those of store::Store: fast.
//
// Where it lies it says of a sync that it is done, and does nothing.
class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(bool lies) : lies_(lies) {}

  std::unique_ptr<store::Store> open() override;
  void lose_power_after(std::size_t operations) override { left_ = operations; }
  bool has_power() const override { return has_power_; }
  void keep_power() override { left_.reset(); }
  std::size_t unsynced_batches() const override { return device_.unsynced_batches(); }

 private:
  class PoweredStore;

  void do_fail_after(std::size_t operations, store::Result result, bool for_good) override;
  void do_heal() override { device_.heal(); }
  void do_lose_power(std::size_t survival) override;
  // Whether the next operation is done.
  bool take_operation();

  const bool lies_;
  store::MemoryDevice device_;
  std::optional<std::size_t> left_;
  bool has_power_ = true;
};

// SQLite on a simulated disk, whose operations are those of the file system: what runs in
// production, down to the system calls. Where the disk lies, its syncs do nothing.
class SqliteDisk final : public Disk {
 public:
  explicit SqliteDisk(bool lies);

  std::unique_ptr<store::Store> open() override;
  void lose_power_after(std::size_t operations) override;
  bool has_power() const override { return !disk_->io().is_power_off(); }
  void keep_power() override { disk_->io().crash_at(UINT64_MAX); }
  bool is_all_durable() const override { return is_all_durable_; }

 private:
  void do_fail_after(std::size_t operations, store::Result result, bool for_good) override;
  void do_heal() override { disk_->io().heal(); }
  void do_lose_power(std::size_t survival) override;

  std::unique_ptr<tests::SimulatedDisk> disk_;
  bool has_lost_power_ = true;  // since a store was opened
  bool is_all_durable_ = true;
  // A store that is to be destroyed may still use it.
  std::unique_ptr<tests::SimulatedDisk> before_;
};

}  // namespace rollcall::sim
