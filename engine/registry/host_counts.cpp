#include "engine/registry/host_counts.h"

#include <bit>
#include <limits>
#include <mutex>

#include "engine/assert.h"

namespace rollcall::engine {

HostCounts::HostCounts(const HashKey& key, std::size_t stripes, std::pmr::memory_resource& memory)
    : key_(key) {
  ROLLCALL_ASSERT(std::has_single_bit(stripes));
  for (std::size_t i = 0; i < stripes; ++i) {
    stripes_.push_back(std::make_unique<Stripe>(key, memory));
  }
}

HostCounts::Host HostCounts::host(const HostAddress& address) const {
  const std::uint64_t key = address.quota_key();
  return {key, siphash13(key_, key)};
}

void HostCounts::prefetch(const Host& host) const {
  if (stripes_.size() == 1) prefetch_alone(host);
}

void HostCounts::prefetch_alone(const Host& host) const {
  const Table& table = stripe_of(host).table;
  table.prefetch(table_hash(host));
  table.prefetch_insert(table_hash(host));
}

bool HostCounts::add_below(const Host& host, std::size_t max) {
  Stripe& stripe = stripe_of(host);
  const std::lock_guard lock(stripe.mutex);
  const auto is_host = [&](const Slot& slot) { return slot.key() == host.key; };
  if (Slot* slot = stripe.table.find(table_hash(host), is_host)) {
    if (slot->count >= max) return false;
    ++slot->count;
    return true;
  }
  if (max == 0) return false;
  const Slot slot{static_cast<std::uint32_t>(host.key >> 32), static_cast<std::uint32_t>(host.key),
                  1};
  return stripe.table.insert(slot) != nullptr;
}

void HostCounts::add(const Host& host) {
  const bool added = add_below(host, std::numeric_limits<std::uint32_t>::max());
  ROLLCALL_ASSERT(added);
}

void HostCounts::subtract(const Host& host) {
  Stripe& stripe = stripe_of(host);
  const std::lock_guard lock(stripe.mutex);
  Slot* slot = stripe.table.find(table_hash(host),
                                 [&](const Slot& other) { return other.key() == host.key; });
  ROLLCALL_ASSERT(slot != nullptr);
  if (slot->count > 1) {
    --slot->count;
  } else {
    stripe.table.erase(slot);
  }
}

std::size_t HostCounts::count(const Host& host) const {
  Stripe& stripe = stripe_of(host);
  const std::lock_guard lock(stripe.mutex);
  const Slot* slot = stripe.table.find(table_hash(host),
                                       [&](const Slot& other) { return other.key() == host.key; });
  return slot == nullptr ? 0 : slot->count;
}

std::size_t HostCounts::bytes() const {
  std::size_t bytes = 0;
  for (const auto& stripe : stripes_) {
    const std::lock_guard lock(stripe->mutex);
    bytes += sizeof(Stripe) + stripe->table.bytes();
  }
  return bytes;
}

void HostCounts::check_invariants(std::size_t total) const {
  std::size_t counted = 0;
  for (const auto& stripe : stripes_) {
    const std::lock_guard lock(stripe->mutex);
    stripe->table.check_invariants([&](const Slot& slot) { counted += slot.count; });
  }
  ROLLCALL_ASSERT(counted == total);
}

}  // namespace rollcall::engine
