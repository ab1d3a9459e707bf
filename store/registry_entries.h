#pragma once

#include <cstddef>
#include <string>

#include "engine/registry/registry.h"
#include "store/lease_clock.h"
#include "store/store.h"

namespace rollcall::store {

// The entries of a registry, for a store that writes them anew. May be read on a thread of its own
// while the registry is in use: a shard is locked for a few microseconds at a time.
class RegistryEntries final : public EntrySource {
 public:
  // `registry` must outlive this. Of the clock only the lease time matters, which never changes.
  RegistryEntries(const engine::Registry& registry, const LeaseClock& clock)
      : registry_(registry), clock_(clock) {}

  bool read(Position& position, std::size_t entries_max, std::string& packed) override;

 private:
  const engine::Registry& registry_;
  const LeaseClock clock_;
};

}  // namespace rollcall::store
