#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "engine/assert.h"
#include "engine/registry/blocks.h"
#include "engine/registry/occupied.h"

namespace rollcall::engine {

// A hash table that grows one small segment at a time: extendible hashing (Fagin, Nievergelt,
// Pippenger, Strong: "Extendible Hashing – A Fast Access Method for Dynamic Files", 1979) over
// segments that are probed linearly. Where slots fill cache lines, a probe goes all round its line
// before it goes to the next, so most lookups read no other (buckets: Knuth, TAOCP vol. 3, 6.4).
//
//   hash: | directory bits …            … home bits |        32 bits, keyed
//              │                             │
//              ▼                             ▼
//   directory_[0 .. 2^depth) ─► Segment: slots [ . . x x x . x . | x . . . . x x x | … ]
//
// A segment that is full splits in two by its next directory bit, which costs a few microseconds;
// nothing else is ever moved, except that the directory (a pointer a segment) doubles now and then.
// A table to which nothing was ever added has no segment.
// Erasing closes the gap instead of leaving a tombstone (Knuth, TAOCP vol. 3, 6.4, algorithm R), so
// lookups stay short however many entries came and went.
//
// `Slot` is a trivially copyable value of words of four bytes, without padding, with `bool
// is_empty() const`; a value-initialised one is empty. `HashOf` is a function object that gives the
// 32-bit hash of an occupied slot.
template <typename Slot, typename HashOf>
class ExtendibleTable {
 public:
  static constexpr std::uint32_t kSegmentSlots = 1024;
  // Beyond seven eighths full, probes grow long.
  static constexpr std::uint32_t kSegmentSlotsUsedMax = kSegmentSlots / 8 * 7;
  // Slots that probes go all round: a cache line, or the segment where slots do not fill lines.
  static constexpr std::size_t kLineBytes = 64;
  static constexpr bool kFillsLines = kLineBytes % sizeof(Slot) == 0;
  static constexpr std::uint32_t kRingSlots =
      kFillsLines ? std::uint32_t{kLineBytes / sizeof(Slot)} : kSegmentSlots;
  // Elsewhere an insert ends so many slots behind its home, on average over all loads.
  static constexpr std::uint32_t kProbesAhead = 4;
  // Directory bits and home bits must not overlap, or the slots of a deep segment would crowd.
  static constexpr unsigned kDepthMax = 32 - std::countr_zero(kSegmentSlots);

  // The segments and the directory are in `memory`.
  explicit ExtendibleTable(HashOf hash_of = HashOf(),
                           std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : hash_of_(hash_of), segments_(memory), directory_({&empty_segment_}, &memory) {}

  std::size_t size() const { return size_; }

  // Memory held, in bytes; of a segment, and of all.
  static constexpr std::size_t segment_bytes() { return sizeof(Segment); }
  std::size_t bytes() const {
    return segments_.bytes() + directory_.capacity() * sizeof(directory_[0]);
  }

  // By how much an insert raises `bytes` at the most, unless many hashes coincide.
  std::size_t growth() const {
    return segment_bytes() + segments_.pointer_bytes() +
           directory_.capacity() * sizeof(directory_[0]);
  }

  // Asks the processor to load what a lookup of `hash` will read first.
  void prefetch(std::uint32_t hash) const {
    __builtin_prefetch(&segment_of(hash).slots[home(hash)]);
  }

  // The same for what an insert writes besides.
  void prefetch_insert(std::uint32_t hash) const {
    const Segment& segment = segment_of(hash);
    __builtin_prefetch(&segment.used, 1, 1);
    if constexpr (!kFillsLines) {
      __builtin_prefetch(&segment.slots[(home(hash) + kProbesAhead) % kSegmentSlots], 1, 1);
    }
  }

  // The slot with this hash that `matches`, or null. Valid until the next insert or erase.
  template <typename Matches>
  Slot* find(std::uint32_t hash, Matches matches) {
    Segment& segment = segment_of(hash);
    std::uint32_t at = home(hash);
    for (std::uint32_t step = 1; !segment.slots[at].is_empty(); at = probe(home(hash), step++)) {
      if (matches(segment.slots[at])) return &segment.slots[at];
    }
    return nullptr;
  }

  // Adds a slot whose key is not in the table. Returns null, having changed nothing, where more
  // hashes coincide in their directory bits than a segment holds; a keyed hash makes that
  // impossible in practice, but nothing depends on it. The result is valid until the next insert
  // or erase.
  Slot* insert(const Slot& slot) {
    if (segments_.empty()) directory_[0] = new_segment(0);
    const std::uint32_t hash = hash_of_(slot);
    while (segment_of(hash).used == kSegmentSlotsUsedMax) {
      if (!split(hash)) return nullptr;
    }
    ++size_;
    return place(segment_of(hash), slot, hash);
  }

  // REQUIRES: `slot` came from `find` or `insert`, and nothing was inserted or erased since.
  void erase(Slot* slot) {
    Segment& segment = segment_of(hash_of_(*slot));
    std::uint32_t gap = static_cast<std::uint32_t>(slot - segment.slots.data());
    ROLLCALL_ASSERT(gap < kSegmentSlots);
    // In the gap's own ring an empty slot ends it. If there is none, others may have come past the
    // gap: they are in the next rings, up to the first with an empty slot, anywhere in it.
    bool has_room = false;
    for (std::uint32_t step = 1; step % kRingSlots != 0 || !has_room; ++step) {
      const std::uint32_t at = probe(gap, step);
      if (segment.slots[at].is_empty()) {
        has_room = true;
        if (step < kRingSlots) break;
      } else if (is_on_the_way(gap, segment.slots[at], at)) {
        segment.slots[gap] = segment.slots[at];
        gap = at;
        step = 0;
      }
    }
    segment.slots[gap] = Slot();
    --segment.used;
    --size_;
  }

  // Asserts that every slot is where a lookup of its hash finds it, and that the counts agree; the
  // second shows each slot to `visit`.
  void check_invariants() const {
    check_invariants([](const Slot&) {});
  }
  template <typename Visit>
  void check_invariants(Visit visit) const {
    if (segments_.empty()) return check_empty();
    std::size_t used_total = 0;
    for (std::size_t i = 0; i < directory_.size(); ++i) {
      const Segment& segment = *directory_[i];
      ROLLCALL_ASSERT(&segment != &empty_segment_);
      ROLLCALL_ASSERT(segment.depth <= depth_);
      ROLLCALL_ASSERT(segment.used <= kSegmentSlotsUsedMax);
      if (i % (directory_.size() >> segment.depth) != 0) continue;  // met at its first place
      std::uint32_t used = 0;
      for_each_occupied<Slot>(segment.slots, Slot(), [&](std::size_t at) {
        check_slot(segment, static_cast<std::uint32_t>(at));
        visit(segment.slots[at]);
        ++used;
      });
      ROLLCALL_ASSERT(used == segment.used);
      used_total += used;
    }
    ROLLCALL_ASSERT(used_total == size_);
  }

 private:
  struct alignas(kLineBytes) Segment {
    std::array<Slot, kSegmentSlots> slots{};
    std::uint32_t used = 0;
    unsigned depth = 0;  // directory bits that all its slots share
  };

  void check_empty() const {
    ROLLCALL_ASSERT(size_ == 0);
    ROLLCALL_ASSERT(depth_ == 0);
    ROLLCALL_ASSERT(directory_.size() == 1);
    ROLLCALL_ASSERT(directory_[0] == &empty_segment_);
    ROLLCALL_ASSERT(empty_segment_.used == 0);
  }

  void check_slot(const Segment& segment, std::uint32_t at) const {
    const std::uint32_t hash = hash_of_(segment.slots[at]);
    ROLLCALL_ASSERT(directory_[directory_index(hash)] == &segment);
    for (std::uint32_t step = steps(home(hash), at); step-- > 0;) {
      ROLLCALL_ASSERT(!segment.slots[probe(home(hash), step)].is_empty());
    }
  }

  static constexpr std::uint32_t home(std::uint32_t hash) { return hash % kSegmentSlots; }

  // Where the probes that begin at `from` come after `count` steps: round the ring, and then round
  // the next one, from the same place in it.
  static constexpr std::uint32_t probe(std::uint32_t from, std::uint32_t count) {
    const std::uint32_t ring = (from / kRingSlots + count / kRingSlots) * kRingSlots;
    return (ring + (from + count) % kRingSlots) % kSegmentSlots;
  }
  // After how many steps they come to `to`.
  static constexpr std::uint32_t steps(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t rings = (to / kRingSlots - from / kRingSlots) * kRingSlots;
    return (rings + (to - from) % kRingSlots) % kSegmentSlots;
  }

  // Whether a lookup of `slot`, which is at `at`, meets `gap` first.
  bool is_on_the_way(std::uint32_t gap, const Slot& slot, std::uint32_t at) const {
    const std::uint32_t start = home(hash_of_(slot));
    return steps(start, gap) < steps(start, at);
  }

  std::size_t directory_index(std::uint32_t hash) const {
    return static_cast<std::size_t>(std::uint64_t{hash} >> (32 - depth_));
  }
  Segment& segment_of(std::uint32_t hash) { return *directory_[directory_index(hash)]; }
  const Segment& segment_of(std::uint32_t hash) const { return *directory_[directory_index(hash)]; }

  Segment* new_segment(unsigned depth) {
    Segment& segment = segments_.add();
    segment.depth = depth;
    return &segment;
  }

  Slot* place(Segment& segment, const Slot& slot, std::uint32_t hash) {
    std::uint32_t at = home(hash);
    for (std::uint32_t step = 1; !segment.slots[at].is_empty(); ++step)
      at = probe(home(hash), step);
    segment.slots[at] = slot;
    ++segment.used;
    return &segment.slots[at];
  }

  // Splits the segment of `hash` in two. False if it is as deep as it may be.
  bool split(std::uint32_t hash) {
    Segment& low = segment_of(hash);
    if (low.depth == kDepthMax) return false;
    if (low.depth == depth_) double_directory();
    Segment& high = *new_segment(low.depth + 1);
    ++low.depth;

    // The directory's run of places that pointed to `low`: its upper half now points to `high`.
    const std::size_t run = directory_.size() >> (low.depth - 1);
    const std::size_t first = directory_index(hash) / run * run;
    for (std::size_t i = first + run / 2; i < first + run; ++i) directory_[i] = &high;

    const std::array<Slot, kSegmentSlots> slots = low.slots;
    low.slots.fill(Slot());
    low.used = 0;
    for (const Slot& slot : slots) {
      if (slot.is_empty()) continue;
      const std::uint32_t slot_hash = hash_of_(slot);
      place(segment_of(slot_hash), slot, slot_hash);
    }
    return true;
  }

  void double_directory() {
    std::pmr::vector<Segment*> doubled(directory_.size() * 2, directory_.get_allocator());
    for (std::size_t i = 0; i < doubled.size(); ++i) doubled[i] = directory_[i / 2];
    directory_ = std::move(doubled);
    ++depth_;
  }

  // Where a table without segments looks, so that no lookup has to ask. Never written to.
  inline static Segment empty_segment_;

  [[no_unique_address]] HashOf hash_of_;
  Blocks<Segment> segments_;
  std::pmr::vector<Segment*> directory_;
  unsigned depth_ = 0;
  std::size_t size_ = 0;
};

}  // namespace rollcall::engine
