#include "tests/support/simulated_disk.h"

#include <cerrno>
#include <utility>

#include "engine/assert.h"
#include "tests/support/simulated_vfs.h"

namespace rollcall::tests {
namespace {

// How much of `bytes` at `offset` is written before the disk is full. It has room for a sector or
// not.
std::size_t bytes_of_short_write(std::uint64_t offset, std::size_t bytes) {
  const std::uint64_t end =
      (offset + bytes / 2) / SimulatedFile::kSectorBytes * SimulatedFile::kSectorBytes;
  return end > offset ? static_cast<std::size_t>(end - offset) : 0;
}

// An error on its way to whoever asked; 0 where there is none.
int error_of(std::optional<Fault> fault) {
  if (!fault.has_value()) return 0;
  return *fault == Fault::kDiskFull || *fault == Fault::kShortWrite ? ENOSPC : EIO;
}

}  // namespace

SimulatedDisk::SimulatedDisk(const Options& options)
    : options_(options), random_(options.seed), vfs_(std::make_unique<SimulatedVfs>(*this)) {}

SimulatedDisk::~SimulatedDisk() = default;

const std::string& SimulatedDisk::vfs_name() const { return vfs_->name(); }

std::unique_ptr<SimulatedDisk> SimulatedDisk::crash(std::uint64_t seed) const {
  engine::SampleGenerator random(seed);
  const auto survival = static_cast<Survival>(random.below(kSurvivals));
  std::size_t kept = random.below(unsynced_.size() + 1);
  if (survival == Survival::kNothing) kept = 0;
  if (survival == Survival::kEverything) kept = unsynced_.size();
  return crash(survival, kept, random.next());
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::crash(Survival survival,
                                                    std::size_t directory_operations,
                                                    std::uint64_t seed) const {
  engine::SampleGenerator random(seed);
  auto left = std::make_unique<SimulatedDisk>(options_);
  ROLLCALL_ASSERT(directory_operations <= unsynced_.size());
  Directory directory = durable_;
  for (std::size_t i = 0; i < directory_operations; ++i) apply(unsynced_[i], directory);
  for (const auto& [path, file] : directory) {
    left->current_[path] = std::make_shared<SimulatedFile>(
        file->after_power_loss(survival, options_.powersafe_overwrite, random));
  }
  left->durable_ = left->current_;
  return left;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::kill() const {
  auto left = std::make_unique<SimulatedDisk>(options_);
  std::map<const SimulatedFile*, OpenFile> copies;
  const auto copy_of = [&](const OpenFile& file) {
    OpenFile& copy = copies[file.get()];
    if (copy == nullptr) copy = std::make_shared<SimulatedFile>(*file);
    return copy;
  };
  for (const auto& [path, file] : current_) left->current_[path] = copy_of(file);
  for (const auto& [path, file] : durable_) left->durable_[path] = copy_of(file);
  left->unsynced_ = unsynced_;
  for (DirectoryOperation& operation : left->unsynced_) {
    if (operation.file != nullptr) operation.file = copy_of(operation.file);
  }
  return left;
}

std::optional<std::string> SimulatedDisk::content(const std::string& path) const {
  const OpenFile file = find(path);
  if (file == nullptr) return std::nullopt;
  return std::string(file->read(0, file->bytes()));
}

std::vector<std::string> SimulatedDisk::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : current_) paths.push_back(path);
  return paths;
}

void SimulatedDisk::put(const std::string& path, std::string_view content) {
  ++changes_;
  OpenFile file = find(path);
  if (file == nullptr) file = std::make_shared<SimulatedFile>();
  file->truncate(0);
  file->write(0, content);
  file->sync();
  current_[absolute(path)] = file;
  durable_[absolute(path)] = file;
}

store::Files::Status SimulatedDisk::status(const std::string& path) {
  const OpenFile file = find(path);
  if (const int error = error_of(io_.begin(Io::kStatus)); error != 0) return {.error = error};
  if (file == nullptr) return {};
  return {.exists = true, .is_regular = true, .bytes = file->bytes()};
}

int SimulatedDisk::read(const std::string& path, std::uint64_t offset, std::size_t bytes,
                        std::string& to) {
  to.clear();
  OpenFile file;
  if (const int error = open(path, Opening::kExisting, file); error != 0) return error;
  std::string_view content;
  const int error = read(file, offset, bytes, content);
  to = content;
  return error;
}

int SimulatedDisk::create(const std::string& path) {
  OpenFile file;
  return open(path, Opening::kOnlyCreate, file);
}

int SimulatedDisk::rename(const std::string& from, const std::string& to) {
  if (const int error = error_of(io_.begin(Io::kRename)); error != 0) return error;
  if (find(from) == nullptr) return ENOENT;
  change({DirectoryOperation::Kind::kRename, absolute(from), absolute(to), nullptr});
  return 0;
}

int SimulatedDisk::remove(const std::string& path) {
  if (const int error = error_of(io_.begin(Io::kRemove)); error != 0) return error;
  if (find(path) == nullptr) return ENOENT;
  change({DirectoryOperation::Kind::kRemove, absolute(path), {}, nullptr});
  return 0;
}

int SimulatedDisk::sync_file(const std::string& path) {
  OpenFile file;
  if (const int error = open(path, Opening::kExisting, file); error != 0) return error;
  return sync(file);
}

int SimulatedDisk::sync_directory_of(const std::string& path) {
  // A directory's changes go through the file system's journal, which does not forget what it could
  // not write: after a failure they wait for the next sync.
  if (const int error = error_of(io_.begin(Io::kSyncDirectory)); error != 0) return error;
  if (options_.ignores_syncs) return 0;
  const std::string name = absolute(path);
  const std::string directory = name.substr(0, name.rfind('/') + 1);
  std::size_t synced = 0;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    if (unsynced_[i].path.starts_with(directory)) synced = i + 1;
  }
  for (std::size_t i = 0; i < synced; ++i) apply(unsynced_[i], durable_);
  unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(synced));
  ++changes_;
  return 0;
}

int SimulatedDisk::open(const std::string& path, Opening opening, OpenFile& file) {
  file = find(path);
  const bool is_new = file == nullptr && opening != Opening::kExisting;
  if (const int error = error_of(io_.begin(is_new ? Io::kCreate : Io::kOpen)); error != 0) {
    return error;
  }
  if (file == nullptr && !is_new) return ENOENT;
  if (file != nullptr && opening == Opening::kOnlyCreate) return EEXIST;
  if (is_new) {
    file = std::make_shared<SimulatedFile>();
    change({DirectoryOperation::Kind::kCreate, absolute(path), {}, file});
  }
  return 0;
}

int SimulatedDisk::read(const OpenFile& file, std::uint64_t offset, std::size_t bytes,
                        std::string_view& to) {
  if (const int error = error_of(io_.begin(Io::kRead)); error != 0) return error;
  to = file->read(offset, bytes);
  return 0;
}

int SimulatedDisk::write(const OpenFile& file, std::uint64_t offset, std::string_view data) {
  const std::optional<Fault> fault = io_.begin(Io::kWrite);
  if (fault.has_value() && *fault != Fault::kShortWrite) return error_of(fault);
  ++changes_;
  file->write(offset,
              fault.has_value() ? data.substr(0, bytes_of_short_write(offset, data.size())) : data);
  return error_of(fault);
}

int SimulatedDisk::truncate(const OpenFile& file, std::uint64_t bytes) {
  if (const int error = error_of(io_.begin(Io::kTruncate)); error != 0) return error;
  ++changes_;
  file->truncate(bytes);
  return 0;
}

int SimulatedDisk::sync(const OpenFile& file) {
  const bool is_off = io_.is_power_off();
  const std::optional<Fault> fault = io_.begin(Io::kSync);
  if (is_off) return EIO;
  if (options_.ignores_syncs && !fault.has_value()) return 0;
  ++changes_;
  if (fault.has_value()) {
    file->fail_sync(random_);
  } else {
    file->sync();
  }
  return error_of(fault);
}

int SimulatedDisk::size(const OpenFile& file, std::uint64_t& bytes) {
  bytes = file->bytes();
  return error_of(io_.begin(Io::kStatus));
}

bool SimulatedDisk::is_at(const OpenFile& file, const std::string& path) const {
  return find(path) == file;
}

void SimulatedDisk::check_invariants() const {
  Directory directory = durable_;
  for (const DirectoryOperation& operation : unsynced_) apply(operation, directory);
  ROLLCALL_ASSERT(directory == current_);
  for (const auto& [path, file] : current_) file->check_invariants();
  vfs_->check_invariants();
}

void SimulatedDisk::apply(const DirectoryOperation& operation, Directory& directory) {
  switch (operation.kind) {
    case DirectoryOperation::Kind::kCreate:
      directory[operation.path] = operation.file;
      return;
    case DirectoryOperation::Kind::kRename: {
      const OpenFile file = directory.at(operation.path);
      directory.erase(operation.path);
      directory[operation.to] = file;
      return;
    }
    case DirectoryOperation::Kind::kRemove:
      directory.erase(operation.path);
      return;
  }
}

// SQLite asks for absolute names, the store may not.
std::string SimulatedDisk::absolute(const std::string& path) {
  return path.starts_with('/') ? path : "/" + path;
}

SimulatedDisk::OpenFile SimulatedDisk::find(const std::string& path) const {
  const auto found = current_.find(absolute(path));
  return found == current_.end() ? nullptr : found->second;
}

void SimulatedDisk::change(DirectoryOperation operation) {
  ++changes_;
  apply(operation, current_);
  unsynced_.push_back(std::move(operation));
}

}  // namespace rollcall::tests
