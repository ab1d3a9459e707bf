#include "tests/support/simulated_vfs.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>

#include "engine/assert.h"
#include "tests/support/simulated_disk.h"

namespace rollcall::tests {
namespace {

constexpr int kPathBytesMax = 512;
// Noon of some day, in milliseconds of the Julian calendar as SQLite counts them.
constexpr sqlite3_int64 kStartJulianMs = 212'667'552'000'000;

// What SQLite knows a file by: it brings the memory for it, as much as `szOsFile` says.
struct File {
  sqlite3_file base;
  SimulatedVfs* vfs;
  std::shared_ptr<SimulatedFile> file;
  std::string path;  // empty for a temporary file without a name
  bool is_read_only;
  bool syncs_directory;
  bool is_deleted_on_close;
  int last_error = 0;

  SimulatedDisk& disk() const { return vfs->disk(); }
  int note(int error) {
    if (error != 0) last_error = error;
    return vfs->note(error);
  }
  SimulatedLocks& locks() const { return vfs->locks_of(file.get()); }
};

// `base` is the first member.
File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

int close(sqlite3_file* base) {
  File& file = of(base);
  file.locks().unlock(&file, SQLITE_LOCK_NONE);
  if (file.is_deleted_on_close && !file.path.empty()) file.disk().remove(file.path);
  file.~File();
  return SQLITE_OK;
}

int read(sqlite3_file* base, void* to, int bytes, sqlite3_int64 offset) {
  File& file = of(base);
  const auto wanted = static_cast<std::size_t>(bytes);
  std::string_view content;
  const int error =
      file.note(file.disk().read(file.file, static_cast<std::uint64_t>(offset), wanted, content));
  if (error == EIO) return SQLITE_IOERR_CORRUPTFS;
  if (error != 0) return SQLITE_IOERR_READ;
  std::memset(to, 0, wanted);
  std::copy(content.begin(), content.end(), static_cast<char*>(to));
  return content.size() < wanted ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

int write(sqlite3_file* base, const void* from, int bytes, sqlite3_int64 offset) {
  File& file = of(base);
  if (file.is_read_only) return SQLITE_IOERR_WRITE;
  const std::string_view data(static_cast<const char*>(from), static_cast<std::size_t>(bytes));
  const int error =
      file.note(file.disk().write(file.file, static_cast<std::uint64_t>(offset), data));
  if (error == ENOSPC) return SQLITE_FULL;
  return error == 0 ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

int truncate(sqlite3_file* base, sqlite3_int64 bytes) {
  File& file = of(base);
  if (file.is_read_only) return SQLITE_IOERR_TRUNCATE;
  const int error = file.note(file.disk().truncate(file.file, static_cast<std::uint64_t>(bytes)));
  return error == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int sync(sqlite3_file* base, int) {
  File& file = of(base);
  if (file.note(file.disk().sync(file.file)) != 0) return SQLITE_IOERR_FSYNC;
  if (file.syncs_directory) file.disk().sync_directory_of(file.path);
  file.syncs_directory = false;
  return SQLITE_OK;
}

int size(sqlite3_file* base, sqlite3_int64* bytes) {
  File& file = of(base);
  std::uint64_t size = 0;
  const int error = file.note(file.disk().size(file.file, size));
  *bytes = static_cast<sqlite3_int64>(size);
  return error == 0 ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

int lock(sqlite3_file* base, int level) {
  File& file = of(base);
  if (file.disk().io().is_power_off()) return SQLITE_IOERR_LOCK;
  return file.locks().lock(&file, level);
}

int unlock(sqlite3_file* base, int level) {
  File& file = of(base);
  file.locks().unlock(&file, level);
  return SQLITE_OK;
}

int check_reserved_lock(sqlite3_file* base, int* result) {
  *result = of(base).locks().is_reserved() ? 1 : 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file* base, int operation, void* argument) {
  const File& file = of(base);
  switch (operation) {
    case SQLITE_FCNTL_VFSNAME:
      *static_cast<char**>(argument) = sqlite3_mprintf("%s", file.vfs->name().c_str());
      return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
      *static_cast<int*>(argument) = file.disk().is_at(file.file, file.path) ? 0 : 1;
      return SQLITE_OK;
    case SQLITE_FCNTL_LAST_ERRNO:
      *static_cast<int*>(argument) = file.last_error;
      return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
      return SQLITE_OK;
    default:  // Any operation that is not known is to be refused.
      return SQLITE_NOTFOUND;
  }
}

int sector_size(sqlite3_file*) { return SimulatedFile::kBlockBytes; }

int device_characteristics(sqlite3_file* base) {
  return of(base).disk().options().powersafe_overwrite ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

// Version 1: without shared memory and memory-mapped files.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
};

constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;

SimulatedDisk::Opening opening(int flags) {
  if ((flags & SQLITE_OPEN_CREATE) == 0) return SimulatedDisk::Opening::kExisting;
  return (flags & SQLITE_OPEN_EXCLUSIVE) == 0 ? SimulatedDisk::Opening::kOrCreate
                                              : SimulatedDisk::Opening::kOnlyCreate;
}

}  // namespace

int SimulatedLocks::lock(const void* holder, int level) {
  int& own = levels_[holder];
  if (own >= level) return SQLITE_OK;
  const int other = highest_beside(holder);
  if (level == SQLITE_LOCK_SHARED) {
    if (other >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
    own = level;
    return SQLITE_OK;
  }
  if (other >= SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
  const bool waits = level == SQLITE_LOCK_EXCLUSIVE && other != SQLITE_LOCK_NONE;
  own = waits ? SQLITE_LOCK_PENDING : level;
  return waits ? SQLITE_BUSY : SQLITE_OK;
}

void SimulatedLocks::unlock(const void* holder, int level) {
  const auto own = levels_.find(holder);
  if (own == levels_.end()) return;
  own->second = std::min(own->second, level);
  if (own->second == SQLITE_LOCK_NONE) levels_.erase(own);
}

bool SimulatedLocks::is_reserved() const { return highest_beside(nullptr) >= SQLITE_LOCK_RESERVED; }

void SimulatedLocks::check_invariants() const {
  for (const auto& [holder, level] : levels_) {
    if (level > SQLITE_LOCK_SHARED) {
      ROLLCALL_ASSERT(highest_beside(holder) <= SQLITE_LOCK_SHARED);
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      ROLLCALL_ASSERT(highest_beside(holder) == SQLITE_LOCK_NONE);
    }
  }
}

int SimulatedLocks::highest_beside(const void* holder) const {
  int highest = SQLITE_LOCK_NONE;
  for (const auto& [other, level] : levels_) {
    if (other != holder) highest = std::max(highest, level);
  }
  return highest;
}

SimulatedVfs::SimulatedVfs(SimulatedDisk& disk) : disk_(disk) {
  // No two that live at the same time have one address.
  std::array<char, 40> name{};
  std::snprintf(name.data(), name.size(), "simulated-%p", static_cast<void*>(this));
  name_ = name.data();
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(File);
  vfs_.mxPathname = kPathBytesMax;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  vfs_.xAccess = access;
  vfs_.xFullPathname = full_path_name;
  vfs_.xRandomness = randomness;
  vfs_.xSleep = sleep;
  vfs_.xCurrentTime = current_time;
  vfs_.xGetLastError = last_error;
  vfs_.xCurrentTimeInt64 = current_time_ms;
  const int result = sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
  ROLLCALL_ASSERT(result == SQLITE_OK);
}

SimulatedVfs::~SimulatedVfs() { sqlite3_vfs_unregister(&vfs_); }

int SimulatedVfs::note(int error) {
  if (error != 0) last_error_ = error;
  return error;
}

void SimulatedVfs::check_invariants() const {
  for (const auto& [file, locks] : locks_) locks.check_invariants();
}

SimulatedVfs& SimulatedVfs::of(sqlite3_vfs* vfs) {
  return *static_cast<SimulatedVfs*>(vfs->pAppData);
}

int SimulatedVfs::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                       int* flags_out) {
  SimulatedVfs& self = of(vfs);
  file->pMethods = nullptr;
  std::shared_ptr<SimulatedFile> opened;
  bool is_read_only = (flags & SQLITE_OPEN_READONLY) != 0;
  if (path == nullptr) {
    opened = std::make_shared<SimulatedFile>();
  } else if (self.note(self.disk_.open(path, opening(flags), opened)) != 0) {
    if (is_read_only) return SQLITE_CANTOPEN;
    is_read_only = true;
    const int error = self.disk_.open(path, SimulatedDisk::Opening::kExisting, opened);
    if (self.note(error) != 0) return SQLITE_CANTOPEN;
    flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  }
  if (flags_out != nullptr) *flags_out = flags;
  const bool may_create = (flags & SQLITE_OPEN_CREATE) != 0;
  new (file) File{.base = {&kMethods},
                  .vfs = &self,
                  .file = std::move(opened),
                  .path = path == nullptr ? "" : path,
                  .is_read_only = is_read_only,
                  .syncs_directory = may_create && (flags & kJournals) != 0,
                  .is_deleted_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  return SQLITE_OK;
}

int SimulatedVfs::remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  SimulatedDisk& disk = of(vfs).disk_;
  const int error = of(vfs).note(disk.remove(path));
  if (error == ENOENT) return SQLITE_IOERR_DELETE_NOENT;
  if (error != 0) return SQLITE_IOERR_DELETE;
  if (sync_directory == 0) return SQLITE_OK;
  return of(vfs).note(disk.sync_directory_of(path)) == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

int SimulatedVfs::access(sqlite3_vfs* vfs, const char* path, int flags, int* result) {
  const store::Files::Status status = of(vfs).disk_.status(path);
  const bool is_empty = status.bytes == 0 && flags == SQLITE_ACCESS_EXISTS;
  *result = status.error == 0 && status.exists && !is_empty ? 1 : 0;
  return SQLITE_OK;
}

int SimulatedVfs::full_path_name(sqlite3_vfs*, const char* path, int bytes, char* out) {
  const std::string full = *path == '/' ? path : std::string("/") + path;
  if (full.size() >= static_cast<std::size_t>(bytes)) return SQLITE_CANTOPEN;
  std::memcpy(out, full.c_str(), full.size() + 1);
  return SQLITE_OK;
}

int SimulatedVfs::randomness(sqlite3_vfs* vfs, int bytes, char* out) {
  std::generate_n(out, bytes, [&] { return static_cast<char>(of(vfs).random_.below(256)); });
  return bytes;
}

int SimulatedVfs::sleep(sqlite3_vfs* vfs, int microseconds) {
  of(vfs).slept_us_ += microseconds;
  return microseconds;
}

int SimulatedVfs::current_time(sqlite3_vfs* vfs, double* julian_days) {
  sqlite3_int64 ms = 0;
  current_time_ms(vfs, &ms);
  *julian_days = static_cast<double>(ms) / 86'400'000.0;
  return SQLITE_OK;
}

int SimulatedVfs::current_time_ms(sqlite3_vfs* vfs, sqlite3_int64* julian_ms) {
  *julian_ms = kStartJulianMs + of(vfs).slept_us_ / 1000;
  return SQLITE_OK;
}

int SimulatedVfs::last_error(sqlite3_vfs* vfs, int, char*) { return of(vfs).last_error_; }

}  // namespace rollcall::tests
