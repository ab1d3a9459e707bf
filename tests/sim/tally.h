#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace rollcall::sim {

// What a simulation has to have met, or it has not tested it: every kind of fault, and what it was
// meant to lead to.
enum class Met : std::uint8_t {
  kCut,
  kDelay,
  kInterruption,
  kSmallWindow,
  kStalledReader,
  kHalfClose,
  kClientReset,
  kServerReset,
  kOutputStall,    // the server reset a connection that took no output
  kPartOfRequest,  // a request came in two pieces with time between them
  kRequestTimeout,
  kIdleTimeout,
  kRefusedConnection,
  kMadeRoom,
  kEndedByQuiet,
  kEndedByEndOfStream,
  kLostAnswer,  // a request was decided, and its client never learnt it
  kExpiry,      // a request about an entry whose lease had ended
  kRegistryFull,
  kMemoryFull,
  kMemoryTight,  // a peer found room in what little memory there was
  kHostFull,
  kStolen,  // a request about an entry that is another's was refused
  kStoreFull,
  kStoreFullForGood,
  kStoreFailed,
  kStoreFailedForGood,
  kStoreDistrusted,
  kStoreDistrustedForGood,
  kReplacement,        // a store that was distrusted works again
  kUnknownAnswer,      // 999, the store failed
  kUnavailableAnswer,  // 500, the store has failed
  kGatheredMeanwhile,  // a change came while others were gathered and not committed
  kPowerLoss,
  kPowerLossInCommit,
  kBatchLost,    // that was not synced
  kBatchKept,    // though it was not synced
  kVerdictLost,  // the store was done, and nobody was told
  kChangeLost,   // unacknowledged, and gone after the crash
  kChangeKept,   // unacknowledged, and there after the crash
  kPowerLossInRecovery,
  kFailedRecovery,
  kRecovery,
  kShortenedLease,  // recovery cut one to one TTL
  kExpiredWhileDown,
  kStop,
  kStoppingAnswer,  // 999, the server is stopping
  kWallForward,
  kWallBack,
  kWallJumpWhileDown,
};
inline constexpr std::size_t kMet = static_cast<std::size_t>(Met::kWallJumpWhileDown) + 1;

std::string_view name_of(Met met);

class Tally {
 public:
  void count(Met met) { ++counts_[static_cast<std::size_t>(met)]; }
  std::uint64_t of(Met met) const { return counts_[static_cast<std::size_t>(met)]; }
  void add(const Tally& other) {
    for (std::size_t i = 0; i < kMet; ++i) counts_[i] += other.counts_[i];
  }
  // What was never met.
  std::vector<Met> missing() const {
    std::vector<Met> missing;
    for (std::size_t i = 0; i < kMet; ++i) {
      if (counts_[i] == 0) missing.push_back(static_cast<Met>(i));
    }
    return missing;
  }

 private:
  std::array<std::uint64_t, kMet> counts_{};
};

}  // namespace rollcall::sim
