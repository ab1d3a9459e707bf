#include "engine/registry/peer_listing.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "engine/assert.h"
#include "engine/wire/address_text.h"

namespace rollcall::engine {
namespace {

static_assert(kEndpointTextBytesMax + std::string_view("'', ").size() == limits::kPeerTextBytesMax);

std::size_t write_peer(const ClientEntry& entry, char* to) {
  to[0] = '\'';
  const std::size_t bytes = write_endpoint({entry.host, entry.port}, to + 1);
  std::memcpy(to + 1 + bytes, "', ", 3);
  return bytes + 4;
}

}  // namespace

PeerListing::PeerListing(EntryPool& pool, SampleGenerator generator, std::size_t rendered_bytes_max,
                         std::pmr::memory_resource& memory)
    : pool_(pool),
      memory_(memory),
      generator_(generator),
      order_(memory),
      rendered_slots_max_(
          std::max<std::size_t>(1, rendered_bytes_max / (sizeof(RenderedChunk) + sizeof(Rest)))) {}

PeerListing::~PeerListing() {
  for (RenderedChunk* chunk : rendered_) {
    if (chunk == nullptr) continue;
    if (chunk->rest != nullptr) memory_.deallocate(chunk->rest, sizeof(Rest), alignof(Rest));
    memory_.deallocate(chunk, sizeof(RenderedChunk), alignof(RenderedChunk));
  }
}

std::size_t PeerListing::grow() {
  if (size_ == order_.size() * kBlockPeers) {
    order_.add();
    const std::size_t chunks = order_.size() * (kBlockPeers / kChunkPeers);
    is_current_.resize(chunks);
    rendered_.resize(std::min(chunks, rendered_slots_max_));
  }
  return size_++;
}

void PeerListing::insert(EntryNumber number) {
  add_unshuffled(number);
  if (size_ - shuffled_ >= kSwapsTogether) shuffle_tail();
}

void PeerListing::shuffle_tail() {
  while (shuffled_ < size_) {
    const std::size_t first = shuffled_;
    const std::size_t last = std::min(size_, first + kSwapsTogether);
    std::array<std::size_t, kSwapsTogether> places;
    for (std::size_t i = first; i < last; ++i) {
      places[i - first] = generator_.below(i + 1);
      __builtin_prefetch(&at(places[i - first]), 1);
    }
    for (std::size_t i = first; i < last; ++i) {
      __builtin_prefetch(&pool_[at(places[i - first])], 1);
    }
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t place = places[i - first];
      if (place == i) continue;
      const EntryNumber number = at(i);
      put(i, at(place));
      put(place, number);
    }
    shuffled_ = last;
  }
}

void PeerListing::add_unshuffled(EntryNumber number) { put(grow(), number); }

void PeerListing::shuffle() {
  for (std::size_t last = 1; last < size_; ++last) {
    std::swap(at(last), at(generator_.below(last + 1)));
  }
  constexpr std::size_t kAhead = 16;
  for (std::size_t position = 0; position < size_; ++position) {
    if (position + kAhead < size_) __builtin_prefetch(&pool_[at(position + kAhead)], 1);
    put(position, at(position));
  }
  shuffled_ = size_;
}

void PeerListing::remove(EntryNumber number) {
  const std::size_t place = pool_[number].list_position;
  ROLLCALL_ASSERT(place < size_);
  ROLLCALL_ASSERT(at(place) == number);
  const std::size_t last = --size_;
  invalidate(last);
  if (place != last) put(place, at(last));
  shuffled_ = std::min(shuffled_, size_);
}

void PeerListing::changed(const ClientEntry& entry) { invalidate(entry.list_position); }

void PeerListing::put(std::size_t position, EntryNumber number) {
  at(position) = number;
  pool_[number].list_position = static_cast<std::uint32_t>(position);
  invalidate(position);
}

void PeerListing::invalidate(std::size_t position) { is_current_[position / kChunkPeers] = false; }

std::size_t PeerListing::append(std::size_t first, std::size_t last, std::size_t peers_max,
                                Instant now, OutputBuffer& out) {
  ROLLCALL_ASSERT(first <= last);
  ROLLCALL_ASSERT(last <= size_);
  shuffle_tail();
  std::size_t listed = 0;
  while (first < last && listed < peers_max) {
    const RenderedChunk& chunk = rendered(first / kChunkPeers, now);
    prefetch(first / kChunkPeers + kChunksAhead);
    const std::size_t from = first % kChunkPeers;
    std::size_t to = std::min(kChunkPeers, from + (last - first));
    first += to - from;
    if (chunk.listed == kChunkPeers) {
      if (to - from > peers_max - listed) to = from + (peers_max - listed);
      listed += to - from;
    } else {
      std::size_t i = from;
      for (; i < to && listed < peers_max; ++i) listed += chunk.ends[i] != chunk.ends[i + 1];
      to = i;
    }
    append_text(chunk, from, to, out);
  }
  return listed;
}

void PeerListing::append_text(const RenderedChunk& chunk, std::size_t from, std::size_t to,
                              OutputBuffer& out) {
  const std::size_t begin = chunk.ends[from];
  const std::size_t end = chunk.ends[to];
  const std::string_view text(chunk.text.data(), std::min(end, kTextBytes));
  if (begin < text.size()) out.append(text.substr(begin));
  if (end <= kTextBytes) return;
  const std::string_view rest(chunk.rest->data(), end - kTextBytes);
  out.append(rest.substr(std::max(begin, kTextBytes) - kTextBytes));
}

void PeerListing::prefetch(std::size_t chunk) const {
  if (chunk * kChunkPeers >= size_) return;
  const std::size_t slots = rendered_.size();
  const bool is_slot_shared = chunk >= slots || (chunk + slots) * kChunkPeers < size_;
  if (!is_current_[chunk] || is_slot_shared) return prefetch_entries(chunk);
  // It was rendered, and into this slot.
  const char* const bytes = reinterpret_cast<const char*>(rendered_[chunk]);
  for (std::size_t at = 0; at < sizeof(RenderedChunk); at += 64) {
    __builtin_prefetch(bytes + at, 0, 1);
  }
}

void PeerListing::prefetch_entries(std::size_t chunk) const {
  const std::size_t first = chunk * kChunkPeers;
  const std::size_t last = std::min(size_, first + kChunkPeers);
  for (std::size_t i = first; i < last; ++i) __builtin_prefetch(&pool_[at(i)]);
}

const PeerListing::RenderedChunk& PeerListing::rendered(std::size_t chunk, Instant now) {
  const std::size_t slots = rendered_.size();
  // Divides only where chunks share slots.
  RenderedChunk*& slot = rendered_[chunk < slots ? chunk : chunk % slots];
  if (slot == nullptr) {
    slot = new (memory_.allocate(sizeof(RenderedChunk), alignof(RenderedChunk))) RenderedChunk;
    ++rendered_chunks_;
  }
  if (slot->chunk != chunk || !is_current_[chunk] || now >= slot->earliest_deadline) {
    render(*slot, chunk, now);
  }
  return *slot;
}

void PeerListing::render(RenderedChunk& into, std::size_t chunk, Instant now) {
  prefetch_entries(chunk);
  const std::size_t first = chunk * kChunkPeers;
  const std::size_t last = std::min(size_, first + kChunkPeers);
  into.chunk = chunk;
  into.earliest_deadline = kNever;
  into.listed = 0;
  into.ends[0] = 0;
  std::array<char, kTextBytes + kRestBytesMax> text;
  std::size_t end = 0;
  for (std::size_t i = 0; i < kChunkPeers; ++i) {
    if (first + i < last) {
      const ClientEntry& entry = pool_[at(first + i)];
      if (entry.deadline > now) {
        end += write_peer(entry, text.data() + end);
        into.earliest_deadline = std::min(into.earliest_deadline, entry.deadline);
        ++into.listed;
      }
    }
    into.ends[i + 1] = static_cast<std::uint16_t>(end);
  }
  std::memcpy(into.text.data(), text.data(), std::min(end, kTextBytes));
  if (end > kTextBytes) {
    if (into.rest == nullptr) {
      into.rest = new (memory_.allocate(sizeof(Rest), alignof(Rest))) Rest;
      ++rests_;
    }
    std::memcpy(into.rest->data(), text.data() + kTextBytes, end - kTextBytes);
  }
  is_current_[chunk] = true;
}

std::size_t PeerListing::order_bytes() const { return order_.bytes() + is_current_.capacity() / 8; }

std::size_t PeerListing::rendered_bytes() const {
  return rendered_chunks_ * sizeof(RenderedChunk) + rests_ * sizeof(Rest) +
         rendered_.size() * sizeof(rendered_[0]);
}

void PeerListing::check_invariants() const {
  ROLLCALL_ASSERT(shuffled_ <= size_);
  for (std::size_t position = 0; position < size_; ++position) {
    const ClientEntry& entry = pool_[at(position)];
    ROLLCALL_ASSERT(entry.state == EntryState::kActive);
    ROLLCALL_ASSERT(entry.list_position == position);
  }
  std::size_t chunks = 0;  // behind the last of them there is nothing
  std::size_t rests = 0;
  for (const RenderedChunk* const slot : rendered_) {
    if (chunks == rendered_chunks_) break;
    if (slot == nullptr) continue;
    ++chunks;
    rests += slot->rest != nullptr;
    check_rendered(*slot);
  }
  ROLLCALL_ASSERT(chunks == rendered_chunks_);
  ROLLCALL_ASSERT(rests == rests_);
}

void PeerListing::check_rendered(const RenderedChunk& chunk) const {
  const std::size_t first = chunk.chunk * kChunkPeers;
  if (first >= size_ || !is_current_[chunk.chunk]) return;
  std::size_t listed = 0;
  OutputBuffer out;
  for (std::size_t i = 0; i < kChunkPeers && first + i < size_; ++i) {
    if (chunk.ends[i] == chunk.ends[i + 1]) continue;
    ++listed;
    const ClientEntry& entry = pool_[at(first + i)];
    ROLLCALL_ASSERT(entry.deadline >= chunk.earliest_deadline);
    std::array<char, limits::kPeerTextBytesMax> text;
    const std::size_t bytes = write_peer(entry, text.data());
    out.clear();
    append_text(chunk, i, i + 1, out);
    ROLLCALL_ASSERT(out.view() == std::string_view(text.data(), bytes));
  }
  ROLLCALL_ASSERT(listed == chunk.listed);
}

}  // namespace rollcall::engine
