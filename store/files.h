#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rollcall::store {

// What the store does with files besides what SQLite does with them, so that tests can put a disk
// of their own under both. All paths are absolute or relative to the working directory. Errors are
// errno values; 0 is success.
class Files {
 public:
  virtual ~Files() = default;

  struct Status {
    int error = 0;        // of the look itself, other than ENOENT
    bool exists = false;  // a link that leads nowhere does, too
    bool is_regular = false;
    std::uint64_t bytes = 0;
  };
  virtual Status status(const std::string& path) = 0;
  // Reads up to `bytes` bytes from `offset` on into `to` (replacing it); fewer at the end of the
  // file.
  virtual int read(const std::string& path, std::uint64_t offset, std::size_t bytes,
                   std::string& to) = 0;
  // Creates an empty file with mode 0600; EEXIST where there is one.
  virtual int create(const std::string& path) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int remove(const std::string& path) = 0;     // ENOENT where there is none
  virtual int sync_file(const std::string& path) = 0;  // fsync of what was written by anybody
  virtual int sync_directory_of(const std::string& path) = 0;

  // What other processes see as long as it lives.
  class Lock {
   public:
    virtual ~Lock() = default;
  };
  // Takes the lock at `path`, making the empty file that stands for it, which stays. EWOULDBLOCK
  // where somebody else has it.
  virtual int lock(const std::string& path, std::unique_ptr<Lock>& to) = 0;
};

// Those of the operating system.
std::unique_ptr<Files> system_files();

}  // namespace rollcall::store
