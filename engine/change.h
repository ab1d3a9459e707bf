#pragma once

#include <cstdint>
#include <string_view>

#include "engine/cookie.h"
#include "engine/host_address.h"
#include "engine/time.h"

namespace rollcall::engine {

// What a request changed: the entry as it is now. Changes are an output of the registry, from which
// a store can rebuild it. Expiry is no change: it follows from the deadline.
struct Change {
  // The order of changes: `sequence` counts up by one within a shard, and all changes of a nick
  // belong to the same shard.
  std::uint32_t shard = 0;
  std::uint64_t sequence = 0;

  // Borrowed; valid during the call that hands over the change.
  std::string_view nick;
  HostAddress host;
  std::uint16_t port = 0;
  bool active = false;
  bool has_cookie = false;
  Cookie cookie;
  // Active: the end of the lease. Inactive: when the entry became so.
  Instant deadline;
  WallTime registered_at;
  // Bit d is set if the entry registered or kept alive d days before `activity_day` (days since the
  // epoch, UTC); 30 bits.
  std::uint32_t activity_bits = 0;
  std::uint16_t activity_day = 0;
};

// Takes changes, in the order in which their shard decided them.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  // Called under the shard's lock: it must be quick and may not call back.
  virtual void append(const Change& change) = 0;
};

}  // namespace rollcall::engine
