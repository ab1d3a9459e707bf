// The registry as it grows, as everybody's lease ends at once, and as threads share it: not what a
// request costs on average, but what it costs at worst.

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench_support.h"
#include "engine/engine.h"
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

RegistryOptions options_for(std::size_t peers) {
  RegistryOptions options;
  options.peers_max = peers;
  return options;
}

// Whether it succeeded.
bool register_peer(Registry& registry, std::size_t peer, const engine::HostAddress& host,
                   const std::string& nick) {
  Request request;
  request.nick = nick;
  request.port = port_of(peer);
  Operation operation{&request, &host};
  registry.execute({&operation, 1}, false, time_at(kStart), nullptr);
  return operation.outcome == Outcome::kSuccess;
}

// Registers of peers that follow each other, each from a host of its own.
class Registers {
 public:
  static constexpr std::size_t kMax = 1024;

  std::span<Operation> about(std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      nicks_[i] = nick_of(first + i);
      hosts_[i] = host_of(first + i);
      requests_[i].nick = nicks_[i];
      requests_[i].port = port_of(first + i);
      operations_[i] = {.request = &requests_[i], .from = &hosts_[i]};
    }
    return std::span(operations_).first(count);
  }

 private:
  std::array<std::string, kMax> nicks_;
  std::array<engine::HostAddress, kMax> hosts_;
  std::array<Request, kMax> requests_;
  std::array<Operation, kMax> operations_;
};

// Peers that are new come, so many at a time: what one takes on average, and the memory it takes,
// that of the listing's cache not included, which nobody has filled.
void BM_Registry_Grow(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  const auto batch = static_cast<std::size_t>(state.range(1));
  tests::SeededRandom random(1);
  auto registers = std::make_unique<Registers>();
  std::size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    malloc_trim(0);
    const std::size_t before = resident_bytes();
    auto registry = std::make_unique<ServedRegistry>(options_for(peers), random);
    for (std::size_t first = 0; first < peers; first += Registers::kMax) {
      std::span<Operation> left = registers->about(first, std::min(peers - first, Registers::kMax));
      state.ResumeTiming();
      while (!left.empty()) {
        const std::size_t count = std::min(batch, left.size());
        registry->execute(left.first(count), false, time_at(kStart), nullptr);
        left = left.subspan(count);
      }
      state.PauseTiming();
    }
    bytes = resident_bytes() - before;
    if (registry->active() != peers) state.SkipWithError("a wrong number of peers");
    registry.reset();
    state.ResumeTiming();
  }
  state.counters["register"] = each_of(state, peers);
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(peers);
}
BENCHMARK(BM_Registry_Grow)
    ->Apply([](benchmark::internal::Benchmark* b) {
      for (const std::int64_t peers : {1000, 1'000'000, 10'000'000}) {
        if (is_tiny() && peers > 1000) continue;
        for (const std::int64_t batch : {1, 64}) b->Args({peers, batch});
      }
    })
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

// One at a time, the call that takes longest, in processor time. All is done three times in the
// same way, and the least time of a call counts: what else the machine does is no part of it.
void BM_Registry_GrowLongestCall(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  std::vector<nanoseconds> least(peers, nanoseconds::max());
  for (auto _ : state) {
    tests::SeededRandom random(1);
    ServedRegistry registry(options_for(peers), random);
    for (std::size_t peer = 0; peer < peers; ++peer) {
      const std::string nick = nick_of(peer);
      const nanoseconds start = thread_time();
      const bool is_done = register_peer(registry, peer, host_of(peer), nick);
      least[peer] = std::min(least[peer], thread_time() - start);
      if (!is_done) state.SkipWithError("refused");
    }
  }
  state.counters["longest_us"] = in_microseconds(std::ranges::max(least));
}
BENCHMARK(BM_Registry_GrowLongestCall)
    ->Apply(all_scales)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3);

// Cache lines in random order, each of which names the next, in huge pages where the system has
// them.
class LinesInRandomOrder {
 public:
  struct alignas(64) Line {
    Line* next;
  };

  explicit LinesInRandomOrder(std::size_t count) : order_(count) {
    constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
    const std::size_t bytes = (count * sizeof(Line) / kHugePageBytes + 1) * kHugePageBytes;
    memory_.reset(std::aligned_alloc(kHugePageBytes, bytes));
    madvise(memory_.get(), bytes, MADV_HUGEPAGE);
    const std::span all(static_cast<Line*>(memory_.get()), count);
    for (std::size_t i = 0; i < count; ++i) order_[i] = &all[i];
    std::ranges::shuffle(order_, std::mt19937_64(1));
    for (std::size_t i = 0; i < count; ++i) order_[i]->next = order_[(i + 1) % count];
  }

  std::span<Line* const> order() const { return order_; }

 private:
  std::unique_ptr<void, decltype(&std::free)> memory_{nullptr, &std::free};
  std::vector<Line*> order_;
};

// What a request waits for at least if it needs a cache line that it cannot know beforehand: one
// read after the other, of so many lines.
void BM_Memory_Wait(benchmark::State& state) {
  const LinesInRandomOrder lines(static_cast<std::size_t>(state.range(0)));
  const LinesInRandomOrder::Line* line = lines.order()[0];
  for (auto _ : state) benchmark::DoNotOptimize(line = line->next);
}
BENCHMARK(BM_Memory_Wait)->Apply([](benchmark::internal::Benchmark* b) {
  // In near caches; as much as the index of 10,000,000 peers; as all about them.
  run_at(b, {1000, 2'000'000, 16'000'000});
});

// What it is worth to ask for so many lines at once, of as many as the index of 1,000,000 peers
// has: what reading them takes after all have had the time to come, the clock included. A processor
// drops what it is asked for while it waits for too many.
void BM_Memory_AskedForAtOnce(benchmark::State& state) {
  constexpr std::size_t kLines = 250'000;
  constexpr std::chrono::microseconds kTimeToCome{3};
  using Clock = std::chrono::steady_clock;
  const LinesInRandomOrder lines(kLines);
  const auto at_once = static_cast<std::size_t>(state.range(0));
  std::size_t first = 0;
  for (auto _ : state) {
    if (first + at_once > kLines) first = 0;
    const auto asked = lines.order().subspan(first, at_once);
    first += at_once;
    for (const auto* line : asked) __builtin_prefetch(line);
    const Clock::time_point come = Clock::now() + kTimeToCome;
    while (Clock::now() < come) {
    }
    const Clock::time_point start = Clock::now();
    const LinesInRandomOrder::Line* line = asked[0];
    for (std::size_t i = 0; i < at_once; ++i) line = line->next;
    benchmark::DoNotOptimize(line);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
  }
  state.counters["line"] = each_of(state, at_once);
}
BENCHMARK(BM_Memory_AskedForAtOnce)
    ->Arg(8)
    ->Arg(16)
    ->Arg(32)
    ->Arg(64)
    ->UseManualTime()
    ->Iterations(100'000);

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
    auto registry = std::make_unique<ServedRegistry>(options_for(peers), random);
    for (std::size_t peer = 0; peer < peers; ++peer) {
      register_peer(*registry, peer, host_of(peer), nick_of(peer));
    }
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

// One of two engines on a registry or the only one, and a session from which renewals of random
// peers come in batches of 64.
class Renewing {
 public:
  Renewing(Registry& registry, const engine::EngineOptions& options, std::size_t peers,
           engine::RandomSource& random)
      : engine_(registry, options, random), session_(engine_.open(host_of(0), time_at(kStart))) {
    std::mt19937_64 generator(options.index);
    for (std::string& batch : batches_) {
      for (std::size_t i = 0; i < engine::limits::kBatchRequestsMax; ++i) {
        batch += register_text(generator() % peers);
      }
    }
  }

  // Whether all succeeded.
  bool run(std::size_t batches) {
    const std::uint64_t before = succeeded();
    for (std::size_t batch = 0; batch < batches; ++batch) {
      const std::string& text = batches_[batch % batches_.size()];
      out_.clear();
      engine_.receive(session_, std::as_bytes(std::span(text)), time_at(kStart), out_);
    }
    return succeeded() - before == batches * engine::limits::kBatchRequestsMax;
  }

 private:
  std::uint64_t succeeded() const {
    return engine_.counters().answers[static_cast<std::size_t>(Outcome::kSuccess)];
  }

  engine::Engine engine_;
  engine::SessionId session_;
  std::array<std::string, 1024> batches_;
  engine::OutputBuffer out_;
};

std::unique_ptr<ServedRegistry> filled_from_one_host(std::size_t peers,
                                                     engine::RandomSource& random) {
  // Room enough that no limit is near.
  RegistryOptions options = options_for(2 * peers);
  options.peers_per_host_max = 2 * peers;
  auto registry = std::make_unique<ServedRegistry>(options, random);
  for (std::size_t peer = 0; peer < peers; ++peer) {
    register_peer(*registry, peer, host_of(0), nick_of(peer));
  }
  return registry;
}

// Two threads at once, each with an engine, on one registry or each on its own. All are of one
// shard, as those of a server with two threads: processor time a renewal.
void run_two_threads(benchmark::State& state, std::size_t registries) {
  const std::size_t peers = static_cast<std::size_t>(state.range(0)) / registries;
  const std::size_t batches = is_tiny() ? 10 : 20'000;
  tests::SeededRandom random(1);
  std::vector<std::unique_ptr<ServedRegistry>> each;
  for (std::size_t i = 0; i < registries; ++i) {
    each.push_back(filled_from_one_host(peers, random));
  }
  std::vector<std::unique_ptr<Renewing>> renewing;
  for (unsigned i = 0; i < 2; ++i) {
    engine::EngineOptions options;
    if (registries == 1) {
      options.index = i;
      options.count = 2;
    }
    renewing.push_back(std::make_unique<Renewing>(*each[i % registries], options, peers, random));
  }
  std::atomic<std::int64_t> nanoseconds_taken{0};
  std::atomic<bool> is_done{true};
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (const auto& one : renewing) {
      threads.emplace_back([&] {
        const nanoseconds start = thread_time();
        if (!one->run(batches)) is_done = false;
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

void BM_Engine_TwoThreadsOneRegistry(benchmark::State& state) { run_two_threads(state, 1); }
void BM_Engine_TwoThreadsOneEach(benchmark::State& state) { run_two_threads(state, 2); }

void shared_scales(benchmark::internal::Benchmark* benchmark) {
  run_at(benchmark, {1000, 1'000'000});
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(is_tiny() ? 1 : 3);
}
BENCHMARK(BM_Engine_TwoThreadsOneRegistry)->Apply(shared_scales);
BENCHMARK(BM_Engine_TwoThreadsOneEach)->Apply(shared_scales);

}  // namespace
}  // namespace rollcall::bench
