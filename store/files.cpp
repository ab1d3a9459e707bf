#include "store/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace rollcall::store {
namespace {

int errno_unless(bool is_done) { return is_done ? 0 : errno; }

// An open file, closed with it.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)),
        error_(errno_unless(number_ >= 0)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }
  int error() const { return error_; }

 private:
  const int number_;
  const int error_;
};

// The system gives it back when the file is closed, whatever becomes of the process.
class SystemLock final : public Files::Lock {
 public:
  explicit SystemLock(const std::string& path) : file_(path, O_RDWR | O_CREAT) {}

  int take() {
    if (file_.error() != 0) return file_.error();
    return errno_unless(::flock(file_.number(), LOCK_EX | LOCK_NB) == 0);
  }

 private:
  const Descriptor file_;
};

int sync(const std::string& path, int flags) {
  const Descriptor file(path, flags);
  return file.error() != 0 ? file.error() : errno_unless(::fsync(file.number()) == 0);
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class SystemFiles final : public Files {
 public:
  Status status(const std::string& path) override {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
      if (errno != ENOENT) return {.error = errno};
      return {.exists = ::lstat(path.c_str(), &found) == 0};
    }
    return {.exists = true,
            .is_regular = S_ISREG(found.st_mode),
            .bytes = static_cast<std::uint64_t>(found.st_size)};
  }

  int read(const std::string& path, std::uint64_t offset, std::size_t bytes,
           std::string& to) override {
    to.clear();
    const Descriptor file(path, O_RDONLY);
    if (file.error() != 0) return file.error();
    to.resize(bytes);
    std::size_t size = 0;
    while (size < bytes) {
      const ssize_t taken =
          ::pread(file.number(), to.data() + size, bytes - size, static_cast<off_t>(offset + size));
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0) return errno;
      if (taken == 0) break;
      size += static_cast<std::size_t>(taken);
    }
    to.resize(size);
    return 0;
  }

  int create(const std::string& path) override {
    return Descriptor(path, O_RDWR | O_CREAT | O_EXCL).error();
  }
  int rename(const std::string& from, const std::string& to) override {
    return errno_unless(std::rename(from.c_str(), to.c_str()) == 0);
  }
  int remove(const std::string& path) override { return errno_unless(::unlink(path.c_str()) == 0); }
  int sync_file(const std::string& path) override { return sync(path, O_RDWR); }
  int sync_directory_of(const std::string& path) override {
    return sync(directory_of(path), O_RDONLY | O_DIRECTORY);
  }

  int lock(const std::string& path, std::unique_ptr<Lock>& to) override {
    auto lock = std::make_unique<SystemLock>(path);
    const int error = lock->take();
    if (error == 0) to = std::move(lock);
    return error;
  }
};

}  // namespace

std::unique_ptr<Files> system_files() { return std::make_unique<SystemFiles>(); }

}  // namespace rollcall::store
