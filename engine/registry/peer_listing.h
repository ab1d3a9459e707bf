#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "engine/output_buffer.h"
#include "engine/random.h"
#include "engine/registry/blocks.h"
#include "engine/registry/client_entry.h"
#include "engine/time.h"

namespace rollcall::engine {

// The active entries in random order, ready to be written out.
//
//   positions   0 1 2 3 …                          shuffled_  size_
//   order_    [ e e e e e e e e | e e e e e e e e | e e e   ]      entry numbers
//   rendered_   'addr', 'addr',…  (not rendered)    …               text, a chunk at a time
//
// Whoever reads finds a uniformly random order: each insertion swaps with a random place (Fisher
// and Yates' shuffle, done as it grows), a removal moves the last entry into the gap. So any run of
// positions is a fair sample. Insertions wait in a tail, in no particular order, until some have
// come or somebody reads, and then swap together, so that their waits for memory overlap.
//
// A list is mostly a copy of ready text. Each rendered chunk knows a lower bound of the deadlines
// in it; once that has come the chunk is rendered again without those whose deadline has passed, so
// nobody is listed who has expired, swept or not. A renewal only raises deadlines and leaves the
// text alone.
class PeerListing {
 public:
  // `rendered_bytes_max` bounds the memory of rendered text. That and the order are in `memory`.
  PeerListing(EntryPool& pool, SampleGenerator generator, std::size_t rendered_bytes_max,
              std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());
  PeerListing(const PeerListing&) = delete;
  PeerListing& operator=(const PeerListing&) = delete;
  ~PeerListing();

  std::size_t size() const { return size_; }

  // Adds an entry and sets its `list_position`. REQUIRES: it is not in the listing.
  void insert(EntryNumber number);
  // As `insert`, for many at a time: they all wait. `shuffle` then makes the order a random one,
  // with fewer waits for memory than as many insertions have; or else the first who reads pays for
  // all.
  void add_unshuffled(EntryNumber number);
  void shuffle();
  // REQUIRES: the entry is in the listing.
  void remove(EntryNumber number);
  // The entry has another host or port than before.
  void changed(const ClientEntry& entry);

  // Appends `'10.0.0.7:9999', ` for each entry at the positions from `first` on, before `last`,
  // whose deadline is after `now`, `peers_max` of them at most. Returns how many. REQUIRES: first
  // <= last <= size().
  std::size_t append(std::size_t first, std::size_t last, std::size_t peers_max, Instant now,
                     OutputBuffer& out);

  // Memory held, in bytes; without and with rendered text.
  std::size_t order_bytes() const;
  // The most that `order_bytes` is while there were never more than so many peers at once.
  static constexpr std::size_t order_bytes_max(std::size_t peers) {
    return (peers + kBlockPeers - 1) / kBlockPeers * (sizeof(Block) + kBesideBlockBytesMax);
  }
  std::size_t rendered_bytes() const;

  void check_invariants() const;

 private:
  static constexpr std::size_t kChunkPeers = 32;
  static constexpr std::size_t kBlockPeers = 4096;
  // What a list needs next is asked for so many chunks before.
  static constexpr std::size_t kChunksAhead = 2;
  static constexpr std::size_t kSwapsTogether = 16;
  // What the text of a chunk takes at most where all hosts are IPv4, and what it may take beyond.
  static constexpr std::size_t kTextBytes =
      kChunkPeers * std::string_view("'255.255.255.255:65535', ").size();
  static constexpr std::size_t kRestBytesMax = kChunkPeers * limits::kPeerTextBytesMax - kTextBytes;

  using Rest = std::array<char, kRestBytesMax>;
  struct alignas(64) RenderedChunk {
    std::size_t chunk = SIZE_MAX;  // whose text it is; none's at first
    Instant earliest_deadline;
    Rest* rest = nullptr;  // null until it is needed for the first time
    // Position i of the chunk is the text [ends[i], ends[i + 1]), empty where the entry has
    // expired.
    std::array<std::uint16_t, kChunkPeers + 1> ends;
    std::uint16_t listed;
    std::array<char, kTextBytes> text;  // its beginning, or all of it
  };

  using Block = std::array<EntryNumber, kBlockPeers>;
  // Where a block is, and a bit for each of its chunks: there may be room for twice as many.
  static constexpr std::size_t kBesideBlockBytesMax =
      2 * (sizeof(Block*) + kBlockPeers / kChunkPeers / 8);

  EntryNumber& at(std::size_t position) {
    return order_[position / kBlockPeers][position % kBlockPeers];
  }
  EntryNumber at(std::size_t position) const {
    return order_[position / kBlockPeers][position % kBlockPeers];
  }
  // Makes room at the end, which is returned.
  std::size_t grow();
  // Brings the tail into random order with the rest.
  void shuffle_tail();
  void put(std::size_t position, EntryNumber number);
  void invalidate(std::size_t position);
  const RenderedChunk& rendered(std::size_t chunk, Instant now);
  void render(RenderedChunk& into, std::size_t chunk, Instant now);
  void check_rendered(const RenderedChunk& chunk) const;
  static void append_text(const RenderedChunk& chunk, std::size_t from, std::size_t to,
                          OutputBuffer& out);
  // Asks for what this list, or the next sample of its batch, goes on with: the text of a chunk,
  // or the entries that it will be rendered from.
  void prefetch(std::size_t chunk) const;
  void prefetch_entries(std::size_t chunk) const;

  EntryPool& pool_;
  std::pmr::memory_resource& memory_;
  SampleGenerator generator_;
  Blocks<Block> order_;
  std::size_t size_ = 0;
  std::size_t shuffled_ = 0;  // the positions before are in random order, the tail is not yet
  // Whether a chunk's text, if it is in the cache, is that of its entries. A bit each, so that a
  // change costs no wait for memory.
  std::vector<bool> is_current_;
  // The cache: chunk c may be in slot c % size. While it grows it has a slot for every chunk, so a
  // chunk stays where it is.
  const std::size_t rendered_slots_max_;
  std::deque<RenderedChunk*> rendered_;  // null where there is none; growing moves none of them
  std::size_t rendered_chunks_ = 0;
  std::size_t rests_ = 0;
};

}  // namespace rollcall::engine
