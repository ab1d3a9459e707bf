#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/random.h"
#include "store/files.h"
#include "tests/support/io_schedule.h"
#include "tests/support/simulated_file.h"

namespace rollcall::tests {

class SimulatedVfs;

// A disk in memory that forgets what was not synced, as a real one does when the power fails, and
// fails on demand. It is a `store::Files`, and while it lives SQLite finds it as a VFS of the name
// `vfs_name()`; both see the same files. One thread at a time.
//
//  - What is in a file is durable once the file was synced (SimulatedFile).
//  - Which files there are is durable once the directory was synced. Directory operations become
//    durable in order, as on a journaling file system: a power loss keeps a prefix of them,
//    whatever it does to the files' content. A rename over a file is one operation.
//  - Each I/O has a number (IoSchedule) and may be made to fail.
//
// After a power loss or the end of a process, what is left is a disk of its own, so that many
// outcomes of one moment can be looked at. Whoever used the old disk can do so until it is gone.
class SimulatedDisk final : public store::Files {
 public:
  struct Options {
    // Syncs do nothing but succeed: shows that a test notices what only syncs prevent.
    bool ignores_syncs = false;
    // Whether writing a part of a block leaves the rest of it alone whatever happens, which is what
    // SQLite takes for granted on Unix.
    bool powersafe_overwrite = true;
    // Of what a failed sync does.
    std::uint64_t seed = 0;
  };

  SimulatedDisk() : SimulatedDisk(Options{}) {}
  explicit SimulatedDisk(const Options& options);
  ~SimulatedDisk() override;
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  const std::string& vfs_name() const;
  const Options& options() const { return options_; }
  // From here on, as if Options said so.
  void ignore_syncs() { options_.ignores_syncs = true; }

  // The disk after a power loss at this moment. What survives depends on `seed` alone; all of
  // Survival happen among few seeds.
  std::unique_ptr<SimulatedDisk> crash(std::uint64_t seed) const;
  // The same, of one way to survive, with the first `directory_operations` of those not synced.
  std::unique_ptr<SimulatedDisk> crash(Survival survival, std::size_t directory_operations,
                                       std::uint64_t seed) const;
  // The disk after the process was killed: all that was written is there, synced or not as it was.
  std::unique_ptr<SimulatedDisk> kill() const;

  IoSchedule& io() { return io_; }
  const IoSchedule& io() const { return io_; }
  // Grows with everything that can make a difference to what a crash leaves.
  std::uint64_t changes() const { return changes_; }
  std::size_t unsynced_directory_operations() const { return unsynced_.size(); }

  // For tests, without counting as I/Os: what everybody reads, if there is such a file; the names
  // of all files, in order; a file with this content, durable at once.
  std::optional<std::string> content(const std::string& path) const;
  std::vector<std::string> paths() const;
  void put(const std::string& path, std::string_view content);

  Status status(const std::string& path) override;
  int read(const std::string& path, std::uint64_t offset, std::size_t bytes,
           std::string& to) override;
  int create(const std::string& path) override;
  int rename(const std::string& from, const std::string& to) override;
  int remove(const std::string& path) override;
  int sync_file(const std::string& path) override;
  int sync_directory_of(const std::string& path) override;
  // There are no other processes on this disk.
  int lock(const std::string& /*path*/, std::unique_ptr<Lock>& /*to*/) override { return 0; }

  // What the VFS does with a file that is open, by name or without; 0 or an errno value.
  using OpenFile = std::shared_ptr<SimulatedFile>;
  enum class Opening : std::uint8_t { kExisting, kOrCreate, kOnlyCreate };
  int open(const std::string& path, Opening opening, OpenFile& file);
  int read(const OpenFile& file, std::uint64_t offset, std::size_t bytes, std::string_view& to);
  int write(const OpenFile& file, std::uint64_t offset, std::string_view data);
  int truncate(const OpenFile& file, std::uint64_t bytes);
  int sync(const OpenFile& file);
  int size(const OpenFile& file, std::uint64_t& bytes);
  bool is_at(const OpenFile& file, const std::string& path) const;

  void check_invariants() const;

 private:
  using Directory = std::map<std::string, OpenFile>;
  struct DirectoryOperation {
    enum class Kind : std::uint8_t { kCreate, kRename, kRemove };
    Kind kind;
    std::string path;
    std::string to;  // of kRename
    OpenFile file;   // of kCreate
  };

  static void apply(const DirectoryOperation& operation, Directory& directory);
  static std::string absolute(const std::string& path);
  OpenFile find(const std::string& path) const;
  void change(DirectoryOperation operation);

  Options options_;
  IoSchedule io_;
  engine::SampleGenerator random_;
  std::uint64_t changes_ = 0;
  Directory current_;
  Directory durable_;
  std::vector<DirectoryOperation> unsynced_;
  std::unique_ptr<SimulatedVfs> vfs_;
};

}  // namespace rollcall::tests
