#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What happens in a simulation: a setting and a list of events, which are drawn from a seed or read
// from bytes. Nothing else decides anything, so the same list gives the same run, and any part of
// it is a list again.

namespace rollcall::sim {

enum class EventKind : std::uint8_t {
  // Clients.
  kRequests,
  kPartOfRequest,  // the last request's end is kept back
  kHalfClose,
  kReconnect,
  kStopReading,
  kReadOn,
  // The network.
  kClientReset,
  kServerReset,  // the client sees a reset, the server does not know
  kHold,
  kLetThrough,
  kDelay,
  kCut,
  kWindow,
  // Time.
  kPass,
  kPassToDeadline,
  kWallJump,
  // The store, and the machine that the server runs on.
  kStoreSteps,
  kStoreFails,
  kStoreHeals,
  kPowerLoss,
  kPowerLossInCommit,
  kStop,
  kRestart,
};
inline constexpr std::size_t kEventKinds = static_cast<std::size_t>(EventKind::kRestart) + 1;

std::string_view name_of(EventKind kind);

// What each number means follows from the kind; every value of every number means something.
struct Event {
  EventKind kind = EventKind::kRequests;
  std::uint8_t client = 0;
  std::uint16_t amount = 0;
  std::uint32_t choice = 0;

  friend bool operator==(const Event&, const Event&) = default;
};

struct Schedule {
  std::uint64_t setting = 0;  // see Setting
  std::vector<Event> events;
  // See Disk.
  bool uses_sqlite = false;
  bool disk_lies = false;
};

// `events` of them, drawn from `seed`.
Schedule draw_schedule(std::uint64_t seed, std::size_t events);

// Eight bytes of setting, then eight for each event; what is left over is ignored.
inline constexpr std::size_t kSettingBytes = 8;
inline constexpr std::size_t kEventBytes = 8;
Schedule schedule_of(std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> bytes_of(const Schedule& schedule);

}  // namespace rollcall::sim
