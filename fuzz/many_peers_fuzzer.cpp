// Property: with thousands of peers that come, renew, move, leave and expire in bulk, each answer
// and each list is what a plain array says, quotas and the memory budget hold, and a registry that
// is restored from the entries lists the same.
//
// The input is four bytes of options and a list of operations, four bytes each.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/registry/registry.h"
#include "engine/wire/address_text.h"
#include "fuzz/choices.h"
#include "fuzz/property.h"
#include "fuzz/record_target.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/seeded_random.h"

namespace {

using namespace rollcall;
using namespace std::chrono_literals;
using engine::Duration;
using engine::HostAddress;
using engine::Instant;
using engine::Method;
using engine::Operation;
using engine::Outcome;
using engine::Request;

constexpr std::size_t kPeers = 2048;
constexpr std::size_t kNetworks = 4;
constexpr std::size_t kRunMax = 512;
constexpr std::size_t kPlenty = 1'000'000;
// The listing's bookkeeping besides what counts against the budget.
constexpr std::size_t kUncountedBytes = 64 * 1024;

struct Peer {
  std::string nick;
  bool is_counted = false;  // the registry need not know yet that it is no longer active
  Instant deadline;
  std::size_t network = 0;
};

// Peers of network zero have an IPv4 address each; those of another are many in one /64.
HostAddress host_of(std::size_t peer, std::size_t network) {
  const auto high = static_cast<std::uint8_t>(peer >> 8);
  const auto low = static_cast<std::uint8_t>(peer);
  if (network == 0) return HostAddress::v4(10, 0, high, low);
  HostAddress host{{0x20, 0x01, 0x0d, 0xb8, 0x11, 0x11, 0x22, 0}};
  host.bytes[7] = static_cast<std::uint8_t>(network);
  host.bytes[8] = 0xAB;
  host.bytes[14] = high;
  host.bytes[15] = low;
  return host;
}

class Crowd {
 public:
  explicit Crowd(fuzz::Choices choices) {
    options_.ttl = std::array<Duration, 4>{60s, 1s, 600s, 24h}[choices.below(4)];
    options_.shards = std::size_t{1} << choices.below(3);
    constexpr std::array<std::size_t, 4> kHostMax = {kPlenty, 100, 1, 0};
    options_.peers_per_host_max = kHostMax[choices.below(4)];
    constexpr std::array<std::size_t, 3> kPeersMax = {kPlenty, 300, 33};
    options_.peers_max = kPeersMax[choices.below(3)];
    constexpr std::array<std::size_t, 4> kInactiveMax = {kPlenty, 0, 40, 600};
    options_.inactive_max = kInactiveMax[choices.below(4)];
    is_tight_ = choices.below(4) == 3;
    constexpr std::array<std::size_t, 4> kTightKib = {302, 342, 212, 162};
    if (is_tight_) options_.bytes_max = kTightKib[choices.below(4)] * 1024 * options_.shards;
    start();
    peers_.resize(kPeers);
    for (std::size_t peer = 0; peer < kPeers; ++peer) {
      peers_[peer].nick = "peer-" + std::to_string(peer) + std::string(peer % 16, '.');
    }
  }

  void step(fuzz::Choices choices) {
    const std::size_t kind = choices.below(16);
    const std::size_t first = choices.below(16) * 128 + choices.below(16) * 8;
    const std::size_t size = choices.below(16);
    const std::size_t detail = choices.below(16);
    if (kind < 5) {
      execute(Method::kRegister, first, run_length(size), detail % kNetworks);
    } else if (kind < 7) {
      execute(Method::kKeepAlive, first, run_length(size), detail % 2);
    } else if (kind < 9) {
      execute(Method::kLeave, first, run_length(size), detail % 2);
    } else if (kind < 11) {
      const std::array<Duration, 8> steps = {
          1ns, 250ms, options_.ttl / 2, options_.ttl - 1ns, options_.ttl, options_.ttl + 250ms,
          1s,  720h};
      now_ += steps[detail % steps.size()];
    } else if (kind < 13) {
      detail % 2 == 0 ? sweep() : tick();
    } else if (kind == 14 && detail >= 8) {
      query((first + size) % kPeers);
    } else if (kind < 15) {
      list(detail == 0 ? kPlenty : run_length(size));
    } else {
      // The next process may have less memory than this one took.
      if (detail == 15) {
        is_tight_ = true;
        options_.bytes_max = 290 * 1024 * options_.shards;
      }
      restart();
    }
    check();
  }

  void finish() {
    registry_->check_invariants();
    list(kPlenty);
    list(1 + active() / 2);
    sweep();
    registry_->check_invariants();
  }

 private:
  static std::size_t run_length(std::size_t choice) {
    return std::min<std::size_t>(kRunMax, choice * choice * 2 + 1);
  }
  void start() {
    engine_.reset();
    registry_ = std::make_unique<engine::Registry>(options_, random_);
    engine_ = std::make_unique<engine::Engine>(*registry_, engine::EngineOptions(), random_);
  }
  bool is_active(const Peer& peer) const { return peer.is_counted && now_ < peer.deadline; }
  std::size_t active() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(peers_, [&](const Peer& peer) { return is_active(peer); }));
  }
  std::size_t counted() const {
    return static_cast<std::size_t>(std::ranges::count_if(peers_, &Peer::is_counted));
  }

  // One request of each peer, from its own host or from where it moved to.
  void execute(Method method, std::size_t first, std::size_t peers, std::size_t network) {
    count();
    for (std::size_t i = 0; i < peers; ++i) {
      const std::size_t number = (first + i) % kPeers;
      Peer& peer = peers_[number];
      // Who is active stays where it is, or the request would be somebody else's.
      const bool was_active = is_active(peer);
      const std::size_t from = was_active || method != Method::kRegister ? peer.network : network;
      const bool is_stranger = method != Method::kRegister && network == 1 && i % 8 == 7;
      Request request;
      request.method = method;
      request.nick = peer.nick;
      request.port = static_cast<std::uint16_t>(1 + number);
      const HostAddress host = is_stranger ? HostAddress::v4(9, 9, 9, 9) : host_of(number, from);
      Operation operation{&request, &host};
      registry_->execute({&operation, 1}, false, time(), nullptr);
      note(peer, std::size_t{0} - 1);
      take_over(method, peer, was_active, is_stranger, from, operation.outcome);
      note(peer, 1);
    }
  }

  void take_over(Method method, Peer& peer, bool was_active, bool is_stranger, std::size_t from,
                 Outcome outcome) {
    // The registry has looked at it; but a query changes nothing.
    if (!was_active && method != Method::kPQuery) peer.is_counted = false;
    if (was_active && is_stranger) {
      if (outcome != Outcome::kOtherHost) fuzz::broken("a stranger is not refused");
      return;
    }
    if (!was_active && method != Method::kRegister) {
      if (outcome != Outcome::kNotRegistered) fuzz::broken("somebody who is not here is served");
      return;
    }
    if (was_active && outcome != Outcome::kSuccess) fuzz::broken("a renewal is refused");
    if (!was_active) check_admission(from, outcome);
    if (outcome != Outcome::kSuccess) return;
    peer.is_counted = method != Method::kLeave;
    peer.deadline = now_ + options_.ttl;
    peer.network = from;
  }

  // Who is active, and who is counted besides, on the whole and in each network.
  struct Tally {
    std::size_t active = 0;
    std::size_t counted = 0;
    std::array<std::size_t, kNetworks> active_in{};
    std::array<std::size_t, kNetworks> counted_in{};
  };
  void note(const Peer& peer, std::size_t by) {
    if (!peer.is_counted) return;
    tally_.counted += by;
    tally_.counted_in[peer.network] += by;
    if (now_ >= peer.deadline) return;
    tally_.active += by;
    tally_.active_in[peer.network] += by;
  }
  void count() {
    tally_ = {};
    for (const Peer& peer : peers_) note(peer, 1);
  }

  void check_admission(std::size_t network, Outcome outcome) const {
    // Nobody shares an IPv4 address.
    const std::size_t active_there = network == 0 ? 0 : tally_.active_in[network];
    const std::size_t counted_there = network == 0 ? 0 : tally_.counted_in[network];
    switch (outcome) {
      case Outcome::kSuccess:
        if (tally_.active >= options_.peers_max) fuzz::broken("let in though everything is full");
        if (active_there >= options_.peers_per_host_max) fuzz::broken("let in over the quota");
        return;
      case Outcome::kRegistryFull:
        if (tally_.counted < options_.peers_max && !is_tight_) fuzz::broken("full for no reason");
        return;
      case Outcome::kHostFull:
        if (counted_there < options_.peers_per_host_max) fuzz::broken("over no quota");
        return;
      default:
        fuzz::broken("another outcome");
    }
  }

  void sweep() {
    for (std::size_t shard = 0; shard < registry_->shards(); ++shard) {
      std::size_t steps = 0;
      while (registry_->sweep(shard, now_)) {
        if (++steps > kPeers / engine::limits::kSweepEntriesMax + 2) fuzz::broken("sweeps on");
      }
    }
    note_swept();
  }

  // The same by an engine, which takes turns over the shards.
  void tick() {
    std::size_t ticks = 0;
    do {
      engine_->tick(time());
      if (++ticks > options_.shards * (kPeers / engine::limits::kSweepEntriesMax + 2)) {
        fuzz::broken("ticks on");
      }
    } while (engine_->next_deadline() <= now_);
    if (engine_->next_deadline() > now_ + engine::limits::kWheelSlot) fuzz::broken("ticks late");
    note_swept();
  }

  void note_swept() {
    for (Peer& peer : peers_) {
      if (peer.deadline + engine::limits::kWheelSlot <= now_) peer.is_counted = false;
    }
  }

  void list(std::size_t peers_max) {
    engine::OutputBuffer out;
    const std::size_t listed = registry_->append_listing(peers_max, samples_, now_, out);
    has_listed_ = true;
    if (listed != std::min(peers_max, active())) fuzz::broken("a list of another length");
    std::array<bool, kPeers> is_listed{};
    std::size_t addresses = 0;
    std::string_view rest = out.view();
    while (!rest.empty()) {
      const std::size_t end = rest.find("', ");
      if (end == rest.npos || rest.front() != '\'') fuzz::broken("no list");
      const std::string_view address = rest.substr(1, end - 1);
      rest.remove_prefix(end + 3);
      // The port says who it is.
      std::size_t port = 0;
      const char* digits = address.data() + address.rfind(':') + 1;
      std::from_chars(digits, address.data() + address.size(), port);
      if (port == 0 || port > kPeers) fuzz::broken("another port is listed");
      const std::size_t number = port - 1;
      std::array<char, engine::kEndpointTextBytesMax> text;
      const engine::Endpoint endpoint{host_of(number, peers_[number].network),
                                      static_cast<std::uint16_t>(port)};
      const std::size_t bytes = engine::write_endpoint(endpoint, text.data());
      if (address != std::string_view(text.data(), bytes))
        fuzz::broken("another address is listed");
      if (!is_active(peers_[number])) fuzz::broken("somebody who is gone is listed");
      if (is_listed[number]) fuzz::broken("somebody is listed twice");
      is_listed[number] = true;
      ++addresses;
    }
    if (addresses != listed) fuzz::broken("a list of another length than it says");
  }

  // A peer asks for the list many times at once, and takes the answers off late: they stop soon
  // after the mark, and go on when there is room.
  void query(std::size_t number) {
    const Peer& peer = peers_[number];
    const HostAddress host = host_of(number, peer.network);
    std::string text;
    for (std::size_t i = 0; i < engine::limits::kBatchRequestsMax; ++i) {
      text.append("PQuery P2Pv1\n\n").append(peer.nick).append("\n");
    }
    const std::size_t output_max = engine::limits::kOutputHighMark +
                                   (active() + 2) * engine::limits::kPeerTextBytesMax +
                                   engine::limits::kBatchRequestsMax * 64;
    const engine::SessionId session = engine_->open(host, time());
    engine::OutputBuffer out;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t consumed = engine_->receive(session, tests::bytes_of(rest), time(), out);
      if (consumed == 0) fuzz::broken("takes nothing though there is room");
      if (out.size() > output_max) fuzz::broken("answers on though too much is waiting");
      rest.remove_prefix(consumed);
      const bool is_over = out.size() > engine::limits::kOutputHighMark;
      if (!rest.empty() && !is_over) fuzz::broken("stops though there is room");
      if (is_over && !rest.empty() &&
          engine_->receive(session, tests::bytes_of(rest), time(), out) != 0) {
        fuzz::broken("takes more though too much is waiting");
      }
      out.clear();
    }
    engine_->close(session);
    has_listed_ = true;
  }

  // A new registry is restored from the entries of the old one, the last ones first.
  void restart() {
    tests::ChangeRecorder entries;
    for (std::size_t shard = 0; shard < registry_->shards(); ++shard) {
      for (engine::EntryNumber from = 0; from != engine::kNoEntry;) {
        from = registry_->visit(shard, from, 100, entries);
      }
    }
    const engine::RegistryCounters before = registry_->counters();
    if (entries.told.size() != before.active + before.inactive) fuzz::broken("visits not all once");
    std::vector<engine::Change> changes;
    for (auto told = entries.told.rbegin(); told != entries.told.rend(); ++told) {
      changes.push_back(told->change);
      changes.back().nick = told->nick;
    }
    start();
    engine::RestoreCounts counts;
    std::span<const engine::Change> rest = changes;
    do {
      const std::size_t size = std::min(engine::limits::kBatchRequestsMax, rest.size());
      registry_->restore(rest.first(size), now_, counts);
      rest = rest.subspan(size);
    } while (!rest.empty());
    const bool fits = active() <= options_.peers_max;
    const bool is_done = registry_->finish_restore() == engine::RestoreOutcome::kDone;
    if (is_done != fits) fuzz::broken("restored, though they are too many, or not");
    if (counts.changes != entries.told.size()) fuzz::broken("restores another number");
    has_listed_ = false;
    is_restored_ = true;
    for (Peer& peer : peers_) peer.is_counted = is_active(peer);
    if (registry_->active() != active()) fuzz::broken("restores another number of peers");
  }

  void check() const {
    const engine::RegistryCounters counters = registry_->counters();
    if (registry_->active() < active()) fuzz::broken("counts fewer than are active");
    if (registry_->active() > counted()) fuzz::broken("counts more than can be active");
    if (counters.active != registry_->active()) fuzz::broken("counts differently in two places");
    const std::size_t share = (options_.inactive_max + options_.shards - 1) / options_.shards;
    if (counters.inactive > share * options_.shards) fuzz::broken("remembers too many");
    // What is restored is restored, whatever the budget.
    if (is_tight_ && !has_listed_ && !is_restored_ &&
        counters.bytes > options_.bytes_max + kUncountedBytes * options_.shards) {
      fuzz::broken("over its budget: " + std::to_string(counters.bytes));
    }
  }

  engine::Time time() const { return {now_, engine::WallTime(std::chrono::days(20'000))}; }

  tests::SeededRandom random_{1};
  engine::SampleCursor samples_{engine::SampleGenerator(2)};
  engine::RegistryOptions options_;
  bool is_tight_ = false;
  bool has_listed_ = false;
  bool is_restored_ = false;
  std::unique_ptr<engine::Registry> registry_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<Peer> peers_;
  Tally tally_;
  Instant now_{1h};
};

}  // namespace

const fuzz::RecordFormat fuzz::kRecordFormat{.header_bytes = 4, .record_bytes = 4};

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < fuzz::kRecordFormat.header_bytes + fuzz::kRecordFormat.record_bytes) return 0;
  const std::span<const std::uint8_t> input(data, size);
  Crowd crowd(fuzz::Choices(input.first(fuzz::kRecordFormat.header_bytes)));
  fuzz::for_each_record(
      input, [&](std::span<const std::uint8_t> record) { crowd.step(fuzz::Choices(record)); });
  crowd.finish();
  return 0;
}
