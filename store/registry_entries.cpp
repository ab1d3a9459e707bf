#include "store/registry_entries.h"

#include <algorithm>

#include "engine/change.h"
#include "store/record.h"

namespace rollcall::store {
namespace {

// Entries that are read under one hold of a shard's lock: some microseconds, which is what a
// request may have to wait.
constexpr std::size_t kEntriesPerLock = 64;

class Packer final : public engine::ChangeSink {
 public:
  Packer(const LeaseClock& clock, std::string& to) : clock_(clock), to_(to) {}
  void append(const engine::Change& change) override { pack(record_of(change, clock_), to_); }

 private:
  const LeaseClock& clock_;
  std::string& to_;
};

}  // namespace

bool RegistryEntries::read(Position& position, std::size_t entries_max, std::string& packed) {
  Packer packer(clock_, packed);
  while (position.shard < registry_.shards() && entries_max > 0) {
    const std::size_t step = std::min(entries_max, kEntriesPerLock);
    position.entry = registry_.visit(position.shard, position.entry, step, packer);
    entries_max -= step;
    if (position.entry == engine::kNoEntry) {
      position.entry = 0;
      ++position.shard;
    }
  }
  return position.shard < registry_.shards();
}

}  // namespace rollcall::store
