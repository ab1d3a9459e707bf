#include "tests/sim/world.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <string>

#include "engine/limits.h"
#include "engine/random.h"
#include "tests/sim/broken.h"
#include "tests/sim/script.h"

namespace rollcall::sim {

using namespace std::chrono_literals;
using engine::Duration;
using engine::Instant;
using engine::SampleGenerator;
using store::RecoveryOutcome;
using store::Result;
using transport::Direction;

namespace {

constexpr store::WallInstant kWallStart{std::chrono::days(20'000) + std::chrono::hours(20)};

// Events between two looks at what only grows slowly.
constexpr std::uint64_t kEventsBetweenBudgets = 1000;

// Steps of time, from none to the edges of the timers there are.
constexpr std::array<Duration, 24> kSteps = {
    0s,        1ns,   1ms,      9ms, 10ms,       11ms, 20ms,       50ms,
    100ms,     250ms, 999ms,    1s,  1001ms,     5s,   10s,        29s,
    30s - 1ns, 30s,   30s + 1s, 45s, kTtl - 1ns, kTtl, kTtl + 1ns, kIdleMax};
// The longer half of them is drawn more seldom.
constexpr std::size_t kShortSteps = 12;

// Seconds that the wall clock is set forward or back by: within the drift that is not written down,
// just over it, and up to two days.
constexpr std::array kJumps = {1,  -1,  2,   -2,   10,   -10,   59,     -59,
                               60, -60, 600, -600, 7200, -7200, 172800, -172800};

// More than there is ever to do for the store's thread at one instant.
constexpr std::size_t kStoreStepsMax = 10'000;

// A connection, a request and an answer may be under way for so long; then the store is tried
// again.
constexpr Duration kSettlingTime = 4 * kDelayMax + engine::limits::kStoreRetry;

constexpr std::array<Duration, 4> kDelays = {0ms, 1ms, 30ms, kDelayMax};

constexpr std::array<Duration, 4> kBootClocks = {1s, 1000s, 1h, std::chrono::days(30)};

// Few at most times, and up to a full batch.
std::size_t requests_of(const Event& event) {
  const std::size_t few = std::size_t{1} + event.amount % 16;
  return few * (std::size_t{1} + event.amount / 16 % 4);
}

// Operations of the disk before the one at which something happens: mostly of the next commit, or
// anywhere in a replacement or a recovery.
std::size_t operations_before(const Event& event) {
  return event.choice >> 8 & (event.amount % 4 == 0 ? 63 : 3);
}

void mix_in(std::uint64_t value, std::uint64_t& hash) {
  hash = std::rotl((hash ^ value) * 0x9E3779B97F4A7C15u, 29);
}

void mix_in(const Peer& peer, std::uint64_t& hash) {
  mix_in(static_cast<std::uint64_t>(peer.deadline.time_since_epoch().count()), hash);
  mix_in(std::uint64_t{peer.port} << 2 | std::uint64_t{peer.is_active} << 1 | peer.is_known, hash);
}

std::unique_ptr<Disk> make_disk(const Setting& setting) {
  if (setting.uses_sqlite) return std::make_unique<SqliteDisk>(setting.disk_lies);
  return std::make_unique<MemoryDisk>(setting.disk_lies);
}

}  // namespace

World::World(const Setting& setting, Tally& tally, const Trace& trace)
    : setting_(setting),
      tally_(tally),
      trace_(trace),
      random_(setting_.random_seed),
      oracle_(setting_, tally),
      disk_(make_disk(setting)),
      clocks_{.wall_start = kWallStart} {
  // What a client learns is written down here; none of it moves.
  const Client::Context context{setting_, oracle_, tally_, trace_, hash_, operations_};
  clients_.reserve(kClients);
  for (std::size_t client = 0; client < kClients; ++client) clients_.emplace_back(client, context);
  trace_.note("shards ", setting_.registry.shards, ", peers ", setting_.registry.peers_max,
              ", of a host ", setting_.registry.peers_per_host_max, ", connections ",
              setting_.loopback.connections_max, ", of a host ",
              setting_.loopback.connections_per_host_max, ", listed ",
              setting_.engine.answer_peers_max, setting_.engine.open_query ? ", open query" : "",
              setting_.is_memory_tight ? ", tight memory" : "");
  start(1s);
}

World::~World() {
  for (Client& client : clients_) client.lose_server();
}

void World::take(const Event& event) {
  trace_.note(++events_, ": ", name_of(event.kind));
  do_event(event);
  follow_up(event);
  check_clients();
  if (!is_up()) return;
  server_->check_invariants();
  if (events_ % kEventsBetweenBudgets == 0) server_->check_budgets();
}

void World::do_event(const Event& event) {
  switch (event.kind) {
    case EventKind::kRequests:
    case EventKind::kPartOfRequest:
    case EventKind::kHalfClose:
    case EventKind::kReconnect:
    case EventKind::kStopReading:
    case EventKind::kReadOn:
      return do_client_event(event);
    case EventKind::kClientReset:
    case EventKind::kServerReset:
    case EventKind::kHold:
    case EventKind::kLetThrough:
    case EventKind::kDelay:
    case EventKind::kCut:
    case EventKind::kWindow:
      return do_network_event(event);
    case EventKind::kPass:
    case EventKind::kPassToDeadline:
    case EventKind::kWallJump:
      return do_time_event(event);
    case EventKind::kStoreSteps:
    case EventKind::kStoreFails:
    case EventKind::kStoreHeals:
      return do_store_event(event);
    case EventKind::kPowerLoss:
    case EventKind::kPowerLossInCommit:
    case EventKind::kStop:
    case EventKind::kRestart:
      return do_server_event(event);
  }
}

// ---- Clients and their networks ----

void World::connect(std::size_t client, const Event& event) {
  // Each has a host that it comes from, unless it roams.
  const std::size_t host = script_of(client).roams ? event.choice : client + client / kHosts.size();
  const Duration delay = event.amount % 8 == 0 ? kDelays[event.choice % kDelays.size()] : 0s;
  clients_[client].connect(server_->loopback(), kHosts[host % kHosts.size()], delay, now_);
}

void World::do_client_event(const Event& event) {
  if (!is_up()) return;
  Client& client = client_of(event);
  if (!client.is_connected() || client.is_over() || event.kind == EventKind::kReconnect) {
    connect(event.client % kClients, event);
  }
  const SampleGenerator random(event.choice);
  switch (event.kind) {
    case EventKind::kRequests:
      return client.send(requests_of(event), false, random, now_);
    case EventKind::kPartOfRequest:
      return client.send(std::size_t{1} + event.amount % 4, true, random, now_);
    case EventKind::kHalfClose:
      return client.half_close(event.amount % 2 == 0, random, now_);
    case EventKind::kStopReading:
      return client.stop_reading(now_);
    case EventKind::kReadOn:
      return client.read_on();
    default:
      return;
  }
}

void World::do_network_event(const Event& event) {
  Client& client = client_of(event);
  if (!is_up() || !client.is_connected()) return;
  const Direction direction = event.choice % 2 == 0 ? Direction::kToServer : Direction::kToClient;
  switch (event.kind) {
    case EventKind::kClientReset:
      return client.reset();
    case EventKind::kServerReset:
      return client.reset_by_network();
    case EventKind::kHold:
      return client.hold(direction, now_);
    case EventKind::kLetThrough:
      return client.let_through();
    case EventKind::kDelay:
      tally_.count(Met::kDelay);
      return client.connection().delay(direction, kDelays[event.amount % kDelays.size()]);
    case EventKind::kCut:
      tally_.count(Met::kCut);
      return client.connection().cut(direction, std::size_t{1} + event.amount % 64);
    case EventKind::kWindow:
      tally_.count(Met::kSmallWindow);
      return client.connection().window(std::size_t{1} << event.amount % 12);
    default:
      return;
  }
}

// ---- Time and turns ----

void World::do_time_event(const Event& event) {
  const bool store_is_stuck = event.client % 8 == 0;
  switch (event.kind) {
    case EventKind::kPass: {
      const bool is_short = event.choice % 8 != 0;
      return pass(kSteps[event.amount % (is_short ? kShortSteps : kSteps.size())], store_is_stuck);
    }
    case EventKind::kPassToDeadline: {
      const Peer& peer = oracle_.live(event.amount % kNicks);
      const Instant until = peer.deadline + Duration(static_cast<int>(event.choice % 3) - 1);
      if (peer.is_active && until > now_) pass(until - now_, store_is_stuck);
      return;
    }
    case EventKind::kWallJump:
      return jump_wall(std::chrono::seconds(kJumps[event.amount % kJumps.size()]));
    default:
      return;
  }
}

void World::jump_wall(std::chrono::seconds by) {
  trace_.note("  by ", by.count(), " s");
  clocks_.wall_jump += by;
  oracle_.wall_jumped(clocks_.wall_jump);
  tally_.count(by > 0s ? Met::kWallForward : Met::kWallBack);
  if (is_up()) {
    server_->loopback().jump_wall(by);
  } else {
    tally_.count(Met::kWallJumpWhileDown);
  }
}

bool World::step() {
  server_->tap().told.clear();
  if (!server_->loopback().step()) {
    // Everybody was served.
    server_->tap().commit_soon();
    return false;
  }
  if (const std::uint64_t decided = server_->loopback().answered(); decided != decided_) {
    decided_ = decided;
    const Moment moment{now_, server_->loopback().time().wall, server_->store_works(),
                        server_->tap().last_ticket, server_->tap().told};
    for (Client& client : clients_) client.note_decided(moment);
  }
  for (const Told& told : server_->tap().told) {
    if (!told.is_explained) throw Broken(nick_text(told.nick) + ": a change that nobody asked for");
    mix_in(peer_of(told.change), hash_);
  }
  note_closings();
  return true;
}

void World::note_closings() {
  const transport::Loopback& loopback = server_->loopback();
  const std::uint64_t closings = loopback.refused() + loopback.made_room();
  if (closings == closings_) return;
  tally_.count(loopback.refused() != refused_ ? Met::kRefusedConnection : Met::kMadeRoom);
  closings_ = closings;
  refused_ = loopback.refused();
  for (Client& client : clients_) client.may_be_closed();
}

void World::settle() {
  while (step()) {
  }
}

void World::step_store(std::size_t steps) {
  for (; is_up() && steps > 0 && server_->has_store_work(); --steps) {
    server_->step_store();
    look_at_power();
  }
}

void World::run_store() {
  for (std::size_t steps = 0; is_up() && server_->has_store_work(); ++steps) {
    if (steps == kStoreStepsMax) throw Broken("the store's thread is going in circles");
    step_store(1);
    if (is_up()) settle();
  }
}

void World::follow_up(const Event& event) {
  if (!is_up()) return;
  // Bits that the events look at last.
  const std::uint32_t choice = event.choice >> 24;
  switch (choice & 7) {
    case 0:
      break;
    case 1:
      step();
      break;
    default:
      settle();
  }
  if ((choice >> 3 & 1) != 0 && event.kind != EventKind::kStoreSteps) run_store();
}

void World::pass(Duration duration, bool store_is_stuck) {
  trace_.note("  ", duration.count(), " ns", store_is_stuck ? ", the store is stuck" : "");
  const Instant until = now_ + duration;
  while (is_up()) {
    settle();
    if (!store_is_stuck) run_store();
    if (!is_up() || server_->next_event() > until) break;
    now_ = server_->next_event();
    server_->skip_to(now_);
  }
  now_ = until;
  if (is_up()) server_->skip_to(until);
}

void World::check_clients() {
  if (!is_up()) return;
  for (Client& client : clients_) client.check(*server_, now_);
}

// ---- The store and the machine ----

void World::do_store_event(const Event& event) {
  switch (event.kind) {
    case EventKind::kStoreSteps:
      return step_store(event.amount % 4);
    case EventKind::kStoreFails: {
      constexpr std::array kResults = {Result::kFull, Result::kFailed, Result::kDistrusted};
      const bool for_good = event.choice % 4 == 0;
      disk_->fail_after(operations_before(event), kResults[event.choice / 4 % kResults.size()],
                        for_good);
      if (is_up()) server_->note_failures(for_good);
      return;
    }
    case EventKind::kStoreHeals:
      return disk_->heal();
    default:
      return;
  }
}

void World::do_server_event(const Event& event) {
  switch (event.kind) {
    case EventKind::kPowerLoss:
      // In the middle of its work, or when the store is done and nobody knows.
      step_store(event.choice % 8);
      while (is_up() && event.choice % 3 == 0 && server_->has_store_work() &&
             !server_->has_verdict_under_way()) {
        step_store(1);
      }
      if (!is_up()) return;
      tally_.count(Met::kPowerLoss);
      return lose_power(event.amount);
    case EventKind::kPowerLossInCommit:
      survival_ = event.amount;
      return disk_->lose_power_after(operations_before(event));
    case EventKind::kStop:
      if (!is_up()) return;
      tally_.count(Met::kStop);
      server_->stop(event.choice % 2 == 0);
      look_at_power();
      if (!is_up()) return;
      settle();
      return end_server();
    case EventKind::kRestart: {
      if (is_up()) return;
      survival_ = event.amount;
      // Power may be lost again while it recovers, or soon after.
      if (event.client % 8 == 0) disk_->lose_power_after(operations_before(event));
      return start(kBootClocks[event.choice % kBootClocks.size()]);
    }
    default:
      return;
  }
}

void World::look_at_power() {
  if (!is_up() || server_->has_power()) return;
  tally_.count(Met::kPowerLossInCommit);
  lose_power(survival_);
}

void World::end_server() {
  check_clients();
  for (Client& client : clients_) client.lose_server();
  server_.reset();
  if (!disk_->has_power()) disk_->lose_power(survival_);
}

void World::lose_power(std::size_t survival) {
  const std::size_t unsynced = disk_->unsynced_batches();
  trace_.note("  power is lost; ", unsynced, " batches were not synced");
  check_clients();
  if (server_->has_verdict_under_way()) tally_.count(Met::kVerdictLost);
  for (Client& client : clients_) client.lose_server();
  if (unsynced > 0) tally_.count(survival % 2 == 0 ? Met::kBatchLost : Met::kBatchKept);
  disk_->lose_power(survival);
  server_.reset();
}

void World::start(Duration boot_clock) {
  clocks_.server_ahead = boot_clock - now_.time_since_epoch();
  auto server = std::make_unique<Server>(setting_, *disk_, random_, clocks_, now_, tally_);
  const RecoveryOutcome outcome = server->recovered().outcome;
  if (!disk_->has_power()) {
    tally_.count(Met::kPowerLossInRecovery);
    oracle_.recovery_ended_early(now_);
    disk_->lose_power(survival_);
    return;
  }
  switch (outcome) {
    case RecoveryOutcome::kDone:
      break;
    case RecoveryOutcome::kStoreFailed:
      if (!disk_->may_fail()) throw Broken("recovery fails, and the disk does not");
      tally_.count(Met::kFailedRecovery);
      oracle_.recovery_ended_early(now_);
      return;
    case RecoveryOutcome::kTooManyPeers:
      // The wall clock went back, and leases that had ended have not. Somebody sets the limit up.
      setting_.registry.peers_max = kNicks;
      return;
    case RecoveryOutcome::kDamaged:
      throw Broken("recovery finds the store damaged");
  }
  tally_.count(Met::kRecovery);
  if (server->recovered().shortened > 0) tally_.count(Met::kShortenedLease);
  server_ = std::move(server);
  decided_ = closings_ = refused_ = 0;
  const std::array<Peer, kNicks> peers = server_->peers();
  for (const Peer& peer : peers) mix_in(peer, hash_);
  oracle_.recovered(peers, disk_->is_all_durable(), now_);
  server_->check_invariants();
}

// ---- The end ----

void World::finish() {
  trace_.note("the faults stop");
  disk_->heal();
  disk_->keep_power();
  start_at_last(1000s);
  for (Client& client : clients_) client.calm(now_);
  pass(kSettlingTime, false);
  check_settled();

  // Everybody asks once more, and is answered.
  for (std::size_t client = 0; client < kClients; ++client) {
    const auto number = static_cast<std::uint8_t>(client);
    do_event({EventKind::kRequests, number, 3, static_cast<std::uint32_t>(client)});
  }
  pass(kSettlingTime, false);
  check_settled();

  lose_power(kNothingSurvives);
  start_at_last(1s);
  check_everybody_expires();
}

// The first attempt may find too many peers.
void World::start_at_last(Duration boot_clock) {
  for (int attempt = 0; !is_up() && attempt < 2; ++attempt) start(boot_clock);
  if (!is_up()) throw Broken("the server does not start");
}

void World::check_settled() {
  check_clients();
  server_->check_invariants();
  server_->check_budgets();
  if (!server_->store_works()) throw Broken("the store works, and changes are refused");
  if (server_->has_store_work()) throw Broken("the store's thread has work, and does not do it");
  if (server_->loopback().waiting_output_bytes() > 0) throw Broken("output that is not sent");
  for (const Client& client : clients_) client.check_settled();
}

void World::check_everybody_expires() {
  pass(kTtl, false);
  if (oracle_.active(now_) > 0) throw Broken("a lease that is longer than it may be");
  pass(engine::limits::kWheelSlot + 10ms, false);
  if (server_->registry().active() > 0) throw Broken("an entry that is not swept");
  if (server_->loopback().connections() > 0) throw Broken("connections that nobody has");
  server_->check_invariants();
}

}  // namespace rollcall::sim
