#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/event.h"
#include "tests/sim/tally.h"
#include "tests/sim/trace.h"

namespace rollcall::sim {

// Events of a run, unless somebody asks for more: a few crashes and restarts each.
inline constexpr std::size_t kEventsPerRun = 300;
// Seeds that are enough to meet every kind of fault.
inline constexpr std::uint64_t kSeedsToMeetAll = 250;

// What a run comes to.
struct Ran {
  std::string broken;  // which promise was; empty if none
  std::uint64_t hash = 0;
  std::uint64_t operations = 0;
  Tally tally;
};

// In this process, where a failed assertion ends it.
Ran run(const Schedule& schedule, const Trace& trace = {});

// In a process of its own: what it said before it failed, empty if it did not.
std::string failure_of(const Schedule& schedule, bool is_traced);

// Many seeds, one after the other.
struct Campaign {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 1;
  std::size_t events = kEventsPerRun;
  // SQLite on a simulated disk, and not the store in memory.
  bool uses_sqlite = false;
  // A canary: the disk says that it has synced, and has not.
  bool disk_lies = false;
};
struct CampaignResult {
  std::optional<std::uint64_t> failed_seed;  // the first that did; nothing was run after it
  std::uint64_t seeds = 0;                   // that did not fail
  std::uint64_t operations = 0;
  std::uint64_t hash = 0;
  Tally tally;
};
CampaignResult run(const Campaign& campaign);

// Everything that somebody who has to repair it wants to know: the seed, the commit, the command
// that does it again, and the few events that are enough, with what happened. `seed` is one that
// failed in this campaign.
std::string report_of(const Campaign& campaign, std::uint64_t seed);

}  // namespace rollcall::sim
