#pragma once

#include <sqlite3.h>

#include <map>
#include <string>
#include <vector>

#include "engine/random.h"

namespace rollcall::tests {

class SimulatedDisk;
class SimulatedFile;

// The locks of SQLite on a file (sqlite.org/lockingv3.html), held by whoever opened it.
class SimulatedLocks {
 public:
  // Moves `holder` up to `level`; SQLITE_OK or SQLITE_BUSY.
  int lock(const void* holder, int level);
  // Down to `level`.
  void unlock(const void* holder, int level);
  bool is_reserved() const;
  // At most one holder of more than SHARED, and none but it while it is EXCLUSIVE.
  void check_invariants() const;

 private:
  // The highest level of any other holder.
  int highest_beside(const void* holder) const;

  std::map<const void*, int> levels_;
};

// A disk as SQLite sees it, registered as long as it lives. It does what SQLite's own VFS for Unix
// does, errors included: the directory is synced with the first sync of a journal that was opened
// with leave to create it, and nobody is told if that fails; an open that fails is tried again for
// reading only; a file whose status cannot be had counts as absent. There is no shared memory, so
// a database in WAL mode needs `locking_mode=EXCLUSIVE`.
//
// Time stands still but for `xSleep`, and the randomness is the same for every disk.
class SimulatedVfs {
 public:
  // `disk` must outlive it.
  explicit SimulatedVfs(SimulatedDisk& disk);
  ~SimulatedVfs();
  SimulatedVfs(const SimulatedVfs&) = delete;
  SimulatedVfs& operator=(const SimulatedVfs&) = delete;

  const std::string& name() const { return name_; }
  SimulatedDisk& disk() { return disk_; }
  SimulatedLocks& locks_of(const SimulatedFile* file) { return locks_[file]; }
  // Keeps an errno value for SQLite to ask for, unless it is 0. The same value.
  int note(int error);
  void check_invariants() const;

 private:
  static SimulatedVfs& of(sqlite3_vfs* vfs);
  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                  int* flags_out);
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory);
  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* result);
  static int full_path_name(sqlite3_vfs* vfs, const char* path, int bytes, char* out);
  static int randomness(sqlite3_vfs* vfs, int bytes, char* out);
  static int sleep(sqlite3_vfs* vfs, int microseconds);
  static int current_time(sqlite3_vfs* vfs, double* julian_days);
  static int current_time_ms(sqlite3_vfs* vfs, sqlite3_int64* julian_ms);
  static int last_error(sqlite3_vfs* vfs, int bytes, char* out);

  SimulatedDisk& disk_;
  std::string name_;
  engine::SampleGenerator random_{1};
  sqlite3_int64 slept_us_ = 0;
  int last_error_ = 0;
  std::map<const SimulatedFile*, SimulatedLocks> locks_;
  sqlite3_vfs vfs_{};
};

}  // namespace rollcall::tests
