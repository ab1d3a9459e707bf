// The engine without any transport: what a request costs, from bytes to bytes.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "bench/bench_support.h"
#include "engine/engine.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/seeded_random.h"

namespace rollcall::bench {
namespace {

using engine::HostAddress;
using engine::OutputBuffer;
using engine::Time;
using tests::AllocationCounter;
using tests::SeededRandom;

constexpr std::size_t kBatch = engine::limits::kBatchRequestsMax;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

engine::RegistryOptions registry_options(std::size_t peers) {
  engine::RegistryOptions options;
  options.peers_max = std::max<std::size_t>(peers, 1);
  options.peers_per_host_max = peers;
  return options;
}

// A registry of `peers` peers that registered from one host, as behind one connection.
class Fixture {
 public:
  explicit Fixture(std::size_t peers)
      : peers_(peers),
        registry_(registry_options(peers), random_),
        engine_(registry_, {}, random_) {
    session_ = engine_.open(host_, time_at({}));
    for (std::size_t peer = 0; peer < peers; ++peer) receive(register_text(peer));
  }

  // Batches of requests about random peers; `text_of` gives the one about a peer.
  template <typename TextOf>
  std::vector<std::string> batches(TextOf text_of) {
    std::mt19937_64 generator(7);
    std::vector<std::string> batches(4096);
    for (std::string& batch : batches) {
      for (std::size_t i = 0; i < kBatch; ++i) batch += text_of(generator() % peers_);
    }
    return batches;
  }

  // The answer to `text`. Valid until the next call.
  std::string_view receive(const std::string& text) {
    out_.clear();
    const Time time = time_at(std::chrono::seconds(1));
    if (engine_.receive(session_, bytes_of(text), time, out_) != text.size()) std::abort();
    return out_.view();
  }

 private:
  std::size_t peers_;
  SeededRandom random_{1};
  HostAddress host_ = HostAddress::v4(10, 0, 0, 1);
  ServedRegistry registry_;
  engine::Engine engine_;
  engine::SessionId session_{};
  OutputBuffer out_;
};

// Times batches whose every request has this answer. The answers are checked, and that none of the
// requests allocates, before anything is timed.
void run_batches(benchmark::State& state, Fixture& fixture, const std::vector<std::string>& batches,
                 std::string_view answer) {
  std::string expected;
  for (std::size_t i = 0; i < kBatch; ++i) expected += answer;
  fixture.receive(batches[0]);  // the output buffer grows to its size
  const AllocationCounter allocations;
  for (const std::string& batch : batches) {
    if (fixture.receive(batch) != expected) return state.SkipWithError("a wrong answer");
  }
  if (allocations.count() > 0) return state.SkipWithError("a request allocates");

  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(fixture.receive(batches[next]));
    if (++next == batches.size()) next = 0;
  }
  state.counters["request"] = each_of(state, kBatch);
}

void BM_Engine_RegisterRenewal(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  Fixture fixture(peers);
  run_batches(state, fixture, fixture.batches(register_text), "Response 20 P2Pv1\n\nSuccess\n");
}

void BM_Engine_KeepAlive(benchmark::State& state) {
  Fixture fixture(static_cast<std::size_t>(state.range(0)));
  const auto text_of = [](std::size_t peer) {
    return "KeepAlive P2Pv1\n\n" + nick_of(peer) + "\n";
  };
  run_batches(state, fixture, fixture.batches(text_of), "Response 20 P2Pv1\n\nSuccess\n");
}

BENCHMARK(BM_Engine_RegisterRenewal)->Apply(all_scales);
BENCHMARK(BM_Engine_KeepAlive)->Apply(all_scales);

void BM_Engine_LimitedQuery(benchmark::State& state) {
  Fixture fixture(static_cast<std::size_t>(state.range(0)));
  const std::string query = "PQuery P2Pv1\nLimit: 50\n\npeer-00000007\n";
  // As many as their answers do not fill the output with.
  constexpr std::size_t kQueries = 32;
  std::string batch;
  for (std::size_t i = 0; i < kQueries; ++i) batch += query;
  if (std::ranges::count(fixture.receive(batch), ':') != 51 * kQueries) {
    return state.SkipWithError("a wrong answer");
  }
  // Until nearly every part of the list has been asked for, and stands in the listing's cache as
  // far as that goes.
  const auto peers = static_cast<std::size_t>(state.range(0));
  for (std::size_t listed = 0; listed < 5 * peers; listed += 50 * kQueries) fixture.receive(batch);
  for (auto _ : state) benchmark::DoNotOptimize(fixture.receive(batch));
  state.counters["request"] = each_of(state, kQueries);
}
BENCHMARK(BM_Engine_LimitedQuery)->Apply(all_scales);

void BM_Engine_WholeQuery(benchmark::State& state) {
  Fixture fixture(1000);
  const std::string query = "PQuery P2Pv1\n\npeer-00000007\n";
  if (std::ranges::count(fixture.receive(query), ':') != 1000) {
    return state.SkipWithError("a wrong answer");
  }
  for (auto _ : state) benchmark::DoNotOptimize(fixture.receive(query));
}
BENCHMARK(BM_Engine_WholeQuery);

}  // namespace
}  // namespace rollcall::bench
