#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/change.h"
#include "store/group_commit.h"
#include "store/lease_clock.h"
#include "store/memory_store.h"
#include "store/record.h"
#include "tests/support/store_ledger.h"

namespace rollcall::tests {

// A list whose entries have versions, which stand in the port. It is what memory has. Its changes
// are told under its lock, as a shard does.
class VersionedList final : public store::EntrySource {
 public:
  explicit VersionedList(const store::LeaseClock& clock) : clock_(clock) {}

  // Makes the next version of a nick, which belongs to `shard`, and tells it. Which one it is.
  std::uint16_t change(const std::string& nick, std::uint32_t shard, engine::Instant deadline,
                       engine::ChangeSink& to) {
    const std::lock_guard lock(mutex_);
    const auto [entry, is_new] = entries_.try_emplace(nick);
    engine::Change& change = entry->second;
    change.nick = entry->first;
    change.shard = shard;
    change.active = true;
    change.deadline = deadline;
    ++change.port;
    to.append(change);
    return change.port;
  }

  bool read(Position& position, std::size_t entries_max, std::string& packed) override {
    const std::lock_guard lock(mutex_);
    auto entry = entries_.begin();
    std::advance(entry, position.entry);
    for (; entry != entries_.end() && entries_max > 0; ++entry, --entries_max) {
      store::pack(store::record_of(entry->second, clock_), packed);
      ++position.entry;
    }
    return entry != entries_.end();
  }

  std::map<std::string, std::uint16_t> versions() const {
    std::map<std::string, std::uint16_t> versions;
    for (const auto& [nick, change] : entries_) versions[nick] = change.port;
    return versions;
  }

 private:
  std::mutex mutex_;
  const store::LeaseClock clock_;
  std::map<std::string, engine::Change> entries_;
};

// What a device would give back to a store that is opened now.
struct Found {
  std::map<std::string, std::uint16_t> versions;  // by nick
  std::map<std::string, store::LeaseTime> deadlines;
  std::map<std::string, engine::WallTime> registered_at;
  std::chrono::milliseconds wall_offset{0};
};
inline Found found_on(store::MemoryDevice device) {
  Found found;
  store::MemoryStore store(device);
  StoreContent content;
  const auto loaded = store.load([&](std::chrono::milliseconds, std::string_view packed) {
    EXPECT_TRUE(content.add(packed));
    return true;
  });
  for (const auto& [nick, packed] : content.records) {
    std::string_view text = packed;
    const store::Record record = store::unpack(text).value();
    found.versions[nick] = record.port;
    found.deadlines[nick] = record.deadline;
    found.registered_at[nick] = record.registered_at;
  }
  found.wall_offset = loaded.wall_offset;
  return found;
}

// A group commit over a device in memory, driven by hand.
class CommitUnderTest {
 public:
  explicit CommitUnderTest(const store::GroupCommit::Options& options = {})
      : group(options, store, list, store::LeaseClock(clocks, std::chrono::milliseconds(0))) {
    group.wake_with([this] { ++wakes; });
  }

  // The registry makes a change and tells it. Its version.
  std::uint16_t change(const std::string& nick, std::uint32_t shard = 0) {
    return list.change(nick, shard, clocks.now + std::chrono::hours(1), group);
  }
  store::Resolved commit() {
    group.gather();
    group.check_invariants();
    const store::Resolved resolved = group.commit(clocks);
    group.check_invariants();
    return resolved;
  }
  void advance(engine::Duration by) {
    clocks.now += by;
    clocks.wall += std::chrono::floor<std::chrono::milliseconds>(by);
  }
  Found found() const { return found_on(device); }

  store::ClockReading clocks{engine::Instant(std::chrono::hours(1)),
                             store::WallInstant(std::chrono::days(20'000))};
  store::MemoryDevice device;
  store::MemoryStore store{device};
  VersionedList list{store::LeaseClock(clocks, std::chrono::milliseconds(0))};
  int wakes = 0;
  store::GroupCommit group;
};

}  // namespace rollcall::tests
