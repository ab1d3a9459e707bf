// The registry as it grows, as everybody's lease ends at once, and as threads share it: not what a
// request costs on average, but what it costs at worst.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_support.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/seeded_random.h"

namespace rollcall::bench {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::Registry;
using engine::RegistryOptions;
using engine::Request;
using std::chrono::nanoseconds;

constexpr engine::Duration kStart = std::chrono::hours(1);

RegistryOptions options_for(std::size_t peers, std::size_t shards = 1) {
  RegistryOptions options;
  options.peers_max = peers;
  options.shards = shards;
  return options;
}

// Registers one peer, from its own host. Whether it succeeded.
bool register_peer(Registry& registry, std::size_t peer, const std::string& nick) {
  Request request;
  request.nick = nick;
  request.port = port_of(peer);
  Operation operation;
  operation.request = &request;
  registry.execute({&operation, 1}, host_of(peer), false, time_at(kStart), nullptr);
  return operation.outcome == Outcome::kSuccess;
}

// Peers that are new come one by one, each from a host of its own: what one takes on average, and
// the memory it takes, that of the listing's cache not included, which nobody has filled.
void BM_Registry_Grow(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  tests::SeededRandom random(1);
  std::size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    malloc_trim(0);
    const std::size_t before = resident_bytes();
    auto registry = std::make_unique<Registry>(options_for(peers), random);
    state.ResumeTiming();
    for (std::size_t peer = 0; peer < peers; ++peer) {
      if (!register_peer(*registry, peer, nick_of(peer))) state.SkipWithError("refused");
    }
    state.PauseTiming();
    bytes = resident_bytes() - before;
    if (registry->active() != peers) state.SkipWithError("a wrong number of peers");
    registry.reset();
    state.ResumeTiming();
  }
  state.counters["register"] = each_of(state, peers);
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(peers);
}
BENCHMARK(BM_Registry_Grow)->Apply(all_scales)->Unit(benchmark::kMillisecond)->Iterations(1);

// The same, for the one call that took longest, in processor time.
void BM_Registry_GrowLongestCall(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  tests::SeededRandom random(1);
  nanoseconds longest{};
  for (auto _ : state) {
    Registry registry(options_for(peers), random);
    for (std::size_t peer = 0; peer < peers; ++peer) {
      const std::string nick = nick_of(peer);
      const nanoseconds start = thread_time();
      const bool is_done = register_peer(registry, peer, nick);
      longest = std::max(longest, thread_time() - start);
      if (!is_done) state.SkipWithError("refused");
    }
  }
  state.counters["longest_us"] = in_microseconds(longest);
}
BENCHMARK(BM_Registry_GrowLongestCall)
    ->Apply(all_scales)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

// Everybody's lease ends at the same moment: the longest step of the sweep, and the processor time
// until the last is swept.
void BM_Registry_MassExpiry(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  tests::SeededRandom random(1);
  nanoseconds longest{};
  nanoseconds total{};
  std::size_t steps = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto registry = std::make_unique<Registry>(options_for(peers), random);
    for (std::size_t peer = 0; peer < peers; ++peer) register_peer(*registry, peer, nick_of(peer));
    const engine::Instant end = time_at(kStart).now + engine::limits::kDefaultTtl;
    registry->sweep(0, end - std::chrono::nanoseconds(1));
    if (registry->active() != peers) state.SkipWithError("somebody expired early");
    state.ResumeTiming();
    for (bool is_more = true; is_more; ++steps) {
      const nanoseconds start = thread_time();
      is_more = registry->sweep(0, end + engine::limits::kWheelSlot);
      const nanoseconds taken = thread_time() - start;
      longest = std::max(longest, taken);
      total += taken;
    }
    state.PauseTiming();
    if (registry->active() != 0) state.SkipWithError("somebody was not swept");
    registry.reset();
    state.ResumeTiming();
  }
  state.counters["longest_us"] = in_microseconds(longest);
  state.counters["total_ms"] = in_microseconds(total) / 1000;
  state.counters["steps"] = static_cast<double>(steps);
}
BENCHMARK(BM_Registry_MassExpiry)
    ->Apply([](benchmark::internal::Benchmark* b) {
      run_at(b, {1000, 1'000'000});
    })
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

// Renewals of random peers in batches of 64, as one engine's thread sends them.
class Renewals {
 public:
  Renewals(std::size_t peers, std::uint64_t seed) {
    std::mt19937_64 generator(seed);
    for (std::string& nick : nicks_) nick = nick_of(generator() % peers);
  }

  // Whether all succeeded.
  bool run(Registry& registry, const engine::HostAddress& host, std::size_t batches) {
    std::array<Request, engine::limits::kBatchRequestsMax> requests;
    std::array<Operation, engine::limits::kBatchRequestsMax> operations;
    bool is_done = true;
    for (std::size_t batch = 0; batch < batches; ++batch) {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        requests[i].method = engine::Method::kKeepAlive;
        requests[i].nick = nicks_[(batch * requests.size() + i) % nicks_.size()];
        operations[i].request = &requests[i];
      }
      registry.execute(operations, host, false, time_at(kStart), nullptr);
      for (const Operation& o : operations) is_done = is_done && o.outcome == Outcome::kSuccess;
    }
    return is_done;
  }

 private:
  std::array<std::string, 1 << 16> nicks_;
};

std::unique_ptr<Registry> filled_from_one_host(std::size_t peers, std::size_t shards,
                                               engine::RandomSource& random) {
  RegistryOptions options = options_for(peers, shards);
  options.peers_per_host_max = peers;
  auto registry = std::make_unique<Registry>(options, random);
  for (std::size_t peer = 0; peer < peers; ++peer) {
    const std::string nick = nick_of(peer);
    Request request;
    request.nick = nick;
    request.port = port_of(peer);
    Operation operation;
    operation.request = &request;
    registry->execute({&operation, 1}, host_of(0), false, time_at(kStart), nullptr);
  }
  return registry;
}

// Two threads at once, on one registry of eight shards or each on its own of four: processor time a
// renewal.
void run_two_threads(benchmark::State& state, std::size_t registries) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  const std::size_t batches = is_tiny() ? 10 : 20'000;
  tests::SeededRandom random(1);
  std::vector<std::unique_ptr<Registry>> each;
  for (std::size_t i = 0; i < registries; ++i) {
    each.push_back(filled_from_one_host(peers / registries, 8 / registries, random));
  }
  std::vector<Renewals> renewals;
  for (std::uint64_t i = 0; i < 2; ++i) renewals.emplace_back(peers / registries, i);
  std::atomic<std::int64_t> nanoseconds_taken{0};
  std::atomic<bool> is_done{true};
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        const nanoseconds start = thread_time();
        if (!renewals[i].run(*each[i % registries], host_of(0), batches)) is_done = false;
        nanoseconds_taken += (thread_time() - start).count();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  if (!is_done) state.SkipWithError("a wrong answer");
  const double requests = static_cast<double>(state.iterations()) * 2 *
                          static_cast<double>(batches * engine::limits::kBatchRequestsMax);
  state.counters["request_ns"] = static_cast<double>(nanoseconds_taken) / requests;
}

void BM_Registry_TwoThreadsOneRegistry(benchmark::State& state) { run_two_threads(state, 1); }
void BM_Registry_TwoThreadsOneEach(benchmark::State& state) { run_two_threads(state, 2); }

void shared_scales(benchmark::internal::Benchmark* benchmark) {
  run_at(benchmark, {1000, 1'000'000});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(is_tiny() ? 1 : 3);
}
BENCHMARK(BM_Registry_TwoThreadsOneRegistry)->Apply(shared_scales);
BENCHMARK(BM_Registry_TwoThreadsOneEach)->Apply(shared_scales);

}  // namespace
}  // namespace rollcall::bench
