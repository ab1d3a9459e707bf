// Property: whatever is inserted, found and erased, in whatever order and however the hashes crowd,
// the hash table holds what a map holds; it refuses only what more hashes coincide in than a
// segment has room for; and it does not grow by coming and going.
//
// The input is a byte that says how hashes crowd, and a list of operations, four bytes each.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "engine/registry/extendible_table.h"
#include "fuzz/mutator.h"
#include "fuzz/property.h"

namespace {

using namespace rollcall;

constexpr fuzz::RecordFormat kFormat{.header_bytes = 1, .record_bytes = 4};
constexpr std::uint32_t kKeys = 4096;

// How keys become hashes.
enum class Crowding : std::uint8_t { kSpread, kFewHomes, kFewSegments, kOneSegment, kLastHomes };

struct Slot {
  std::uint32_t key = 0;
  std::uint32_t value = 0;
  bool is_empty() const { return value == 0; }
};

struct HashOf {
  Crowding crowding;
  std::uint32_t operator()(const Slot& slot) const { return hash(slot.key); }
  std::uint32_t hash(std::uint32_t key) const {
    const std::uint32_t spread = key * 0x9E3779B1u;
    switch (crowding) {
      case Crowding::kSpread:
        return spread;
      case Crowding::kFewHomes:  // eight in a row of each segment, in all segments
        return (spread & 0xFFFF'FE00) | key % 8;
      case Crowding::kFewSegments:  // two segments that only the eighth bit tells apart
        return (key % 2) << 24 | (spread & 0x1FF);
      case Crowding::kOneSegment:  // all that hashes can have in common
        return 0xFFFF'FE00u | (spread & 0x1FF);
      case Crowding::kLastHomes:  // the last ones, so that they go on at the first
        return (spread & 0xFFFF'FE00) | (508 + key % 4);
    }
    __builtin_unreachable();
  }
};

using Table = engine::ExtendibleTable<Slot, HashOf>;

class Comparison {
 public:
  explicit Comparison(Crowding crowding)
      : hash_of_{crowding}, table_(std::make_unique<Table>(hash_of_)) {}

  void step(std::span<const std::uint8_t> record) {
    const std::uint32_t first = (std::uint32_t{record[1]} << 8 | record[2]) % kKeys;
    const std::uint32_t keys = 1 + std::uint32_t{record[3]};
    const std::uint32_t stride = 1 + record[0] / 8 % 4 * 2;
    for (std::uint32_t i = 0; i < keys; ++i) {
      const std::uint32_t key = (first + i * stride) % kKeys;
      switch (record[0] % 4) {
        case 0:
        case 1:
          put(key, 1 + record[3]);
          break;
        case 2:
          erase(key);
          break;
        case 3:
          compare(key);
          break;
      }
    }
    if (table_->size() != model_.size()) fuzz::broken("another size");
  }

  void finish() {
    table_->check_invariants();
    for (std::uint32_t key = 0; key < kKeys; ++key) compare(key);
    std::size_t visited = 0;
    table_->for_each([&](const Slot& slot) {
      const auto known = model_.find(slot.key);
      if (known == model_.end() || known->second != slot.value) fuzz::broken("visited another");
      ++visited;
    });
    if (visited != model_.size()) fuzz::broken("visited another number");
    // Segments are never given back, but neither do they pile up.
    const std::size_t bytes = table_->bytes();
    for (int turn = 0; turn < 3; ++turn) {
      while (!model_.empty()) erase(model_.begin()->first);
      for (std::uint32_t key = 0; key < 64; ++key) put(key, 1);
    }
    if (table_->bytes() > bytes + table_->growth()) fuzz::broken("grows by coming and going");
    table_->check_invariants();
  }

 private:
  Slot* find(std::uint32_t key) {
    table_->prefetch(hash_of_.hash(key));
    std::size_t probes = 0;
    Slot* slot = table_->find(hash_of_.hash(key), [&](const Slot& candidate) {
      ++probes;
      return candidate.key == key;
    });
    if (probes > std::min<std::size_t>(model_.size(), Table::kSegmentSlotsUsedMax)) {
      fuzz::broken("looks at more slots than are used");
    }
    return slot;
  }

  void compare(std::uint32_t key) {
    const auto known = model_.find(key);
    const Slot* slot = find(key);
    if ((slot != nullptr) != (known != model_.end())) fuzz::broken("there or not");
    if (slot != nullptr && slot->value != known->second) fuzz::broken("another value");
  }

  void put(std::uint32_t key, std::uint32_t value) {
    compare(key);
    if (Slot* slot = find(key)) {
      model_[key] = slot->value = value;
      return;
    }
    const std::size_t bytes_max = table_->bytes() + table_->growth();
    const Slot* slot = table_->insert({key, value});
    if (slot == nullptr) {
      if (coinciding(key) < Table::kSegmentSlotsUsedMax) fuzz::broken("refused for no reason");
      return;
    }
    if (slot->key != key || slot->value != value) fuzz::broken("inserted another");
    const bool may_grow_more =
        hash_of_.crowding != Crowding::kSpread && hash_of_.crowding != Crowding::kFewHomes;
    if (table_->bytes() > bytes_max && !may_grow_more) fuzz::broken("grows by more than it says");
    model_[key] = value;
  }

  void erase(std::uint32_t key) {
    compare(key);
    Slot* slot = find(key);
    if (slot == nullptr) return;
    table_->erase(slot);
    model_.erase(key);
    if (find(key) != nullptr) fuzz::broken("there after it was erased");
  }

  // Keys whose hashes have all the bits in common by which a segment can be split.
  std::size_t coinciding(std::uint32_t key) const {
    const auto bits = [&](std::uint32_t of) {
      return hash_of_.hash(of) >> (32 - Table::kDepthMax);
    };
    return static_cast<std::size_t>(std::ranges::count_if(
        model_, [&](const auto& item) { return bits(item.first) == bits(key); }));
  }

  const HashOf hash_of_;
  std::unique_ptr<Table> table_;
  std::map<std::uint32_t, std::uint32_t> model_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kFormat.header_bytes) return 0;
  std::span<const std::uint8_t> input(data, size);
  Comparison comparison(static_cast<Crowding>(input[0] % 5));
  for (input = input.subspan(kFormat.header_bytes); input.size() >= kFormat.record_bytes;
       input = input.subspan(kFormat.record_bytes)) {
    comparison.step(input.first(kFormat.record_bytes));
  }
  comparison.finish();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return fuzz::mutate_records({data, size, size_max}, kFormat, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* out, std::size_t out_size_max,
                                                 unsigned seed) {
  return fuzz::splice_records({one, one_size}, {other, other_size}, kFormat, {out, 0, out_size_max},
                              seed);
}
