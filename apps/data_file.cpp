#include "apps/data_file.h"

#include <sysexits.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <system_error>
#include <utility>

#include "apps/clocks.h"
#include "apps/printable.h"
#include "apps/record_json.h"
#include "apps/system_random.h"
#include "engine/assert.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "store/record.h"
#include "store/registry_entries.h"

namespace rollcall::apps {
namespace {

namespace limits = engine::limits;
using store::SqliteStore;
using WhenMissing = SqliteStore::WhenMissing;

// Entries that are read out of the registry at a time.
constexpr std::size_t kEntriesAtATime = 1024;

// A file is read whole, whatever the limits are of the server that wrote it.
engine::RegistryOptions widest_limits() {
  engine::RegistryOptions options;
  options.ttl = limits::kTtlMax;
  options.peers_max = limits::kPeersMax;
  options.inactive_max = limits::kPeersMax;
  return options;
}

int exit_status_of(store::OpenError::Kind kind) {
  using Kind = store::OpenError::Kind;
  switch (kind) {
    case Kind::kCorrupt:
      return EX_DATAERR;
    case Kind::kInUse:
      return EX_UNAVAILABLE;
    case Kind::kMissing:
      return EX_NOINPUT;
    case Kind::kExists:
    case Kind::kMissingDirectory:
    case Kind::kFull:
      return EX_CANTCREAT;
    case Kind::kNoPermission:
      return EX_NOPERM;
    case Kind::kIo:
      return EX_IOERR;
  }
  __builtin_unreachable();
}

// SQLite names a database's WAL after what a symbolic link leads to, and the store has to as well.
std::string followed(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

Failure refusal_of(const store::OpenError& error) {
  return {exit_status_of(error.kind), printable(error.message)};
}

int fail(const Failure& failure) {
  std::cerr << "rollcalld: " + failure.line + '\n';
  return failure.status;
}

std::string counts_text(std::uint64_t active, std::uint64_t inactive) {
  return std::to_string(active) + " active and " + std::to_string(inactive) + " inactive peers";
}

// A data file's entries, read into a registry.
class LoadedFile {
 public:
  // Empty if it was read.
  std::optional<Failure> load(const std::string& path) {
    auto opened = open_data_file(path, WhenMissing::kRefuse);
    if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
    store_ = std::get<std::unique_ptr<SqliteStore>>(std::move(opened));
    recovered_ = store::recover(*store_, registry_, read_clocks, {}, store::RecoveryPurpose::kRead);
    return failure_of(*recovered_, path, *store_);
  }

  const store::Recovered& recovered() const { return *recovered_; }

  // Hands over each entry.
  template <typename Visit>
  void for_each(Visit visit) const {
    store::RegistryEntries entries(registry_, recovered_->clock);
    store::EntrySource::Position position;
    for (bool is_more = true; is_more;) {
      std::string packed;
      is_more = entries.read(position, kEntriesAtATime, packed);
      std::string_view rest = packed;
      while (const auto record = store::unpack(rest)) visit(*record);
    }
  }

 private:
  SystemRandom random_;
  engine::Registry registry_{widest_limits(), random_};
  std::unique_ptr<SqliteStore> store_;
  std::optional<store::Recovered> recovered_;
};

// Puts the records of many lines into a registry, a batch at a time.
class Importer {
 public:
  explicit Importer(engine::Registry& registry)
      : registry_(registry), reading_(read_clocks()), clock_(reading_, {}) {}

  const store::LeaseClock& clock() const { return clock_; }

  void add(OwnedRecord owned) {
    owned.record.nick = {};
    records_[size_++] = std::move(owned);
    if (size_ == records_.size()) restore();
  }

  // What there is then.
  engine::RegistryCounters finish() {
    restore();
    // No file holds as many as kPeersMax.
    ROLLCALL_ASSERT(registry_.finish_restore() == engine::RestoreOutcome::kDone);
    return registry_.counters();
  }

 private:
  void restore() {
    std::array<engine::Change, limits::kBatchRequestsMax> changes;
    for (std::size_t i = 0; i < size_; ++i) {
      records_[i].record.nick = records_[i].nick;
      changes[i] = store::change_of(records_[i].record, clock_);
    }
    registry_.restore(std::span(changes).first(size_), reading_.now, counts_);
    size_ = 0;
  }

  engine::Registry& registry_;
  const store::ClockReading reading_;
  const store::LeaseClock clock_;
  std::array<OwnedRecord, limits::kBatchRequestsMax> records_;
  std::size_t size_ = 0;
  engine::RestoreCounts counts_;
};

// What was written on standard output leaves. The exit status.
int end_output() {
  std::cout << std::flush;
  return std::cout ? EX_OK : fail({EX_IOERR, "standard output cannot be written"});
}

// Empty if every line of standard input is an entry.
std::optional<Failure> read_lines(Importer& importer) {
  std::string line;
  for (std::uint64_t number = 1; std::getline(std::cin, line); ++number) {
    auto parsed = parse_record_json(line);
    if (const auto* reason = std::get_if<std::string>(&parsed)) {
      return Failure{EX_DATAERR, "line " + std::to_string(number) + ": " + *reason};
    }
    importer.add(std::get<OwnedRecord>(std::move(parsed)));
  }
  if (std::cin.bad() || std::ferror(stdin) != 0) {
    return Failure{EX_IOERR, "standard input cannot be read"};
  }
  return std::nullopt;
}

}  // namespace

std::variant<std::unique_ptr<SqliteStore>, Failure> open_data_file(const std::string& path,
                                                                   WhenMissing when_missing) {
  SqliteStore::Options options;
  options.when_missing = when_missing;
  auto opened = SqliteStore::open(followed(path), options);
  if (const auto* error = std::get_if<store::OpenError>(&opened)) {
    return refusal_of(*error);
  }
  return std::get<std::unique_ptr<SqliteStore>>(std::move(opened));
}

std::optional<Failure> failure_of(const store::Recovered& recovered, const std::string& path,
                                  const SqliteStore& store) {
  switch (recovered.outcome) {
    case store::RecoveryOutcome::kDone:
      return std::nullopt;
    case store::RecoveryOutcome::kStoreFailed:
      return refusal_of(store.error());
    case store::RecoveryOutcome::kDamaged:
      return Failure{EX_DATAERR, printable(path) +
                                     " is damaged: an entry is none that a server "
                                     "writes; restore the file from a copy, or move "
                                     "it away to begin with an empty list"};
    case store::RecoveryOutcome::kTooManyPeers:
      return Failure{EX_CONFIG, printable(path) + " holds " + std::to_string(recovered.active) +
                                    " active peers, more than --peers-max allows"};
  }
  __builtin_unreachable();
}

int check_data_file(const std::string& path) {
  LoadedFile file;
  if (const auto failure = file.load(path)) return fail(*failure);
  const store::Recovered& found = file.recovered();
  std::cout << printable(path) + " is sound: " + counts_text(found.active, found.inactive) +
                   ", in " + std::to_string(found.records) + " records\n";
  return end_output();
}

int export_data_file(const std::string& path, bool with_cookies) {
  LoadedFile file;
  if (const auto failure = file.load(path)) return fail(*failure);
  const std::chrono::milliseconds offset = file.recovered().clock.wall_offset();
  file.for_each(
      [&](const store::Record& record) { std::cout << record_json(record, offset, with_cookies); });
  return end_output();
}

int import_data_file(const std::string& path) {
  SystemRandom random;
  engine::Registry registry(widest_limits(), random);
  Importer importer(registry);
  if (const auto failure = read_lines(importer)) return fail(*failure);
  const engine::RegistryCounters found = importer.finish();

  store::RegistryEntries entries(registry, importer.clock());
  const auto error = SqliteStore::make(followed(path), {}, entries, importer.clock().wall_offset());
  if (error.has_value()) return fail(refusal_of(*error));
  std::cout << printable(path) + " holds " + counts_text(found.active, found.inactive);
  if (found.forgotten > 0) {
    std::cout << "; " + std::to_string(found.forgotten) +
                     " that were inactive for too long are left out";
  }
  std::cout << '\n';
  return end_output();
}

}  // namespace rollcall::apps
