#pragma once

#include <cstdint>
#include <functional>

#include "engine/registry/registry.h"
#include "store/lease_clock.h"
#include "store/store.h"

namespace rollcall::store {

enum class RecoveryOutcome : std::uint8_t {
  kDone,
  kStoreFailed,   // see Recovered::result
  kDamaged,       // a record is not one that this server can have written
  kTooManyPeers,  // more are active than the registry may have
};

// What the list is wanted for.
enum class RecoveryPurpose : std::uint8_t {
  kServe,  // leases that were cut are written down, or a server that restarts often extends them
  kRead,   // the store stays as it is
};

// Where a server begins.
struct Recovered {
  RecoveryOutcome outcome = RecoveryOutcome::kDone;
  Result result = Result::kDone;  // of the store
  LeaseClock clock;               // as of the recovery
  std::uint64_t records = 0;      // read; several may be of the same nick
  std::uint64_t active = 0;
  std::uint64_t inactive = 0;
  std::uint64_t forgotten = 0;  // inactive for too long, or too many
  // Active ones whose lease was cut to one TTL, because the wall clock went back while the server
  // was down, or the TTL was longer before.
  std::uint64_t shortened = 0;
};

// Brings an empty registry to what the store kept. Reading and restoring overlap on two threads
// once there is much to read; the store is called on this one alone. Memory is bounded by what the
// registry takes, those included who have been inactive for too long, and a few MiB. Where leases
// were cut, the store is replaced.
//
// `read_clocks` says what time it is: the first reading is that of the recovery. `progress`, which
// may be empty, is called with the number of records so far, at most once a second.
//
// Where the outcome is not kDone the registry is in no state to be used. The store is as it was,
// unless it is its replacement that failed.
Recovered recover(Store& store, engine::Registry& registry,
                  const std::function<ClockReading()>& read_clocks,
                  const std::function<void(std::uint64_t records)>& progress,
                  RecoveryPurpose purpose = RecoveryPurpose::kServe);

}  // namespace rollcall::store
