#include "engine/registry/registry.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <numeric>
#include <ranges>

#include "engine/assert.h"

namespace rollcall::engine {
namespace {

// Operations that ask for memory together. A processor that waits for some twenty lines drops what
// else it is asked for; with fewer at a time the waits no longer hide behind each other. Measured:
// docs/performance.md.
constexpr std::size_t kGroup = 12;

HashKey draw_key(RandomSource& random) {
  std::array<std::byte, sizeof(HashKey)> bytes;
  random.fill(bytes);
  return std::bit_cast<HashKey>(bytes);
}

}  // namespace

Registry::Registry(const RegistryOptions& options, RandomSource& random,
                   std::pmr::memory_resource& memory)
    : nick_key_(draw_key(random)),
      admission_{options.ttl, options.peers_max, options.peers_per_host_max,
                 HostCounts(draw_key(random), options.shards, memory)} {
  ROLLCALL_ASSERT(std::has_single_bit(options.shards));
  ROLLCALL_ASSERT(options.shards <= limits::kShardsMax);
  ROLLCALL_ASSERT(options.ttl >= limits::kTtlMin);
  ROLLCALL_ASSERT(options.ttl <= limits::kTtlMax);
  ROLLCALL_ASSERT(options.peers_max <= limits::kPeersMax);
  for (std::size_t i = 0; i < options.shards; ++i) {
    ShardOptions shard;
    shard.number = static_cast<std::uint32_t>(i);
    shard.inactive_max = (options.inactive_max + options.shards - 1) / options.shards;
    shard.bytes_max = options.bytes_max / options.shards;
    shard.rendered_bytes_max = limits::kRenderedBytesMax / options.shards;
    shards_.push_back(std::make_unique<LockedShard>(shard, admission_, nick_key_, random, memory));
  }
}

void Registry::execute(std::span<Operation> batch, bool open_query, Time time,
                       ChangeSink* changes) {
  ROLLCALL_ASSERT(batch.size() <= limits::kBatchRequestsMax);
  if (batch.empty()) return;
  prepare(batch);
  BatchContext context;
  context.open_query = open_query;
  context.now = time.now;
  context.date = seconds_of(time.wall);
  context.day = day_of(time.wall);
  context.changes = changes;
  if (shards_.size() == 1 || batch.size() == 1) {
    execute_in_shard(shard_of(batch[0]), batch, context);
  } else {
    execute_in_shards(batch, context);
  }
}

void Registry::prepare(std::span<Operation> batch) const {
  const Operation* before = nullptr;
  for (Operation& operation : batch) {
    operation.hash = siphash13(nick_key_, operation.request->nick);
    operation.has_same_host =
        before != nullptr && (before->from == operation.from || *before->from == *operation.from);
    operation.host =
        operation.has_same_host ? before->host : admission_.hosts.host(*operation.from);
    before = &operation;
  }
}

// All are on this shard.
void Registry::execute_in_shard(std::size_t number, std::span<Operation> batch,
                                const BatchContext& context) {
  LockedShard& locked = *shards_[number];
  const std::lock_guard lock(locked.mutex);
  Shard& shard = locked.shard;
  // Two steps before a group is executed it asks for its index lines, one step before for its
  // entries. Groups behind the last are empty.
  const auto group = [batch](std::size_t place) {
    const std::size_t first = std::min(place * kGroup, batch.size());
    return batch.subspan(first, std::min(kGroup, batch.size() - first));
  };
  // With one shard its lock guards the host counts as well.
  const bool is_alone = shards_.size() == 1;
  for (std::size_t i = 0; i * kGroup < batch.size() + 2 * kGroup; ++i) {
    for (const Operation& o : group(i)) {
      shard.prefetch_index(o.hash);
      if (is_alone && !o.has_same_host) admission_.hosts.prefetch(o.host);
    }
    if (i >= 1) {
      for (Operation& o : group(i - 1)) o.candidate = shard.prefetch_entry(o.hash);
    }
    if (i >= 2) {
      for (Operation& o : group(i - 2)) shard.execute(o, context);
    }
  }
}

// Operations on different shards do not touch each other's entries, so a shard's may be done
// together, those of one nick in order; only near a limit it matters who comes first. A shard is
// locked for each step of looking ahead by itself, so that the waits for memory of the whole batch
// overlap, mostly not under a lock. Each batch begins at the shard of its first operation, so that
// threads seldom meet.
void Registry::execute_in_shards(std::span<Operation> batch, const BatchContext& context) {
  std::array<Operation*, limits::kBatchRequestsMax> operations;
  static_assert(limits::kBatchRequestsMax <= UINT8_MAX);
  std::array<std::uint8_t, limits::kShardsMax> ends{};
  for (const Operation& operation : batch) ++ends[shard_of(operation)];
  std::partial_sum(ends.begin(), ends.begin() + shards_.size(), ends.begin());
  std::array<std::uint8_t, limits::kShardsMax> begins = ends;
  for (Operation& operation : std::views::reverse(batch)) {
    operations[--begins[shard_of(operation)]] = &operation;
  }

  const std::size_t start = shard_of(batch[0]);
  const auto for_each_locked = [&](auto act) {
    for (std::size_t turn = start; turn < start + shards_.size(); ++turn) {
      const std::size_t number = turn & (shards_.size() - 1);
      if (begins[number] == ends[number]) continue;
      LockedShard& locked = *shards_[number];
      const std::lock_guard lock(locked.mutex);
      for (std::size_t i = begins[number]; i < ends[number]; ++i) act(locked.shard, *operations[i]);
    }
  };
  for_each_locked([](Shard& shard, Operation& o) { shard.prefetch_index(o.hash); });
  for_each_locked([](Shard& shard, Operation& o) { o.candidate = shard.prefetch_entry(o.hash); });
  if (is_near_a_limit(batch)) return execute_in_order(batch, context);
  for_each_locked([&](Shard& shard, Operation& o) { shard.execute(o, context); });
}

bool Registry::is_near_a_limit(std::span<const Operation> batch) const {
  if (active() + batch.size() > admission_.peers_max) return true;
  return std::ranges::any_of(batch, [&](const Operation& o) {
    return !o.has_same_host &&
           admission_.hosts.count(o.host) + batch.size() > admission_.peers_per_host_max;
  });
}

void Registry::execute_in_order(std::span<Operation> batch, const BatchContext& context) {
  for (Operation& operation : batch) {
    LockedShard& locked = *shards_[shard_of(operation)];
    const std::lock_guard lock(locked.mutex);
    locked.shard.execute(operation, context);
  }
}

void Registry::restore(std::span<const Change> batch, Instant now, RestoreCounts& counts) {
  ROLLCALL_ASSERT(batch.size() <= limits::kBatchRequestsMax);
  std::array<std::uint64_t, limits::kBatchRequestsMax> hashes;
  std::array<HostCounts::Host, limits::kBatchRequestsMax> hosts;
  counts.changes += batch.size();
  for (const auto& locked : shards_) locked->shard.begin_restore(now);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    hashes[i] = siphash13(nick_key_, batch[i].nick);
    shard_for(hashes[i]).prefetch_index(hashes[i]);
    if (batch[i].extent != Extent::kEntry) continue;
    hosts[i] = admission_.hosts.host(batch[i].host);
    admission_.hosts.prefetch_alone(hosts[i]);
  }
  for (std::size_t i = 0; i < batch.size(); ++i) shard_for(hashes[i]).prefetch_entry(hashes[i]);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    counts.shortened += shard_for(hashes[i]).restore(batch[i], hashes[i], hosts[i]);
  }
}

RestoreOutcome Registry::finish_restore() {
  for (const auto& locked : shards_) locked->shard.finish_restore();
  return active() > admission_.peers_max ? RestoreOutcome::kTooManyPeers : RestoreOutcome::kDone;
}

EntryNumber Registry::visit(std::size_t shard, EntryNumber from, std::size_t entries_max,
                            ChangeSink& to) const {
  const LockedShard& locked = *shards_[shard];
  const std::lock_guard lock(locked.mutex);
  return locked.shard.visit(from, entries_max, to);
}

std::size_t Registry::append_listing(std::size_t peers_max, SampleCursor& cursor, Instant now,
                                     OutputBuffer& out) {
  std::array<std::size_t, limits::kShardsMax> sizes;
  std::size_t total = 0;
  for (std::size_t i = 0; i < shards_.size(); ++i) total += sizes[i] = shards_[i]->shard.listed();
  if (peers_max >= total) return append_run({0, 0, false}, peers_max, now, out);

  // All positions of all shards form a circle; the sample is the run that begins where `cursor`
  // says.
  Run run{0, cursor.take(peers_max, total), false};
  while (run.first >= sizes[run.shard]) run.first -= sizes[run.shard++];
  run.closes = peers_max + sizes[run.shard] > total;
  const std::size_t before = out.size();
  const std::size_t listed = append_run(run, peers_max, now, out);
  if (listed == peers_max || run.closes) return listed;

  // So many have expired and are not swept that the whole circle is needed.
  out.drop_back(out.size() - before);
  run.closes = true;
  return append_run(run, peers_max, now, out);
}

std::size_t Registry::append_run(const Run& run, std::size_t peers_max, Instant now,
                                 OutputBuffer& out) {
  // A run that comes back to the shard it began in must not meet an entry there that was moved in
  // between, so it holds all locks, taken in the order of the shards.
  if (run.closes) {
    for (const auto& locked : shards_) locked->mutex.lock();
  }
  const std::size_t pieces = shards_.size() + (run.closes ? 1 : 0);
  std::size_t listed = 0;
  for (std::size_t piece = 0; piece < pieces && listed < peers_max; ++piece) {
    LockedShard& locked = *shards_[(run.shard + piece) % shards_.size()];
    std::unique_lock lock(locked.mutex, std::defer_lock);
    if (!run.closes) lock.lock();
    const std::size_t size = locked.shard.listed();
    const std::size_t turn = std::min(run.first, size);
    const std::size_t first = piece == 0 ? turn : 0;
    const std::size_t last = piece == shards_.size() ? turn : size;
    listed += locked.shard.append_listing(first, last, peers_max - listed, now, out);
  }
  if (run.closes) {
    for (const auto& locked : shards_) locked->mutex.unlock();
  }
  return listed;
}

bool Registry::sweep(std::size_t shard, Instant now) {
  LockedShard& locked = *shards_[shard];
  const std::lock_guard lock(locked.mutex);
  return locked.shard.sweep(now);
}

RegistryCounters Registry::counters() const {
  RegistryCounters sum;
  for (const auto& locked : shards_) {
    const std::lock_guard lock(locked->mutex);
    const RegistryCounters counters = locked->shard.counters();
    sum.active += counters.active;
    sum.inactive += counters.inactive;
    sum.registered += counters.registered;
    sum.renewed += counters.renewed;
    sum.left += counters.left;
    sum.expired += counters.expired;
    sum.forgotten += counters.forgotten;
    sum.bytes += counters.bytes;
    for (std::size_t i = 0; i < sum.expiry_lag.size(); ++i) {
      sum.expiry_lag[i] += counters.expiry_lag[i];
    }
  }
  sum.bytes += admission_.hosts.bytes();
  return sum;
}

void Registry::check_invariants() const {
  std::size_t listed = 0;
  for (const auto& locked : shards_) {
    const std::lock_guard lock(locked->mutex);
    locked->shard.check_invariants();
    listed += locked->shard.listed();
  }
  admission_.hosts.check_invariants(listed);
  ROLLCALL_ASSERT(listed == active());
  ROLLCALL_ASSERT(listed <= admission_.peers_max);
}

}  // namespace rollcall::engine
