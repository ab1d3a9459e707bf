#include "tests/sim/tally.h"

namespace rollcall::sim {
namespace {

constexpr std::array<std::string_view, kMet> kNames = {{
    "connections cut into pieces",
    "delays",
    "interruptions of the network",
    "small windows",
    "clients that stop reading",
    "half-closes",
    "resets by clients",
    "resets that only the client sees",
    "connections reset for taking no output",
    "requests in two pieces",
    "requests that timed out",
    "idle connections closed",
    "connections refused",
    "connections closed to make room",
    "requests ended by quiet",
    "requests ended by the end of the stream",
    "answers lost",
    "requests for a nick whose lease had ended",
    "refusals because the registry is full",
    "refusals because memory is tight",
    "registrations though memory is tight",
    "refusals because a host has too many",
    "refusals of what is another's",
    "full disk",
    "full disk, for good",
    "failed writes",
    "failed writes, for good",
    "failed syncs",
    "failed syncs, for good",
    "files replaced",
    "answers that the outcome is unknown",
    "answers that the store is unavailable",
    "changes while others were gathered",
    "power lost",
    "power lost in a commit",
    "batches lost that were not synced",
    "batches kept that were not synced",
    "verdicts lost",
    "unacknowledged changes lost",
    "unacknowledged changes kept",
    "power lost in recovery",
    "recoveries that failed",
    "recoveries",
    "leases shortened by recovery",
    "leases that ended while the server was down",
    "stops",
    "answers that the server is stopping",
    "wall clock set forward",
    "wall clock set back",
    "wall clock set while the server was down",
}};

}  // namespace

std::string_view name_of(Met met) { return kNames[static_cast<std::size_t>(met)]; }

}  // namespace rollcall::sim
