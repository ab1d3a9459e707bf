// Property: whatever is inserted, found and erased, in whatever order and however the hashes crowd,
// the hash table holds what a map holds; it refuses only what more hashes coincide in than a
// segment has room for; and it does not grow by coming and going.
//
// The input is a byte that says how hashes crowd, and a list of operations, four bytes each.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/registry/extendible_table.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"

namespace {

using namespace rollcall;

constexpr std::uint32_t kHomes = 1024;  // of a segment
constexpr std::uint32_t kKeys = 2 * kHomes;

// How keys become hashes.
enum class Crowding : std::uint8_t { kSpread, kFewHomes, kFewSegments, kOneSegment, kLastHomes };

struct Slot {
  std::uint32_t key = 0;
  std::uint32_t value = 0;
  bool is_empty() const { return value == 0; }
};

struct HashOf {
  static constexpr std::uint32_t kLowBits = kHomes - 1;

  Crowding crowding;
  std::uint32_t operator()(const Slot& slot) const { return hash(slot.key); }
  std::uint32_t hash(std::uint32_t key) const {
    const std::uint32_t spread = key * 0x9E3779B1u;
    switch (crowding) {
      case Crowding::kSpread:
        return spread;
      case Crowding::kFewHomes:  // eight in a row of each segment, in all segments
        return (spread & ~kLowBits) | key % 8;
      case Crowding::kFewSegments:  // two segments that only the eighth bit tells apart
        return (key % 2) << 24 | (spread & kLowBits);
      case Crowding::kOneSegment:  // all that hashes can have in common
        return ~kLowBits | (spread & kLowBits);
      case Crowding::kLastHomes:  // the last ones, so that they go on at the first
        return (spread & ~kLowBits) | (kHomes - 4 + key % 4);
    }
    __builtin_unreachable();
  }
};

// As that of hosts: probes go round the segment, not round a cache line.
struct LongSlot : Slot {
  std::uint32_t more = 0;
};

template <typename TableSlot>
class Comparison {
 public:
  using Table = engine::ExtendibleTable<TableSlot, HashOf>;
  static_assert(Table::kSegmentSlots == kHomes);

  explicit Comparison(Crowding crowding)
      : hash_of_{crowding}, table_(std::make_unique<Table>(hash_of_)) {}

  void step(std::span<const std::uint8_t> record) {
    const std::uint32_t first = (std::uint32_t{record[1]} << 8 | record[2]) % kKeys;
    const std::uint32_t keys = 1 + std::uint32_t{record[3]};
    const std::uint32_t stride = 1u + record[0] / 8u % 4u * 2u;
    for (std::uint32_t i = 0; i < keys; ++i) {
      const std::uint32_t key = (first + i * stride) % kKeys;
      switch (record[0] % 4) {
        case 0:
        case 1:
          put(key, 1 + record[3]);
          break;
        case 2:
          erase(key);
          compare(key);
          break;
        case 3:
          compare(key);
          break;
      }
    }
    if (table_->size() != size_) fuzz::broken("another size");
  }

  void finish() {
    for (std::uint32_t key = 0; key < kKeys; ++key) compare(key);
    std::size_t visited = 0;
    table_->check_invariants([&](const Slot& slot) {
      if (values_[slot.key] != slot.value) fuzz::broken("visited another");
      ++visited;
    });
    if (visited != size_) fuzz::broken("visited another number");
    // Segments are never given back, but neither do they pile up.
    const std::size_t bytes = table_->bytes() + table_->growth();
    for (std::uint32_t key = 0; key < kKeys; ++key) erase(key);
    for (std::uint32_t key = 0; key < 64; ++key) put(key, 1);
    if (table_->bytes() > bytes) fuzz::broken("grows by coming and going");
    table_->check_invariants();
  }

 private:
  TableSlot* find(std::uint32_t key) {
    const std::uint32_t hash = hash_of_.hash(key);
    table_->prefetch(hash);
    std::size_t probes = 0;
    TableSlot* slot = table_->find(hash, [&](const Slot& candidate) {
      ++probes;
      return candidate.key == key;
    });
    if (probes > size_) fuzz::broken("looks at more slots than are used");
    return slot;
  }

  TableSlot* compare(std::uint32_t key) {
    TableSlot* slot = find(key);
    if ((slot == nullptr ? 0 : slot->value) != values_[key]) fuzz::broken("another value");
    return slot;
  }

  void put(std::uint32_t key, std::uint32_t value) {
    if (TableSlot* slot = compare(key)) {
      values_[key] = slot->value = value;
      return;
    }
    const std::size_t bytes_max = table_->bytes() + table_->growth();
    TableSlot added;
    added.key = key;
    added.value = value;
    const Slot* slot = table_->insert(added);
    if (slot == nullptr) {
      if (coinciding(key) < Table::kSegmentSlotsUsedMax) fuzz::broken("refused for no reason");
      return;
    }
    if (slot->key != key || slot->value != value) fuzz::broken("inserted another");
    const bool is_spread =
        hash_of_.crowding != Crowding::kFewSegments && hash_of_.crowding != Crowding::kOneSegment;
    if (is_spread && table_->bytes() > bytes_max) fuzz::broken("grows by more than it says");
    values_[key] = value;
    ++size_;
  }

  void erase(std::uint32_t key) {
    TableSlot* slot = compare(key);
    if (slot == nullptr) return;
    table_->erase(slot);
    values_[key] = 0;
    --size_;
  }

  // Keys whose hashes have all the bits in common by which a segment can be split.
  std::size_t coinciding(std::uint32_t key) const {
    const auto bits = [&](std::uint32_t of) {
      return hash_of_.hash(of) >> (32 - Table::kDepthMax);
    };
    std::size_t keys = 0;
    for (std::uint32_t other = 0; other < kKeys; ++other) {
      keys += values_[other] != 0 && bits(other) == bits(key);
    }
    return keys;
  }

  const HashOf hash_of_;
  std::unique_ptr<Table> table_;
  std::vector<std::uint32_t> values_ = std::vector<std::uint32_t>(kKeys);  // zero: not there
  std::size_t size_ = 0;
};

template <typename TableSlot>
void compare_with_a_map(std::span<const std::uint8_t> input) {
  Comparison<TableSlot> comparison(static_cast<Crowding>(input[0] % 5));
  fuzz::for_each_record(input,
                        [&](std::span<const std::uint8_t> record) { comparison.step(record); });
  comparison.finish();
}

}  // namespace

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 1, .record_bytes = 4};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  compare_with_a_map<Slot>(input);
  compare_with_a_map<LongSlot>(input);
  return 0;
}
