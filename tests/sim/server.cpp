#include "tests/sim/server.h"

#include <algorithm>
#include <string>

#include "engine/limits.h"
#include "tests/sim/broken.h"
#include "tests/sim/population.h"

namespace rollcall::sim {

using engine::Duration;
using engine::Instant;
using engine::Ticket;
using engine::Verdict;
using store::Result;

namespace {

namespace limits = engine::limits;

// A list of everyone, and a batch of other answers, may be written though the output is nearly at
// its mark.
constexpr std::size_t kAnswerBytesMax = 128;
constexpr std::size_t kOutputMax = limits::kOutputHighMark + kNicks * limits::kPeerTextBytesMax +
                                   limits::kBatchRequestsMax * kAnswerBytesMax;

// Takes entries as Registry::visit gives them.
class PeerReader final : public engine::ChangeSink {
 public:
  PeerReader(std::array<Peer, kNicks>& peers, Duration ahead) : peers_(peers), ahead_(ahead) {}
  void append(const engine::Change& change) override {
    const std::optional<std::size_t> nick = nick_of(change.nick);
    if (!nick.has_value()) throw Broken("a nick that nobody has: " + std::string(change.nick));
    if (peers_[*nick].is_known) throw Broken(nick_text(*nick) + " is there twice");
    peers_[*nick] = peer_of(change);
    peers_[*nick].deadline -= ahead_;
  }

 private:
  std::array<Peer, kNicks>& peers_;
  const Duration ahead_;
};

store::Recovered recover(store::Store* store, engine::Registry& registry,
                         const store::ClockReading& reading) {
  if (store != nullptr) return store::recover(*store, registry, [&reading] { return reading; }, {});
  store::Recovered failed{.clock = store::LeaseClock(reading, {})};
  failed.outcome = store::RecoveryOutcome::kStoreFailed;
  return failed;
}

Met failure_met(Result result, bool is_for_good) {
  switch (result) {
    case Result::kFull:
      return is_for_good ? Met::kStoreFullForGood : Met::kStoreFull;
    case Result::kFailed:
      return is_for_good ? Met::kStoreFailedForGood : Met::kStoreFailed;
    case Result::kDistrusted:
    case Result::kDone:
      return is_for_good ? Met::kStoreDistrustedForGood : Met::kStoreDistrusted;
  }
  __builtin_unreachable();
}

}  // namespace

void Tap::append(const engine::Change& change) {
  const std::optional<std::size_t> nick = nick_of(change.nick);
  if (!nick.has_value()) throw Broken("told of a nick that nobody has");
  told.push_back({*nick, change});
  told.back().change.nick = {};
  told.back().change.deadline -= ahead_;
  inner_.append(change);
}

std::optional<Ticket> Tap::ticket() {
  const std::optional<Ticket> ticket = inner_.ticket();
  if (!ticket.has_value()) throw Broken("answers do not wait for the store");
  last_ticket = *ticket;
  return ticket;
}

Server::Server(const Setting& setting, Disk& disk, engine::RandomSource& random,
               const Clocks& clocks, Instant now, Tally& tally)
    : setting_(setting),
      disk_(disk),
      clocks_(clocks),
      tally_(tally),
      registry_(setting.registry, random),
      store_(disk.open()),
      recovered_(recover(store_.get(), registry_, clocks.reading(now))) {
  if (recovered_.outcome != store::RecoveryOutcome::kDone || !has_power()) return;
  entries_.emplace(registry_, recovered_.clock);
  group_.emplace(store::GroupCommit::Options{.shards = setting.registry.shards}, *store_, *entries_,
                 recovered_.clock);
  group_->wake_with([this] { is_asked_ = true; });
  tap_.emplace(*group_, clocks.server_ahead);
  engine_.emplace(registry_, setting.engine, random, &*tap_);
  transport::LoopbackOptions options = setting.loopback;
  const store::ClockReading reading = clocks.reading(now);
  options.start = {reading.now, std::chrono::floor<std::chrono::seconds>(reading.wall)};
  loopback_.emplace(*engine_, options);
}

std::array<Peer, kNicks> Server::peers() const {
  std::array<Peer, kNicks> peers;
  PeerReader reader(peers, clocks_.server_ahead);
  for (std::size_t shard = 0; shard < registry_.shards(); ++shard) {
    engine::EntryNumber at = 0;
    while (at != engine::kNoEntry) at = registry_.visit(shard, at, kNicks, reader);
  }
  return peers;
}

Instant Server::next_event() const {
  const Instant next = loopback_->next_event();
  return next == engine::kNever ? next : next - clocks_.server_ahead;
}

// ---- The store's thread ----

bool Server::has_store_work() const {
  return stage_ != Stage::kIdle || resolved_.has_value() || is_asked_ ||
         group_->due() <= loopback_->time().now;
}

void Server::step_store() {
  if (resolved_.has_value()) {
    tell_engine(resolved_->up_to, resolved_->verdict);
    resolved_.reset();
    return;
  }
  switch (stage_) {
    case Stage::kIdle:
      is_asked_ = false;
      group_->begin_gather();
      lane_ = 0;
      stage_ = Stage::kGathering;
      return;
    case Stage::kGathering:
      group_->gather_lane(lane_++);
      if (lane_ == setting_.registry.shards) stage_ = Stage::kGathered;
      return;
    case Stage::kGathered:
      if (is_asked_) tally_.count(Met::kGatheredMeanwhile);
      commit();
      stage_ = Stage::kIdle;
      return;
  }
}

void Server::commit() {
  const std::uint64_t failures = group_->counters().failures;
  const std::uint64_t replacements = group_->counters().replacements;
  const store::Resolved resolved = group_->commit(clocks_.reading(now()));
  group_->check_invariants();
  if (!has_power()) return;
  resolved_ = resolved;
  store_works_ = resolved.result == Result::kDone;
  if (group_->counters().failures > failures) {
    tally_.count(failure_met(resolved.result, fails_for_good_));
  }
  if (group_->counters().replacements > replacements) tally_.count(Met::kReplacement);
}

void Server::tell_engine(Ticket up_to, Verdict verdict) {
  verdicts_.push_back({up_to, verdict});
  loopback_->resolve(up_to, verdict);
}

std::optional<Verdict> Server::of(Ticket ticket) const {
  const auto at = std::ranges::lower_bound(verdicts_, ticket, {}, &Told::up_to);
  return at == verdicts_.end() ? std::nullopt : std::optional(at->verdict);
}

void Server::stop(bool has_time) {
  while (has_time && has_power() &&
         (stage_ != Stage::kIdle || resolved_.has_value() || is_asked_)) {
    step_store();
  }
  if (has_power()) tell_engine(engine::kLastTicket, Verdict::kStopping);
}

// ---- What must hold ----

void Server::check_invariants() const {
  loopback_->check_invariants();
  registry_.check_invariants();
}

void Server::check_budgets() const {
  const engine::RegistryCounters counters = registry_.counters();
  if (counters.bytes > setting_.registry.bytes_max + limits::kRenderedBytesMax) {
    throw Broken("the registry is over its budget");
  }
  if (counters.inactive > std::max(setting_.registry.inactive_max, setting_.registry.shards)) {
    throw Broken("too much history");
  }
  if (loopback_->waiting_output_bytes() > loopback_->connections() * kOutputMax) {
    throw Broken("more output waits than may");
  }
}

}  // namespace rollcall::sim
