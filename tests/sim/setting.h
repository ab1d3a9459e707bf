#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/engine.h"
#include "engine/registry/registry.h"
#include "transport/loopback.h"

namespace rollcall::sim {

inline constexpr engine::Duration kTtl = std::chrono::seconds(60);
inline constexpr engine::Duration kIdleMax = std::chrono::seconds(90);

// How a simulated server is set up: mostly with limits that are out of reach, so that what happens
// is known exactly.
struct Setting {
  explicit Setting(std::uint64_t choice);

  engine::RegistryOptions registry;
  engine::EngineOptions engine;
  transport::LoopbackOptions loopback;
  // Whether the registry's memory may be full.
  bool is_memory_tight = false;
  // Which store, and whether the disk under it lies: see Disk.
  bool uses_sqlite = false;
  bool disk_lies = false;
  std::uint64_t random_seed;
};

}  // namespace rollcall::sim
