#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>

#include "engine/change.h"
#include "engine/limits.h"
#include "engine/outcome.h"
#include "engine/random.h"
#include "engine/registry/client_entry.h"
#include "engine/registry/expiry_wheel.h"
#include "engine/registry/extendible_table.h"
#include "engine/registry/host_counts.h"
#include "engine/registry/inactive_queue.h"
#include "engine/registry/peer_listing.h"
#include "engine/registry/siphash.h"
#include "engine/wire/request.h"

namespace rollcall::engine {

// A request on its way through the registry, and what became of it.
struct Operation {
  const Request* request = nullptr;
  const HostAddress* from = nullptr;    // who asks
  std::uint64_t hash = 0;               // of the nick; set by the registry
  HostCounts::Host host{};              // of `from`; set by the registry
  bool has_same_host = false;           // as the one before in the batch; set by the registry
  EntryNumber candidate = kNoEntry;     // found by looking ahead; set by the shard
  Outcome outcome = Outcome::kSuccess;  // set by the registry
  Cookie issued;                        // the fresh cookie, where `Cookie: new` succeeded
};

// How late expired entries were swept: bucket b counts lags below 2^b microseconds and not below
// half of that; the last bucket takes all that are longer.
using LagHistogram = std::array<std::uint64_t, 32>;

struct RegistryCounters {
  std::uint64_t renewed = 0;     // by Register or KeepAlive; first, as Shard says
  std::uint64_t registered = 0;  // entries that became active
  std::uint64_t left = 0;
  std::uint64_t expired = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t active = 0;
  std::uint64_t inactive = 0;
  std::uint64_t bytes = 0;  // memory held, rendered listings included
  LagHistogram expiry_lag{};
};

// What all shards of a registry share. Thread-safe.
struct Admission {
  Duration ttl;
  std::size_t peers_max;
  std::size_t peers_per_host_max;
  HostCounts hosts;
  std::atomic<std::size_t> active{0};

  // Takes a place for one more active entry of `host`. kSuccess, kRegistryFull or kHostFull.
  Outcome enter(const HostCounts::Host& host);
  // Takes a place, whatever the limits are.
  void readmit(const HostCounts::Host& host);
  void leave(const HostCounts::Host& host);
};

struct ShardOptions {
  std::uint32_t number = 0;
  std::size_t inactive_max = limits::kDefaultInactiveMax;
  std::size_t bytes_max = limits::kDefaultRegistryBytesMax;
  std::size_t rendered_bytes_max = limits::kRenderedBytesMax;
};

// What is the same for all operations of a batch.
struct BatchContext {
  bool open_query = false;
  Instant now;
  std::uint32_t date = 0;         // in seconds since the epoch
  std::uint16_t day = 0;          // in days since the epoch
  ChangeSink* changes = nullptr;  // may be null
};

// A part of the registry: the entries whose nick hashes to it. Not thread-safe; the registry holds
// its lock.
//
//   nick ─hash─► index_ ─number─► pool_[entry] ◄─number─ wheel_      (active)
//                                              ◄─number─ listing_    (active)
//                                              ◄─number─ inactive_   (inactive)
//
// An entry is free, active or inactive; see *Leases* in docs/protocol.md. One whose deadline has
// come counts as inactive at once, whether or not the sweep has met it yet.
class Shard {
 public:
  // Its large structures are in `memory`.
  Shard(const ShardOptions& options, Admission& admission, const HashKey& hash_key,
        RandomSource& random, std::pmr::memory_resource& memory);

  // Ask the processor to load what `execute` and `restore` will read about this nick, one after the
  // other: each reads what the one before asked for. The second returns the entry, if there is one,
  // or rarely another entry whose hash is similar.
  void prefetch_index(std::uint64_t hash) const { index_.prefetch(index_hash(hash)); }
  EntryNumber prefetch_entry(std::uint64_t hash);

  // Decides one operation. On success a change is made and told; otherwise nothing is changed,
  // except that an entry whose lease has ended becomes inactive.
  void execute(Operation& operation, const BatchContext& context);

  // See Registry::restore. Before a batch; no lease ends by it.
  void begin_restore(Instant now);
  // `host` is that of the change where its extent is the entry. Whether the lease was shortened.
  bool restore(const Change& change, std::uint64_t hash, const HostCounts::Host& host);
  void finish_restore();

  // See Registry::visit.
  EntryNumber visit(EntryNumber from, std::size_t entries_max, ChangeSink& to) const;

  // Moves entries whose lease has ended to the inactive ones and forgets those that have been
  // inactive for too long, a bounded number at a time. Whether there may be more to do.
  bool sweep(Instant now);

  // Active entries, those included whose deadline has come but that were not swept yet. May be
  // read without the lock, and is then a moment old.
  std::size_t listed() const { return listed_.load(std::memory_order_relaxed); }

  // As PeerListing::append, with the shard's time brought to `now`.
  std::size_t append_listing(std::size_t first, std::size_t last, std::size_t peers_max,
                             Instant now, OutputBuffer& out);

  RegistryCounters counters() const;
  void check_invariants() const;

 private:
  // Eight bytes: growing reads no entry.
  struct IndexSlot {
    std::uint32_t hash = 0;
    EntryNumber number = kNoEntry;
    bool is_empty() const { return number == kNoEntry; }
  };
  struct HashOfSlot {
    std::uint32_t operator()(const IndexSlot& slot) const { return slot.hash; }
  };
  using Index = ExtendibleTable<IndexSlot, HashOfSlot>;
  static_assert(Index::kFillsLines);

  static std::uint32_t index_hash(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
  }

  // Whether there is a candidate and it is the entry of this nick.
  bool is_of(EntryNumber candidate, std::string_view nick) const;
  // The entry of this nick, or kNoEntry.
  EntryNumber find(std::string_view nick, std::uint64_t hash);

  // Each does one method for an active entry whose owner asks.
  void renew(Operation& operation, ClientEntry& entry, const BatchContext& context);
  void keep_alive(ClientEntry& entry, const BatchContext& context);
  void leave(EntryNumber number, const BatchContext& context);
  // Register of a nick that is free; `number` is its inactive entry, or kNoEntry.
  Outcome register_free(Operation& operation, EntryNumber number, const BatchContext& context);

  // A new entry for the operation's nick, or kNoEntry if the memory budget has no room for it.
  EntryNumber add(const Operation& operation);
  // A new entry, whatever the budget says, or kNoEntry if the index cannot take it.
  EntryNumber place(std::string_view nick, std::uint64_t hash);
  bool has_room_for(std::string_view nick) const;
  // What counts against the budget: no renewal takes it higher.
  std::size_t bytes_promised() const;

  // Whether that adds to the history of its activity.
  bool extend_lease(ClientEntry& entry, const BatchContext& context);
  // The entry gets the cookie that the operation brings or asks for, or none.
  void set_cookie(ClientEntry& entry, Operation& operation);

  // An active entry whose lease has ended becomes inactive; `retire_expired` and `retire` want it
  // off the wheel already.
  void expire(EntryNumber number);
  void retire_expired(EntryNumber number);
  void retire(EntryNumber number, Instant since);
  // The entry, which is off the wheel already, is no longer with the active ones.
  void unlist(EntryNumber number);
  // Restores a whole entry, in the place of `number` if there is one.
  bool put_back(const Change& change, EntryNumber number, std::uint64_t hash,
                const HostCounts::Host& host);
  // Renews the entry.
  bool restore_renewal(const Change& change, EntryNumber number, std::uint64_t hash);
  Instant lease_end_of(const Change& change) const;
  static bool may_stay(const ClientEntry& entry, Instant lease_end);
  void restore_fields(ClientEntry& entry, const Change& change);
  // The entry is on no list any more.
  void take_off(EntryNumber number);
  // Brings the time to `now`, and moves entries whose lease has ended to the inactive ones.
  void advance(Instant now, std::size_t& budget);
  // Whether there is an inactive entry, and the oldest has been so for too long.
  bool is_oldest_over() const;
  void forget_surplus();
  void forget_oldest();
  // REQUIRES: the entry is on no list.
  void forget(EntryNumber number);

  void tell(ChangeSink* changes, const ClientEntry& entry, Extent extent) {
    ++sequence_;
    if (changes != nullptr) hand_over(*changes, entry, extent);
  }
  void hand_over(ChangeSink& changes, const ClientEntry& entry, Extent extent) const;
  // The entry as it is. Its place in the order of changes is blank.
  Change describe(const ClientEntry& entry) const;

  // These come first, because every renewal writes them and `counters_.renewed`: beside the lock
  // that was just taken they cost no cache line of their own.
  Instant now_{};  // the latest that this shard has seen
  std::uint64_t sequence_ = 0;
  RegistryCounters counters_;

  const ShardOptions options_;
  Admission& admission_;
  const HashKey hash_key_;
  RandomSource& random_;

  EntryPool pool_;
  Index index_;
  ExpiryWheel wheel_;
  InactiveQueue inactive_;
  PeerListing listing_;
  std::atomic<std::size_t> listed_{0};
};

}  // namespace rollcall::engine
