#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace rollcall::tests {

// What a power loss does to what was not synced. The first ones are what a disk usually does, the
// others what it may do.
enum class Survival : std::uint8_t {
  kNothing,     // all of it is lost
  kEverything,  // none of it is lost
  kInOrder,     // the first so many operations are there, the last of them torn
  kLateOnes,    // what was written last is there, what was written before it is not
  kAllButFew,   // a few sectors are lost
  kEachSector,  // each sector is as it was before, or as it is now
  kEachTime,    // each sector is as it was at some time since the last sync
};
inline constexpr std::size_t kSurvivals = 7;

// A file of a simulated disk.
//
//   durable ──[write][truncate][write]…──► current
//
// `current` is what everybody reads. `durable` is what is surely there after a power loss; of the
// operations in between, each sector of 512 bytes keeps what a prefix of its own has left there,
// and so does the length. A truncation is a change to the file system's own data and survives whole
// or not at all: all that it cut off is gone, or nothing. A sync moves `durable` up to `current`.
class SimulatedFile {
 public:
  static constexpr std::size_t kSectorBytes = 512;
  // What a device without powersafe overwrite may destroy by writing to any part of it.
  static constexpr std::size_t kBlockBytes = 4096;

  std::uint64_t bytes() const { return current_.size(); }
  // Up to `bytes` bytes from `offset` on; fewer at the end of the file.
  std::string_view read(std::uint64_t offset, std::size_t bytes) const;

  // A gap behind the end reads as zeros.
  void write(std::uint64_t offset, std::string_view data);
  // Longer than it was: the new part reads as zeros.
  void truncate(std::uint64_t bytes);
  void sync();
  // A sync that failed. Nobody sees a difference, but what was not synced counts as clean, and no
  // later sync writes it; how much of it has arrived is up to `random`.
  void fail_sync(engine::SampleGenerator& random);

  bool is_synced() const { return unsynced_.empty(); }
  const std::string& durable() const { return durable_; }

  // The file that is there after a power loss. Without `powersafe_overwrite` a block that was being
  // written may also be garbage, including bytes of it that no operation touched.
  SimulatedFile after_power_loss(Survival survival, bool powersafe_overwrite,
                                 engine::SampleGenerator& random) const;

  // REQUIRES of itself: `current` is what the operations make of `durable`, unless a sync failed.
  void check_invariants() const;

 private:
  struct Operation {
    std::uint64_t offset;  // or the new length
    std::string data;
    bool is_truncation;
  };

  // A sector that operations have changed, and the last of them.
  struct Touched {
    std::size_t sector;
    std::size_t last_operation;
  };
  // How many of the operations each touched sector has seen, and how many the length.
  struct Versions {
    std::vector<std::size_t> of_sectors;
    std::size_t of_length;
  };

  static void apply(const Operation& operation, std::string& content);
  std::vector<Touched> touched() const;  // by sector
  void keep_truncations_whole(const std::vector<Touched>& touched, Versions& versions) const;
  Versions versions(Survival survival, const std::vector<Touched>& touched,
                    engine::SampleGenerator& random) const;
  std::string mixed(const std::vector<Touched>& touched, const Versions& versions) const;
  void spoil_blocks(const std::vector<Touched>& touched, const Versions& versions,
                    engine::SampleGenerator& random, std::string& content) const;

  std::string current_;
  std::string durable_;
  std::vector<Operation> unsynced_;
  bool has_lost_ = false;  // a sync failed
};

}  // namespace rollcall::tests
