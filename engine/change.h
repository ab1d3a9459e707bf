#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "engine/cookie.h"
#include "engine/host_address.h"
#include "engine/time.h"

namespace rollcall::engine {

// How much of an entry a change is about.
enum class Extent : std::uint8_t {
  kEntry,         // all of it
  kRegistration,  // renewed by Register: `deadline` and `registered_at`
  kLease,         // renewed by KeepAlive: `deadline`
};

// What a request changed: the entry as it is now. Changes are an output of the registry, from which
// a store can rebuild it. Expiry is no change: it follows from the deadline.
struct Change {
  // The order of changes: `sequence` counts up by one within a shard, and all changes of a nick
  // belong to the same shard.
  std::uint32_t shard = 0;
  std::uint64_t sequence = 0;

  // Where it is not kEntry the entry is active, as it was before, and all else is as the change of
  // this nick before said.
  Extent extent = Extent::kEntry;

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

// Names a moment in the order in which changes become durable. Later moments have higher tickets;
// the first is above zero.
using Ticket = std::uint64_t;
inline constexpr Ticket kLastTicket = std::numeric_limits<Ticket>::max();

// What became of changes.
enum class Verdict : std::uint8_t {
  kDurable,   // they survive a crash
  kFailed,    // the store failed while they were on their way: they may last or not
  kStopping,  // the server stops before it is known
};

// Where an engine's changes go on to be made durable. Called on the engine's thread; several
// engines may share one.
class ChangeLog : public ChangeSink {
 public:
  // Whether changes are taken at present. While they are not, the engine refuses the requests that
  // would make one; those of a moment ago may still be appended.
  virtual bool accepts() = 0;

  // The ticket of everything this thread has appended so far: the engine holds the answers back
  // until it is told what became of it (`Engine::resolve`). Empty where answers need not wait.
  virtual std::optional<Ticket> ticket() = 0;

  // Answers wait, and whoever drives the engine has nothing more to give it at once, or has let
  // them wait for long enough: what has been appended is to be made durable. Until then it may
  // gather, so that one sync serves more of it.
  virtual void commit_soon() {}
};

}  // namespace rollcall::engine
