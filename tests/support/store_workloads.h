#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "store/sqlite_store.h"
#include "tests/support/process_on_disk.h"

namespace rollcall::tests {

// What a process does with its store, and how big its nicks, its WAL and its journal become.
struct Workload {
  enum class Through : std::uint8_t { kStore, kServer };

  std::string name;
  Through through = Through::kStore;
  std::uint64_t nicks = 50;
  store::SqliteStore::Options options;
  std::vector<Step> steps;
};

inline void PrintTo(const Workload& workload, std::ostream* to) { *to << workload.name; }

// Twenty different ones.
const std::vector<Workload>& workloads();

// One that `seed` makes up, of any steps and sizes.
Workload random_workload(std::uint64_t seed);

// A process that is ready to begin, on an empty disk: the same every time. `opener`, if there is
// one, opens another kind of store.
std::unique_ptr<ProcessOnDisk> process_for(const Workload& workload,
                                           const SimulatedDisk::Options& disk = {},
                                           const ProcessOnDisk::Opener& opener = nullptr);

}  // namespace rollcall::tests
