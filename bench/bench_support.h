#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "apps/huge_page_memory.h"
#include "engine/host_address.h"
#include "engine/registry/registry.h"
#include "engine/time.h"

// What the benchmarks have in common: peers by number, and the clocks they are timed with.

namespace rollcall::bench {

// The tests run every benchmark once, as small as it gets, so that none can rot.
inline bool is_tiny() { return std::getenv("ROLLCALL_BENCH_TINY") != nullptr; }

// How many peers the benchmark has to do with, one run each.
inline void run_at(benchmark::internal::Benchmark* benchmark,
                   std::initializer_list<std::int64_t> peers) {
  for (const std::int64_t count : peers) {
    if (!is_tiny() || count <= 1000) benchmark->Arg(count);
  }
}

inline void all_scales(benchmark::internal::Benchmark* benchmark) {
  run_at(benchmark, {1000, 1'000'000, 10'000'000});
}

// Thirteen bytes.
inline std::string nick_of(std::size_t peer) {
  const std::string digits = std::to_string(peer);
  return "peer-" + std::string(8 - digits.size(), '0') + digits;
}

// Another one for each peer.
inline engine::HostAddress host_of(std::size_t peer) {
  const auto n = static_cast<std::uint32_t>(peer * 2'654'435'761U);
  return engine::HostAddress::v4(static_cast<std::uint8_t>(n >> 24),
                                 static_cast<std::uint8_t>(n >> 16),
                                 static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n));
}

inline std::uint16_t port_of(std::size_t peer) {
  return static_cast<std::uint16_t>(1024 + peer % 60'000);
}

// 35 or 36 bytes.
inline std::string register_text(std::size_t peer) {
  return "Register P2Pv1\n\n" + nick_of(peer) + "\n" + std::to_string(port_of(peer)) + "\n";
}

struct RegistryMemory {
  apps::HugePageMemory memory;
};
// A registry in memory of its own, as the server has it. That is a base, so that it outlives the
// other one.
class ServedRegistry : RegistryMemory, public engine::Registry {
 public:
  ServedRegistry(const engine::RegistryOptions& options, engine::RandomSource& random)
      : Registry(options, random, memory) {}
};

inline engine::Time time_at(engine::Duration since_start) {
  return {engine::Instant(since_start),
          engine::WallTime(std::chrono::seconds(1'700'000'000) +
                           std::chrono::floor<std::chrono::seconds>(since_start))};
}

// Processor time of this thread: what a call cost, whoever else wants the processor meanwhile.
inline std::chrono::nanoseconds thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

inline double in_microseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// The process's memory that is there at present, in bytes.
inline std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::size_t resident_pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%zu %zu", &pages, &resident_pages) != 2) std::abort();
    std::fclose(file);
  }
  constexpr std::size_t kPageBytes = 4096;
  return resident_pages * kPageBytes;
}

// Divides what a benchmark took among `operations` of each of its iterations.
inline benchmark::Counter each_of(const benchmark::State& state, std::size_t operations) {
  return benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(operations),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace rollcall::bench
