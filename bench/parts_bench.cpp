// The parts of the engine one by one: codec, hash, index, wheel and listing.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_support.h"
#include "engine/limits.h"
#include "engine/output_buffer.h"
#include "engine/registry/client_entry.h"
#include "engine/registry/expiry_wheel.h"
#include "engine/registry/extendible_table.h"
#include "engine/registry/peer_listing.h"
#include "engine/registry/siphash.h"
#include "engine/wire/text_request.h"
#include "engine/wire/text_response.h"
#include "tests/support/allocation_counter.h"

namespace rollcall::bench {
namespace {

using engine::EntryNumber;
using engine::EntryPool;
using engine::OutputBuffer;
using tests::AllocationCounter;

// ---- Codec and hash ----

void BM_TextRequest_Parse(benchmark::State& state, const std::string& text, std::string_view nick) {
  engine::Message message;
  const AllocationCounter allocations;
  for (auto _ : state) {
    engine::TextRequestParser parser;
    benchmark::DoNotOptimize(parser.advance(text, message));
    benchmark::DoNotOptimize(message);
  }
  if (allocations.count() > 0) state.SkipWithError("parsing allocates");
  if (message.bytes != text.size() || message.request.nick != nick) {
    state.SkipWithError("a wrong parse");
  }
}
BENCHMARK_CAPTURE(BM_TextRequest_Parse, Register, "Register P2Pv1\n\npeer-00001234\n65400\n",
                  "peer-00001234");
BENCHMARK_CAPTURE(BM_TextRequest_Parse, KeepAlive, "KeepAlive P2Pv1\n\npeer-00001234\n",
                  "peer-00001234");
BENCHMARK_CAPTURE(BM_TextRequest_Parse, Limit, "PQuery P2Pv1\nLimit: 50\n\npeer-00001234\n",
                  "peer-00001234");
BENCHMARK_CAPTURE(BM_TextRequest_Parse, NotAscii, "KeepAlive P2Pv1\n\np\xC3\xA4\xC3\xA4r-01234\n",
                  "p\xC3\xA4\xC3\xA4r-01234");

void BM_TextResponse_Write(benchmark::State& state) {
  const engine::TextResponseWriter writer(20);
  engine::ServerResponse response;
  response.framing = engine::AnswerFraming::kLineFeed;
  OutputBuffer out;
  writer.write(response, out);
  if (out.view() != "Response 20 P2Pv1\n\nSuccess\n") state.SkipWithError("a wrong answer");
  for (auto _ : state) {
    out.clear();
    writer.write(response, out);
    benchmark::DoNotOptimize(out.view());
  }
}
BENCHMARK(BM_TextResponse_Write);

void BM_SipHash_Nick(benchmark::State& state) {
  const engine::HashKey key{1, 2};
  std::string nick = nick_of(7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(nick.data());
    benchmark::DoNotOptimize(siphash13(key, nick));
  }
}
BENCHMARK(BM_SipHash_Nick);

// ---- Index ----

struct Slot {
  std::uint32_t hash = 0;
  std::uint32_t number = 0;  // counted from one
  bool is_empty() const { return number == 0; }
};
struct HashOf {
  std::uint32_t operator()(const Slot& slot) const { return slot.hash; }
};
using Index = engine::ExtendibleTable<Slot, HashOf>;

std::vector<std::uint32_t> random_hashes(std::size_t count) {
  std::mt19937 generator(3);
  std::vector<std::uint32_t> hashes(count);
  for (std::uint32_t& hash : hashes) hash = static_cast<std::uint32_t>(generator());
  return hashes;
}

void fill(Index& index, const std::vector<std::uint32_t>& hashes) {
  std::uint32_t number = 0;
  for (const std::uint32_t hash : hashes) index.insert({hash, ++number});
}

// One insertion, growth included.
void BM_Index_Insert(benchmark::State& state) {
  const std::vector<std::uint32_t> hashes = random_hashes(static_cast<std::size_t>(state.range(0)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    Index index;
    fill(index, hashes);
    if (index.size() != hashes.size()) state.SkipWithError("a wrong size");
    bytes = index.bytes();
  }
  state.counters["insert"] = each_of(state, hashes.size());
  state.counters["bytes"] = static_cast<double>(bytes) / static_cast<double>(hashes.size());
}
BENCHMARK(BM_Index_Insert)->Apply(all_scales)->Unit(benchmark::kMillisecond);

// Lookups of random hashes that are there, one at a time.
void BM_Index_Find(benchmark::State& state) {
  const std::vector<std::uint32_t> hashes = random_hashes(static_cast<std::size_t>(state.range(0)));
  Index index;
  fill(index, hashes);
  const auto find = [&](std::size_t i) {
    return index.find(hashes[i], [&](const Slot& slot) { return slot.hash == hashes[i]; });
  };
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const Slot* const slot = find(i);
    if (slot == nullptr || hashes[slot->number - 1] != hashes[i]) {
      return state.SkipWithError("a wrong slot");
    }
  }
  std::mt19937 order(4);
  for (auto _ : state) benchmark::DoNotOptimize(find(order() % hashes.size()));
}
BENCHMARK(BM_Index_Find)->Apply(all_scales);

// ---- Wheel and listing ----

// Active entries in numbers 0 to `count` - 1, whose leases end one after the other.
void fill(EntryPool& pool, std::size_t count) {
  for (std::size_t peer = 0; peer < count; ++peer) {
    engine::ClientEntry& entry = pool[pool.allocate(nick_of(peer))];
    entry.state = engine::EntryState::kActive;
    entry.host = host_of(peer);
    entry.port = port_of(peer);
    entry.deadline =
        engine::Instant(std::chrono::hours(2) + std::chrono::milliseconds(peer % 1000));
  }
}

// Every entry put on the wheel and taken off it again when its lease ends.
void BM_Wheel_InsertAndExpire(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  EntryPool pool;
  fill(pool, peers);
  for (auto _ : state) {
    engine::ExpiryWheel wheel(pool, std::chrono::hours(2));
    for (std::size_t i = 0; i < peers; ++i) wheel.insert(static_cast<EntryNumber>(i));
    std::size_t budget = 2 * peers + 1;
    std::size_t taken = 0;
    while (wheel.take_expired(engine::Instant(std::chrono::hours(3)), budget)) ++taken;
    if (taken != peers) state.SkipWithError("a wrong number");
  }
  state.counters["entry"] = each_of(state, peers);
}
BENCHMARK(BM_Wheel_InsertAndExpire)
    ->Apply([](benchmark::internal::Benchmark* b) {
      run_at(b, {1000, 1'000'000});
    })
    ->Unit(benchmark::kMillisecond);

struct Listed {
  explicit Listed(std::size_t peers)
      : listing(pool, engine::SampleGenerator(5), engine::limits::kRenderedBytesMax) {
    fill(pool, peers);
    for (std::size_t i = 0; i < peers; ++i) listing.insert(static_cast<EntryNumber>(i));
  }
  std::size_t append_all(OutputBuffer& out) {
    return listing.append(0, listing.size(), listing.size(), engine::Instant(), out);
  }

  EntryPool pool;
  engine::PeerListing listing;
};

bool is_whole(const OutputBuffer& out, std::size_t peers) {
  return std::ranges::count(out.view(), ':') == static_cast<std::ptrdiff_t>(peers);
}

// A list of all, none of whom has changed since the last.
void BM_Listing_Unchanged(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  Listed listed(peers);
  OutputBuffer out;
  if (listed.append_all(out) != peers || !is_whole(out, peers)) {
    return state.SkipWithError("a wrong list");
  }
  const AllocationCounter allocations;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(listed.append_all(out));
  }
  if (allocations.count() > 0) state.SkipWithError("a list allocates");
}
BENCHMARK(BM_Listing_Unchanged)->Arg(1000);

// A list of all, every one of whom has changed since the last.
void BM_Listing_AllChanged(benchmark::State& state) {
  const auto peers = static_cast<std::size_t>(state.range(0));
  Listed listed(peers);
  OutputBuffer out;
  for (auto _ : state) {
    for (std::size_t i = 0; i < peers; ++i) {
      listed.listing.changed(listed.pool[static_cast<EntryNumber>(i)]);
    }
    out.clear();
    benchmark::DoNotOptimize(listed.append_all(out));
  }
  if (!is_whole(out, peers)) state.SkipWithError("a wrong list");
}
BENCHMARK(BM_Listing_AllChanged)->Arg(1000);

}  // namespace
}  // namespace rollcall::bench
