#include "tests/sim/event.h"

#include <array>
#include <numeric>

#include "engine/random.h"

namespace rollcall::sim {
namespace {

struct KindOfEvent {
  std::string_view name;
  std::uint64_t weight;  // how often it is drawn
};

constexpr std::array<KindOfEvent, kEventKinds> kKinds = {{
    {"requests", 470},
    {"part of a request", 12},
    {"half-close", 10},
    {"reconnect", 14},
    {"stop reading", 8},
    {"read on", 14},
    {"client resets", 8},
    {"client is reset", 5},
    {"hold", 10},
    {"let through", 16},
    {"delay", 12},
    {"cut", 12},
    {"window", 8},
    {"pass", 60},
    {"pass to a deadline", 16},
    {"wall clock jumps", 8},
    {"store steps", 60},
    {"store fails", 8},
    {"store heals", 20},
    {"power loss", 6},
    {"power loss in a commit", 6},
    {"stop", 3},
    {"restart", 90},
}};

EventKind draw_kind(engine::SampleGenerator& random) {
  constexpr std::uint64_t kTotal =
      std::accumulate(kKinds.begin(), kKinds.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const KindOfEvent& kind) { return sum + kind.weight; });
  std::uint64_t at = random.below(kTotal);
  std::size_t kind = 0;
  while (at >= kKinds[kind].weight) at -= kKinds[kind++].weight;
  return static_cast<EventKind>(kind);
}

std::uint64_t little_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

void append(std::uint64_t value, std::size_t bytes, std::vector<std::uint8_t>& to) {
  for (std::size_t i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

}  // namespace

std::string_view name_of(EventKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

Schedule draw_schedule(std::uint64_t seed, std::size_t events) {
  engine::SampleGenerator random(seed);
  Schedule schedule;
  schedule.setting = random.next();
  schedule.events.reserve(events);
  while (schedule.events.size() < events) {
    const EventKind kind = draw_kind(random);
    const std::uint64_t numbers = random.next();
    schedule.events.push_back({kind, static_cast<std::uint8_t>(numbers),
                               static_cast<std::uint16_t>(numbers >> 8),
                               static_cast<std::uint32_t>(numbers >> 32)});
  }
  return schedule;
}

Schedule schedule_of(std::span<const std::uint8_t> bytes) {
  Schedule schedule;
  if (bytes.size() < kSettingBytes) return schedule;
  schedule.setting = little_endian(bytes.first(kSettingBytes));
  for (bytes = bytes.subspan(kSettingBytes); bytes.size() >= kEventBytes;
       bytes = bytes.subspan(kEventBytes)) {
    schedule.events.push_back({static_cast<EventKind>(bytes[0] % kEventKinds), bytes[1],
                               static_cast<std::uint16_t>(little_endian(bytes.subspan(2, 2))),
                               static_cast<std::uint32_t>(little_endian(bytes.subspan(4, 4)))});
  }
  return schedule;
}

std::vector<std::uint8_t> bytes_of(const Schedule& schedule) {
  std::vector<std::uint8_t> bytes;
  append(schedule.setting, kSettingBytes, bytes);
  for (const Event& event : schedule.events) {
    bytes.push_back(static_cast<std::uint8_t>(event.kind));
    bytes.push_back(event.client);
    append(event.amount, 2, bytes);
    append(event.choice, 4, bytes);
  }
  return bytes;
}

}  // namespace rollcall::sim
