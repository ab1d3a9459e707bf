// The registry without an engine: how fast a list comes back after a crash.

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/bench_support.h"
#include "engine/registry/registry.h"
#include "tests/support/seeded_random.h"

namespace rollcall::bench {
namespace {

using engine::Change;
using engine::Instant;
using engine::limits::kBatchRequestsMax;

constexpr Instant kNow{std::chrono::hours(100)};

// Entries as a store keeps them: hosts of some peers each, leases that end one after the other.
class Entries {
 public:
  explicit Entries(std::size_t count) : nicks_(count * kNickBytes) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string digits = std::to_string(i);
      const std::string nick = "peer-" + std::string(8 - digits.size(), '0') + digits;
      nick.copy(&nicks_[i * kNickBytes], kNickBytes);
    }
  }

  void fill(std::size_t first, std::span<Change> batch) const {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::size_t peer = first + i;
      Change& change = batch[i];
      change.nick = {&nicks_[peer * kNickBytes], kNickBytes};
      const std::uint32_t host = static_cast<std::uint32_t>(peer / 4 * 2'654'435'761U);
      change.host = engine::HostAddress::v4(
          static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>(host >> 16),
          static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host));
      change.port = static_cast<std::uint16_t>(1024 + peer % 60'000);
      change.active = true;
      change.deadline = kNow + std::chrono::milliseconds(1 + peer * 7919 % 7'200'000);
      change.activity_bits = 1;
      change.activity_day = 20'000;
    }
  }

 private:
  static constexpr std::size_t kNickBytes = 13;
  std::vector<char> nicks_;
};

void BM_Registry_Restore(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  const Entries entries(peers);
  tests::SeededRandom random(1);
  engine::RegistryOptions options;
  options.shards = static_cast<std::size_t>(state.range(1));
  for (auto _ : state) {
    state.PauseTiming();
    auto registry = std::make_unique<ServedRegistry>(options, random);
    state.ResumeTiming();
    engine::RestoreCounts counts;
    std::array<Change, kBatchRequestsMax> batch;
    for (std::size_t first = 0; first < peers; first += batch.size()) {
      const std::size_t size = std::min(batch.size(), peers - first);
      entries.fill(first, std::span(batch.data(), size));
      registry->restore(std::span(batch.data(), size), kNow, counts);
    }
    const engine::RestoreOutcome outcome = registry->finish_restore();
    state.PauseTiming();
    if (outcome != engine::RestoreOutcome::kDone || registry->active() != peers) {
      state.SkipWithError("a wrong list");
    }
    registry.reset();
    state.ResumeTiming();
  }
  state.counters["entry"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void scales(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->ArgNames({"", "shards"});
  if (std::getenv("ROLLCALL_BENCH_TINY") != nullptr) {
    benchmark->Args({1000, 1})->Args({1000, 8});
  } else {
    for (const int shards : {1, 8})
      benchmark->Args({1'000'000, shards})->Args({10'000'000, shards});
  }
}
BENCHMARK(BM_Registry_Restore)->Apply(scales);

}  // namespace
}  // namespace rollcall::bench
