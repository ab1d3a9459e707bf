#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace rollcall::tests {

// What is asked of a disk.
enum class Io : std::uint8_t {
  kOpen,           // of a file that is there
  kCreate,         // of one that is not
  kRead,           // of content
  kStatus,         // size, or whether there is such a file
  kWrite,          // of content
  kTruncate,       // also to a greater length
  kSync,           // of a file
  kSyncDirectory,  // of the directory that a file is in
  kRename,
  kRemove,
};
inline constexpr std::size_t kIoKinds = 10;

enum class Fault : std::uint8_t {
  kIoError,     // nothing is done; but of a sync it means the same as kFailedSync
  kDiskFull,    // nothing is written or created
  kFailedSync,  // what was not synced counts as clean from now on, and may be lost
  kShortWrite,  // the first half is written, in whole sectors, then the disk is full
};
inline constexpr std::size_t kFaults = 4;

// Whether a fault can happen to an I/O of this kind.
bool applies(Fault fault, Io io);

enum class Times : std::uint8_t { kOnce, kForGood };

// Numbers I/Os, from 0 on, and says which of them fail.
class IoSchedule {
 public:
  // The number of the next I/O, and so of those that there were.
  std::uint64_t next() const { return next_; }
  std::uint64_t count(Io io) const { return counts_[static_cast<std::size_t>(io)]; }
  // Faults that have happened.
  std::uint64_t count(Fault fault) const { return faults_[static_cast<std::size_t>(fault)]; }

  // The power fails before I/O `number`: it and all later ones do nothing but fail.
  void crash_at(std::uint64_t number) { power_off_at_ = number; }
  bool is_power_off() const { return power_off_at_.has_value() && next_ >= *power_off_at_; }

  // `fault` happens to the first I/O from `number` on that it applies to; for good, also to all
  // later ones that it applies to. The last call counts.
  void fail_at(std::uint64_t number, Fault fault, Times times);
  void heal() { armed_.reset(); }
  // The number of the first I/O that a fault happened to.
  std::optional<std::uint64_t> first_fault() const { return first_fault_; }

  // Called before each I/O, which has not changed anything yet.
  void watch(std::function<void(std::uint64_t number, Io io)> watcher) { watcher_ = watcher; }

  // Every I/O begins with this. What is to happen to it, if not what was asked for.
  std::optional<Fault> begin(Io io);

 private:
  struct Armed {
    std::uint64_t number;
    Fault fault;
    Times times;
  };

  std::uint64_t next_ = 0;
  std::array<std::uint64_t, kIoKinds> counts_{};
  std::array<std::uint64_t, kFaults> faults_{};
  std::optional<std::uint64_t> power_off_at_;
  std::optional<Armed> armed_;
  std::optional<std::uint64_t> first_fault_;
  std::function<void(std::uint64_t, Io)> watcher_;
};

}  // namespace rollcall::tests
