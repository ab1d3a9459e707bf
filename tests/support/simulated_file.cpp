#include "tests/support/simulated_file.h"

#include <algorithm>
#include <map>

#include "engine/assert.h"

namespace rollcall::tests {
namespace {

constexpr std::size_t kSector = SimulatedFile::kSectorBytes;

// One in so many sectors is lost, and one in so many blocks that were being written is spoilt.
constexpr std::uint64_t kLostOneIn = 8;
constexpr std::uint64_t kSpoiltOneIn = 4;

bool toss(engine::SampleGenerator& random) { return random.below(2) == 0; }

}  // namespace

std::string_view SimulatedFile::read(std::uint64_t offset, std::size_t bytes) const {
  if (offset >= current_.size()) return {};
  return std::string_view(current_).substr(offset, bytes);
}

void SimulatedFile::write(std::uint64_t offset, std::string_view data) {
  if (data.empty()) return;
  unsynced_.push_back({offset, std::string(data), false});
  apply(unsynced_.back(), current_);
}

void SimulatedFile::truncate(std::uint64_t bytes) {
  unsynced_.push_back({bytes, {}, true});
  apply(unsynced_.back(), current_);
}

void SimulatedFile::sync() {
  for (const Operation& operation : unsynced_) apply(operation, durable_);
  unsynced_.clear();
}

void SimulatedFile::fail_sync(engine::SampleGenerator& random) {
  const std::vector<Touched> sectors = touched();
  const Survival survival = toss(random) ? Survival::kNothing : Survival::kEachSector;
  durable_ = mixed(sectors, versions(survival, sectors, random));
  unsynced_.clear();
  has_lost_ = true;
}

SimulatedFile SimulatedFile::after_power_loss(Survival survival, bool powersafe_overwrite,
                                              engine::SampleGenerator& random) const {
  const std::vector<Touched> sectors = touched();
  const Versions chosen = versions(survival, sectors, random);
  SimulatedFile file;
  file.durable_ = mixed(sectors, chosen);
  const bool is_settled = survival == Survival::kNothing || survival == Survival::kEverything;
  if (!powersafe_overwrite && !is_settled) {
    spoil_blocks(sectors, chosen, random, file.durable_);
  }
  file.current_ = file.durable_;
  return file;
}

void SimulatedFile::check_invariants() const {
  if (has_lost_) return;
  std::string content = durable_;
  for (const Operation& operation : unsynced_) apply(operation, content);
  ROLLCALL_ASSERT(content == current_);
}

void SimulatedFile::apply(const Operation& operation, std::string& content) {
  if (operation.is_truncation) {
    content.resize(operation.offset);
    return;
  }
  const std::uint64_t end = operation.offset + operation.data.size();
  if (content.size() < end) content.resize(end);
  content.replace(operation.offset, operation.data.size(), operation.data);
}

std::vector<SimulatedFile::Touched> SimulatedFile::touched() const {
  std::map<std::size_t, std::size_t> last;
  std::uint64_t length = durable_.size();
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Operation& operation = unsynced_[i];
    const std::uint64_t begin = operation.offset;
    const std::uint64_t end = operation.is_truncation ? length : begin + operation.data.size();
    for (std::uint64_t s = begin / kSector; s * kSector < end; ++s) last[s] = i;
    length = operation.is_truncation ? begin : std::max(length, end);
  }
  std::vector<Touched> sectors;
  for (const auto& [sector, operation] : last) sectors.push_back({sector, operation});
  return sectors;
}

SimulatedFile::Versions SimulatedFile::versions(Survival survival,
                                                const std::vector<Touched>& touched,
                                                engine::SampleGenerator& random) const {
  const std::size_t all = unsynced_.size();
  if (all == 0) return {{}, 0};
  const std::size_t cut = random.below(all);
  const auto of_sector = [&](const Touched& sector) -> std::size_t {
    switch (survival) {
      case Survival::kNothing:
        return 0;
      case Survival::kEverything:
        return all;
      case Survival::kInOrder:
        return cut + random.below(2);
      case Survival::kLateOnes:
        return sector.last_operation >= cut ? all : 0;
      case Survival::kAllButFew:
        return random.below(kLostOneIn) == 0 ? random.below(all) : all;
      case Survival::kEachSector:
        return toss(random) ? all : 0;
      case Survival::kEachTime:
        return random.below(all + 1);
    }
    __builtin_unreachable();
  };
  Versions versions{{}, 0};
  for (const Touched& sector : touched) versions.of_sectors.push_back(of_sector(sector));
  versions.of_length = of_sector({0, all - 1});
  keep_truncations_whole(touched, versions);
  return versions;
}

// The length says which truncations have happened; the sectors that one of them cut off follow it.
void SimulatedFile::keep_truncations_whole(const std::vector<Touched>& touched,
                                           Versions& versions) const {
  std::uint64_t length = durable_.size();
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    const Operation& operation = unsynced_[i];
    const std::uint64_t end = operation.offset + operation.data.size();
    const std::uint64_t length_before = length;
    length = operation.is_truncation ? operation.offset : std::max(length, end);
    if (!operation.is_truncation) continue;
    for (std::size_t k = 0; k < touched.size(); ++k) {
      const std::uint64_t begin = touched[k].sector * kSector;
      if (begin + kSector <= length || begin >= length_before) continue;
      std::size_t& version = versions.of_sectors[k];
      version = i < versions.of_length ? std::max(version, i + 1) : std::min(version, i);
    }
  }
}

std::string SimulatedFile::mixed(const std::vector<Touched>& touched,
                                 const Versions& versions) const {
  std::vector<std::vector<std::size_t>> sectors_by_version(unsynced_.size() + 1);
  for (std::size_t i = 0; i < touched.size(); ++i) {
    sectors_by_version[versions.of_sectors[i]].push_back(touched[i].sector);
  }
  std::string image = durable_;
  std::string mix = durable_;
  std::size_t length = 0;
  for (std::size_t version = 0;; ++version) {
    if (version == versions.of_length) length = image.size();
    for (const std::size_t sector : sectors_by_version[version]) {
      std::string content(image, std::min(sector * kSector, image.size()), kSector);
      content.resize(kSector);
      if (mix.size() < (sector + 1) * kSector) mix.resize((sector + 1) * kSector);
      mix.replace(sector * kSector, kSector, content);
    }
    if (version == unsynced_.size()) break;
    apply(unsynced_[version], image);
  }
  mix.resize(length);
  return mix;
}

void SimulatedFile::spoil_blocks(const std::vector<Touched>& touched, const Versions& versions,
                                 engine::SampleGenerator& random, std::string& content) const {
  std::size_t block_seen = ~std::size_t{0};
  for (std::size_t i = 0; i < touched.size(); ++i) {
    const std::size_t block = touched[i].sector * kSector / kBlockBytes;
    const bool has_arrived = versions.of_sectors[i] == unsynced_.size();
    if (has_arrived || block == block_seen) continue;
    block_seen = block;
    if (random.below(kSpoiltOneIn) != 0) continue;
    const std::size_t end = std::min((block + 1) * kBlockBytes, content.size());
    for (std::size_t at = block * kBlockBytes; at < end; ++at) {
      content[at] = static_cast<char>(random.below(256));
    }
  }
}

}  // namespace rollcall::tests
