// The store: what a commit costs with its sync, what group commit adds to a change, and how fast a
// file is read. Files are below $TMPDIR.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bench/bench_support.h"
#include "engine/registry/registry.h"
#include "store/group_commit.h"
#include "store/journal.h"
#include "store/record.h"
#include "store/recovery.h"
#include "store/sqlite_store.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::bench {
namespace {

using std::chrono::milliseconds;
using store::Result;
using store::SqliteStore;

const store::ClockReading kClocks{engine::Instant(std::chrono::hours(100)),
                                  store::WallInstant(std::chrono::days(20'000))};

// ---- Peers ----

constexpr std::size_t kNickBytes = 13;

// `nick` is where its name is kept.
engine::Change change_of(std::uint64_t peer, std::string& nick) {
  const std::string digits = std::to_string(peer);
  nick = "peer-" + std::string(kNickBytes - 5 - digits.size(), '0') + digits;
  const auto host = static_cast<std::uint32_t>(peer / 4 * 2'654'435'761U);
  engine::Change change;
  change.nick = nick;
  change.host = engine::HostAddress::v4(
      static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>(host >> 16),
      static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host));
  change.port = static_cast<std::uint16_t>(1024 + peer % 60'000);
  change.active = true;
  change.deadline = kClocks.now + milliseconds(1 + peer * 7919 % 7'200'000);
  change.activity_bits = 1;
  change.activity_day = 20'000;
  return change;
}

void pack_peers(std::uint64_t first, std::uint64_t last, std::string& to) {
  const store::LeaseClock clock(kClocks, milliseconds(0));
  std::string nick;
  for (; first < last; ++first) store::pack(store::record_of(change_of(first, nick), clock), to);
}

class Peers final : public store::EntrySource {
 public:
  explicit Peers(std::uint64_t count) : count_(count) {}

  bool read(Position& position, std::size_t entries_max, std::string& packed) override {
    const std::uint64_t end = std::min<std::uint64_t>(count_, position.entry + entries_max);
    pack_peers(position.entry, end, packed);
    position.entry = static_cast<std::uint32_t>(end);
    return end < count_;
  }

 private:
  const std::uint64_t count_;
};

// ---- Files ----

class DataFile {
 public:
  // Null where it cannot be opened.
  std::unique_ptr<SqliteStore> open() const {
    auto opened = SqliteStore::open(directory_.path() + "/peers.db", {});
    if (std::holds_alternative<store::OpenError>(opened)) return nullptr;
    return std::get<0>(std::move(opened));
  }
  // What is to be appended to.
  std::unique_ptr<SqliteStore> open_to_append() const {
    auto store = open();
    if (store == nullptr || load(*store) == kUnreadable) return nullptr;
    return store;
  }

  // Writes this list, and closes it.
  bool write(store::EntrySource& entries) const {
    const auto store = open_to_append();
    return store != nullptr && store->replace(entries, milliseconds(0)) == Result::kDone;
  }

  static constexpr std::uint64_t kUnreadable = ~std::uint64_t{0};
  // Records that are loaded.
  static std::uint64_t load(SqliteStore& store) {
    std::uint64_t bytes = 0;
    const auto loaded = store.load([&bytes](milliseconds, std::string_view packed) {
      bytes += packed.size();
      return true;
    });
    std::string one;
    pack_peers(0, 1, one);
    return loaded.result == Result::kDone ? bytes / one.size() : kUnreadable;
  }

 private:
  tests::TemporaryDirectory directory_;
};

Result commit(SqliteStore& store, std::string_view batch, store::EntrySource& entries) {
  bool more = false;
  Result result = store.maintain(entries, more);
  if (result == Result::kDone) result = store.append(batch);
  if (result == Result::kDone) result = store.sync();
  return result;
}

void report(benchmark::State& state, const char* unit, std::uint64_t units) {
  state.counters[unit] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(units),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void report_allocations(benchmark::State& state, const tests::AllocationCounter& counter) {
  state.counters["allocations"] =
      static_cast<double>(counter.count()) / static_cast<double>(state.iterations());
}

// Whether a batch that was committed is found again.
bool keeps(const std::string& batch, std::uint64_t records) {
  const DataFile file;
  Peers entries(records);
  {
    const auto store = file.open_to_append();
    if (store == nullptr || commit(*store, batch, entries) != Result::kDone) return false;
  }
  const auto store = file.open();
  return store != nullptr && DataFile::load(*store) == records;
}

// One commit: a batch, a step of maintenance, a sync. A batch is of peers that follow each other
// among 100,000.
void BM_Store_Append(benchmark::State& state) {
  constexpr std::uint64_t kPeers = 100'000;
  const auto records = static_cast<std::uint64_t>(state.range(0));
  std::string batch;
  pack_peers(0, records, batch);
  Peers entries(kPeers);
  if (!keeps(batch, records)) return state.SkipWithError("another list");
  const DataFile file;
  const auto store = file.open_to_append();
  const tests::AllocationCounter allocations;
  std::uint64_t first = 0;
  for (auto _ : state) {
    state.PauseTiming();
    batch.clear();
    pack_peers(first, first + records, batch);
    first = (first + records) % (kPeers - records);
    state.ResumeTiming();
    if (commit(*store, batch, entries) != Result::kDone) return state.SkipWithError("not durable");
  }
  report_allocations(state, allocations);
  report(state, "record", records);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
}

// Opening a file that holds a list, and reading it.
void BM_Store_Load(benchmark::State& state) {
  const auto peers = static_cast<std::uint64_t>(state.range(0));
  const DataFile file;
  Peers entries(peers);
  if (!file.write(entries)) return state.SkipWithError("cannot be written");
  for (auto _ : state) {
    const auto store = file.open();
    if (store == nullptr || DataFile::load(*store) != peers)
      return state.SkipWithError("a wrong list");
  }
  report(state, "entry", peers);
}

// The same into a registry, as a server starts.
void BM_Recovery(benchmark::State& state) {
  const auto peers = static_cast<std::uint64_t>(state.range(0));
  const DataFile file;
  Peers entries(peers);
  if (!file.write(entries)) return state.SkipWithError("cannot be written");
  tests::SeededRandom random(1);
  const engine::RegistryOptions options;
  for (auto _ : state) {
    const auto store = file.open();
    auto registry = std::make_unique<ServedRegistry>(options, random);
    const auto recovered = store::recover(
        *store, *registry, [] { return kClocks; }, nullptr);
    state.PauseTiming();
    if (recovered.outcome != store::RecoveryOutcome::kDone || registry->active() != peers) {
      return state.SkipWithError("a wrong list");
    }
    registry.reset();
    state.ResumeTiming();
  }
  report(state, "entry", peers);
}

// ---- Group commit ----

// A store that takes time for nothing, and keeps the last batch.
class Taking final : public store::Store {
 public:
  store::Loaded load(const Visit&) override { return {}; }
  Result append(std::string_view batch) override {
    last.assign(batch);
    return Result::kDone;
  }
  Result set_wall_offset(milliseconds) override { return Result::kDone; }
  Result maintain(store::EntrySource&, bool& more) override {
    more = false;
    return Result::kDone;
  }
  Result sync() override { return Result::kDone; }
  Result replace(store::EntrySource&, milliseconds) override { return Result::kDone; }

  std::string last;
};

// What an engine's thread pays for a change, and the store's thread for gathering it: batches of so
// many changes, of whole entries or renewals at one moment.
void BM_GroupCommit_Append(benchmark::State& state) {
  const auto changes = static_cast<std::uint64_t>(state.range(0));
  Taking store;
  Peers entries(0);
  store::GroupCommit group({}, store, entries, store::LeaseClock(kClocks, milliseconds(0)));
  std::vector<std::string> nicks(changes);
  std::vector<engine::Change> batch;
  for (std::uint64_t i = 0; i < changes; ++i) {
    batch.push_back(change_of(i, nicks[i]));
    if (state.range(1) == 0) continue;
    batch.back().extent = engine::Extent::kRegistration;
    batch.back().deadline = kClocks.now + std::chrono::hours(2);
  }
  const auto run = [&] {
    for (const engine::Change& change : batch) group.append(change);
    benchmark::DoNotOptimize(group.ticket());
    group.gather();
    return group.commit(kClocks).verdict;
  };
  std::string expected;
  store::JournalPacker packer;
  const store::LeaseClock clock(kClocks, milliseconds(0));
  for (const engine::Change& change : batch) {
    packer.pack(store::record_of(change, clock), expected);
  }
  if (run() != engine::Verdict::kDurable || store.last != expected) {
    return state.SkipWithError("another batch");
  }
  const tests::AllocationCounter allocations;
  for (auto _ : state) run();
  report_allocations(state, allocations);
  report(state, "change", changes);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(expected.size()));
}

bool is_tiny() { return std::getenv("ROLLCALL_BENCH_TINY") != nullptr; }

void batches(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1);
  if (!is_tiny()) benchmark->Arg(64)->Arg(1000)->Arg(10'000);
}
void kinds_of_batches(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"changes", "renewals"})->Args({1, 0})->Args({1, 1});
  if (!is_tiny()) benchmark->Args({64, 0})->Args({64, 1})->Args({10'000, 0})->Args({10'000, 1});
}
void peers(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
  if (is_tiny()) {
    benchmark->Arg(1000);
  } else {
    benchmark->Arg(100'000)->Arg(1'000'000);
  }
}
BENCHMARK(BM_Store_Append)->Apply(batches)->UseRealTime();
BENCHMARK(BM_Store_Load)->Apply(peers);
BENCHMARK(BM_Recovery)->Apply(peers);
BENCHMARK(BM_GroupCommit_Append)->Apply(kinds_of_batches);

}  // namespace
}  // namespace rollcall::bench
