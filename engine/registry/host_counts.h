#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <vector>

#include "engine/brief_mutex.h"
#include "engine/host_address.h"
#include "engine/registry/extendible_table.h"
#include "engine/registry/siphash.h"

namespace rollcall::engine {

// Counts something by host, so that no host takes more than its share: IPv4 by address, IPv6 by /64
// network. A host whose count is zero takes no memory. Safe to use from several threads: the
// hosts are spread over `stripes` tables with a lock each.
class HostCounts {
 public:
  // The tables are in `memory`. REQUIRES: stripes is a power of two.
  HostCounts(const HashKey& key, std::size_t stripes,
             std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  // A host, ready to be looked up many times.
  struct Host {
    std::uint64_t key;
    std::uint64_t hash;
  };
  Host host(const HostAddress& address) const;

  // Asks the processor to load what the next call about `host` will read first. Does nothing where
  // there are several stripes. REQUIRES: with one stripe, no other thread changes the counts.
  void prefetch(const Host& host) const;
  // The same for any number of stripes. REQUIRES: no other thread changes the counts.
  void prefetch_alone(const Host& host) const;

  // Adds one unless the count has reached `max`. Whether it did.
  bool add_below(const Host& host, std::size_t max);
  // Adds one, whatever the count is.
  void add(const Host& host);
  // REQUIRES: the count is above zero.
  void subtract(const Host& host);

  std::size_t count(const Host& host) const;
  // Memory held, in bytes.
  std::size_t bytes() const;
  // The most that the table of a stripe holds while it never counted more than so many hosts.
  static constexpr std::size_t stripe_bytes_max(std::size_t hosts) {
    return Table::segment_bytes() + hosts * kHostBytesMax;
  }
  // Asserts, besides, that all counts add up to `total`.
  void check_invariants(std::size_t total) const;

 private:
  // Twelve bytes, because there may be as many hosts as peers.
  struct Slot {
    std::uint32_t key_high = 0;
    std::uint32_t key_low = 0;
    std::uint32_t count = 0;

    bool is_empty() const { return count == 0; }
    std::uint64_t key() const { return std::uint64_t{key_high} << 32 | key_low; }
  };
  struct HashOf {
    HashKey key;
    std::uint32_t operator()(const Slot& slot) const {
      return static_cast<std::uint32_t>(siphash13(key, slot.key()) >> 32);
    }
  };
  using Table = ExtendibleTable<Slot, HashOf>;
  struct alignas(64) Stripe {
    Stripe(const HashKey& key, std::pmr::memory_resource& memory) : table(HashOf{key}, memory) {}
    mutable BriefMutex mutex;
    Table table;
  };

  // Beyond the first segment: a slot at the lowest load that coming and going leads to.
  static constexpr std::size_t kHostBytesMax = 3 * sizeof(Slot);

  static std::uint32_t table_hash(const Host& host) {
    return static_cast<std::uint32_t>(host.hash >> 32);
  }
  Stripe& stripe_of(const Host& host) const { return *stripes_[host.hash % stripes_.size()]; }

  HashKey key_;
  std::vector<std::unique_ptr<Stripe>> stripes_;
};

}  // namespace rollcall::engine
