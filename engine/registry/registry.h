#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include "engine/brief_mutex.h"
#include "engine/limits.h"
#include "engine/output_buffer.h"
#include "engine/random.h"
#include "engine/registry/sample_cursor.h"
#include "engine/registry/shard.h"
#include "engine/time.h"

namespace rollcall::engine {

struct RegistryOptions {
  Duration ttl = limits::kDefaultTtl;
  std::size_t peers_max = limits::kDefaultPeersMax;
  std::size_t peers_per_host_max = limits::kDefaultPeersPerHostMax;
  // Inactive entries that are remembered; each shard remembers its share.
  std::size_t inactive_max = limits::kDefaultInactiveMax;
  // All memory but the rendered listings, which take limits::kRenderedBytesMax at the most.
  std::size_t bytes_max = limits::kDefaultRegistryBytesMax;
  // A power of two, limits::kShardsMax at the most. With more of them threads meet at a lock less
  // often, and a batch takes more locks. Two threads do best with one (docs/performance.md); for
  // more than two it has not been measured.
  std::size_t shards = 1;
};

struct RestoreCounts {
  std::uint64_t changes = 0;
  // Those whose lease was cut to one TTL. The store still has the longer one, which would be cut
  // again, to a later end, after the next restart.
  std::uint64_t shortened = 0;
};

enum class RestoreOutcome : std::uint8_t {
  kDone,
  // More are active than `peers_max`. The registry may be looked at, but not used.
  kTooManyPeers,
};

// Who is here: the list of peers. Safe to use from several threads; each shard has a lock.
class Registry {
 public:
  // Draws its hash keys and the seeds of its listings from `random`, and later its cookies. Keeps
  // its large structures in `memory`: in blocks of 64 KiB at most that are given back only in the
  // end, and in lists and directories of these, of which the old one is given back when it doubles.
  // REQUIRES: `memory` is safe to use from several threads and outlives the registry.
  Registry(const RegistryOptions& options, RandomSource& random,
           std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  // Decides operations, limits::kBatchRequestsMax at most, as if in order, and sets their outcomes.
  // An allowed PQuery changes nothing: its list is made by `append_listing`.
  // REQUIRES: no change follows a PQuery in the batch.
  void execute(std::span<Operation> batch, bool open_query, Time time, ChangeSink* changes);

  // ---- Recovery: restore … restore ─► finish_restore, before anything else is done ----

  // Puts entries there as a store kept them, limits::kBatchRequestsMax at most. A later one of the
  // same nick takes the place of an earlier one; a renewal (Extent) changes that one, and does
  // nothing where there is none: it was forgotten since. Counts what became of them; `now` is the
  // same in every call. A lease that has ended makes its entry inactive since then, and none lasts
  // longer than one TTL from now. Limits are for admission, so they refuse nothing that is
  // restored. No change is told.
  //
  // REQUIRES: no other thread uses the registry meanwhile. The nicks are valid.
  void restore(std::span<const Change> batch, Instant now, RestoreCounts& counts);

  // Brings the inactive entries into the order in which they became so, and forgets the surplus,
  // and those that have been so for too long.
  RestoreOutcome finish_restore();

  // Hands entries of a shard to `to`, as they are, in the order of their numbers from `from` on.
  // Holds the shard's lock and looks at `entries_max` entries at the most. Returns where to go on,
  // kNoEntry after the last. A reading that begins at 0 and goes on to the end meets every entry
  // that is there all the time once. Their places in the order of changes are blank.
  EntryNumber visit(std::size_t shard, EntryNumber from, std::size_t entries_max,
                    ChangeSink& to) const;

  // Appends `'10.0.0.7:9999', ` for up to `peers_max` active entries, none twice, and returns how
  // many. Where there are more, each is equally likely; `cursor` decides.
  std::size_t append_listing(std::size_t peers_max, SampleCursor& cursor, Instant now,
                             OutputBuffer& out);

  // Active entries; may count those that expired within the last second.
  std::size_t active() const { return admission_.active.load(std::memory_order_relaxed); }

  std::size_t shards() const { return shards_.size(); }

  // A bounded step of a shard's background work: expiry and forgetting. Whether more is due.
  bool sweep(std::size_t shard, Instant now);

  RegistryCounters counters() const;
  // REQUIRES: no other thread uses the registry meanwhile, or the sums would not agree.
  void check_invariants() const;

 private:
  struct alignas(64) LockedShard {
    LockedShard(const ShardOptions& options, Admission& admission, const HashKey& hash_key,
                RandomSource& random, std::pmr::memory_resource& memory)
        : shard(options, admission, hash_key, random, memory) {}
    mutable BriefMutex mutex;
    Shard shard;  // follows at once: see its first members
  };

  // Sets what `Operation` says that the registry sets, but for the outcome.
  void prepare(std::span<Operation> batch) const;
  std::size_t shard_of(const Operation& operation) const {
    return operation.hash & (shards_.size() - 1);
  }
  Shard& shard_for(std::uint64_t hash) { return shards_[hash & (shards_.size() - 1)]->shard; }
  void execute_in_shard(std::size_t number, std::span<Operation> batch,
                        const BatchContext& context);
  void execute_in_shards(std::span<Operation> batch, const BatchContext& context);
  // Whether it could matter to a batch which of its operations a limit meets first.
  bool is_near_a_limit(std::span<const Operation> batch) const;
  void execute_in_order(std::span<Operation> batch, const BatchContext& context);

  // Where a listing begins, and whether it may go all the way round to that place.
  struct Run {
    std::size_t shard;
    std::size_t first;
    bool closes;
  };
  std::size_t append_run(const Run& run, std::size_t peers_max, Instant now, OutputBuffer& out);

  HashKey nick_key_;
  Admission admission_;
  std::vector<std::unique_ptr<LockedShard>> shards_;
};

}  // namespace rollcall::engine
