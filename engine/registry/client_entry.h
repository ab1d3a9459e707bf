#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>

#include "engine/cookie.h"
#include "engine/host_address.h"
#include "engine/registry/blocks.h"
#include "engine/time.h"

namespace rollcall::engine {

// Entries are named by number, so that everything that refers to one takes four bytes and survives
// growth. The highest bit is free for tags.
using EntryNumber = std::uint32_t;
inline constexpr EntryNumber kNoEntry = 0x7FFF'FFFF;

// The date as an entry keeps it: in seconds since the epoch, which lasts until 2106.
constexpr std::uint32_t seconds_of(WallTime wall) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(wall.time_since_epoch().count(), 0, 0xFFFF'FFFF));
}

// In days since the epoch.
constexpr std::uint16_t day_of(WallTime wall) {
  const auto day = std::chrono::floor<std::chrono::days>(wall).time_since_epoch().count();
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(day, 0, 0xFFFF));
}

enum class EntryState : std::uint8_t { kFree, kActive, kInactive };

// One registered client: one cache line, because a request about it waits for memory once.
//
// A nick of up to 14 bytes stands in the entry. A longer nick, or any nick of an entry that has a
// cookie, stands in a block of its own together with the cookie.
class alignas(64) ClientEntry {
 public:
  std::string_view nick() const {
    return {external_ ? external_block() + sizeof(Cookie) : inline_, nick_bytes_};
  }
  bool has_cookie() const { return has_cookie_; }
  // REQUIRES: has_cookie().
  Cookie cookie() const;

  HostAddress host;
  // Active: the end of the lease. Inactive: when the entry became so.
  Instant deadline;
  // An entry that is not free is on one list: a slot of the expiry wheel, or the queue of inactive
  // entries. A free one is on the free list.
  EntryNumber next;
  EntryNumber previous;
  // Active: the entry's place in the listing.
  std::uint32_t list_position;
  std::uint32_t registered_at;  // as seconds_of gives it
  // Bit d: registered or kept alive d days before `activity_day`, which is as day_of gives it
  // (UTC).
  std::uint32_t activity_bits;
  std::uint16_t activity_day;
  std::uint16_t port;
  EntryState state : 2;

 private:
  friend class EntryPool;

  char* external_block() const;

  bool external_ : 1;
  bool has_cookie_ : 1;
  std::uint8_t nick_bytes_;
  char inline_[14];  // the nick, or a pointer to the block
};
static_assert(sizeof(ClientEntry) == 64);

// Owns the entries, in chunks that never move: a new entry never costs more than one chunk.
class EntryPool {
 public:
  // The chunks are in `memory`.
  explicit EntryPool(std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : chunks_(memory) {}
  EntryPool(const EntryPool&) = delete;
  EntryPool& operator=(const EntryPool&) = delete;
  ~EntryPool();

  ClientEntry& operator[](EntryNumber number) {
    return chunks_[number / kChunkEntries].entries()[number % kChunkEntries];
  }
  const ClientEntry& operator[](EntryNumber number) const {
    return chunks_[number / kChunkEntries].entries()[number % kChunkEntries];
  }

  // A blank entry with this nick and no cookie. Its state is kFree until the caller sets it.
  EntryNumber allocate(std::string_view nick);
  void free(EntryNumber number);

  // Replaces the cookie; null takes it away.
  void set_cookie(ClientEntry& entry, const Cookie* cookie) {
    if (cookie != nullptr || entry.has_cookie_) replace_cookie(entry, cookie);
  }

  std::size_t in_use() const { return in_use_; }
  // Every number ever given out is below this.
  EntryNumber numbers_end() const { return numbers_end_; }
  // Memory held, in bytes; blocks count with what the allocator adds to them.
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk) + external_bytes_; }
  // What `bytes` would be if every entry had a cookie: no renewal takes it higher.
  std::size_t bytes_promised() const { return chunks_.size() * sizeof(Chunk) + promised_bytes_; }
  // By how much `allocate` of a nick of this length would raise `bytes_promised`.
  std::size_t growth(std::size_t nick_bytes) const;

 private:
  static constexpr std::size_t kChunkEntries = 1024;  // 64 KiB

  // Uninitialised until an entry is allocated, so that a chunk in ordinary pages is paid
  // for page by page.
  struct Chunk {
    ClientEntry* entries() { return reinterpret_cast<ClientEntry*>(storage); }
    const ClientEntry* entries() const { return reinterpret_cast<const ClientEntry*>(storage); }
    alignas(ClientEntry) std::byte storage[kChunkEntries * sizeof(ClientEntry)];
  };

  void replace_cookie(ClientEntry& entry, const Cookie* cookie);
  void store_nick(ClientEntry& entry, std::string_view nick, const Cookie* cookie);
  void drop_external(ClientEntry& entry);

  Blocks<Chunk> chunks_;
  EntryNumber numbers_end_ = 0;
  EntryNumber free_ = kNoEntry;
  std::size_t in_use_ = 0;
  std::size_t external_bytes_ = 0;
  std::size_t promised_bytes_ = 0;
};

}  // namespace rollcall::engine
