#include "tests/support/server_process_on_disk.h"

#include <utility>
#include <vector>

#include "engine/assert.h"
#include "engine/outcome.h"
#include "store/record.h"
#include "tests/support/engine_under_test.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using store::LeaseClock;

constexpr auto kHost = engine::HostAddress::v4(10, 0, 0, 7);
constexpr auto kCommitInterval = 1s;

engine::RegistryOptions registry_options() {
  engine::RegistryOptions options;
  options.shards = 2;
  return options;
}

store::GroupCommit::Options group_options() {
  store::GroupCommit::Options options;
  options.shards = registry_options().shards;
  return options;
}

}  // namespace

void WrittenDown::append(const engine::Change& change) {
  engine::Change whole = change;
  whole.extent = engine::Extent::kEntry;
  std::string packed;
  store::pack(store::record_of(whole, clock_), packed);
  last_decision_ = ledger_.decided(std::string(change.nick), std::move(packed));
  group_.append(change);
}

struct ServerProcessOnDisk::Server {
  Server(store::Store& store, engine::Registry& restored, const LeaseClock& as_recovered,
         AnswerLedger& ledger, SeededRandom& random)
      : clock(as_recovered),
        entries(restored, clock),
        group(group_options(), store, entries, clock),
        log(group, clock, ledger),
        engine(restored, {}, random, &log) {}

  LeaseClock clock;  // says the same as the one of `group`
  store::RegistryEntries entries;
  store::GroupCommit group;
  WrittenDown log;
  engine::Engine engine;
};

ServerProcessOnDisk::ServerProcessOnDisk(std::unique_ptr<SimulatedDisk> disk, Opener opener,
                                         std::uint64_t nicks)
    : ProcessOnDisk(std::move(disk), std::move(opener)),
      nicks_(nicks),
      generator_(nicks),
      clocks_{engine::Instant(1h), store::WallInstant(std::chrono::days(20'000))} {}

ServerProcessOnDisk::~ServerProcessOnDisk() = default;

std::unique_ptr<ProcessOnDisk> ServerProcessOnDisk::successor(std::unique_ptr<SimulatedDisk> left,
                                                              Ending ending) const {
  auto next = std::make_unique<ServerProcessOnDisk>(std::move(left), opener(), nicks_);
  next->follows(ending);
  next->generator_ = generator_;
  next->clocks_ = clocks_;
  next->ledger_ = ledger_;
  return next;
}

bool ServerProcessOnDisk::begin(store::Store& store) {
  registry_.emplace(registry_options(), random_);
  const store::Recovered recovered = store::recover(
      store, *registry_, [this] { return clocks_; }, nullptr);
  if (recovered.outcome == store::RecoveryOutcome::kStoreFailed) return false;
  if (recovered.outcome != store::RecoveryOutcome::kDone) object("the recovery failed");
  server_ = std::make_unique<Server>(store, *registry_, recovered.clock, ledger_, random_);
  const StoreContent found = content();
  object(ledger_.objection(found));
  if (ending_before() == Ending::kPowerLoss) {
    ledger_.found_after_power_loss(found);
  } else {
    ledger_.found_after_kill(found);
  }
  return true;
}

void ServerProcessOnDisk::change(int count) {
  for (int i = 0; i < count; ++i) {
    const std::string nick = "peer-" + std::to_string(generator_.below(nicks_));
    const std::uint64_t kind = i == 0 ? 0 : generator_.below(8);
    if (kind < 5) {
      // So few that many of them renew what is there.
      const std::string port = std::to_string(1024 + generator_.below(3));
      request(nick, "Register P2Pv1\n\n" + nick + "\n" + port + "\n");
    } else if (kind < 7) {
      request(nick, "KeepAlive P2Pv1\n\n" + nick + "\n");
    } else {
      request(nick, "Leave P2Pv1\n\n" + nick + "\n");
    }
  }
}

bool ServerProcessOnDisk::commit(store::Store&) {
  clocks_.now += kCommitInterval;
  clocks_.wall += kCommitInterval;
  store::GroupCommit& group = server_->group;
  if (server_->clock.follow(clocks_)) {
    ledger_.offset_decided(server_->clock.wall_offset());
    offset_is_due_ = true;
  }
  // Where nobody waits nothing is acknowledged.
  const bool is_told_something = !waiting_.empty() || offset_is_due_;
  group.gather();
  const store::Resolved resolved = group.commit(clocks_);
  group.check_invariants();
  const bool is_durable = resolved.verdict == engine::Verdict::kDurable;
  if (is_durable && is_told_something) {
    offset_is_due_ = false;
    ledger_.offset_acknowledged();
    note_acknowledgement();
  }
  server_->engine.resolve(resolved.up_to, resolved.verdict);
  release();
  return is_durable && !std::exchange(was_refused_, false);
}

void ServerProcessOnDisk::release() {
  engine::Engine& engine = server_->engine;
  while (const auto session = engine.releasable()) {
    const auto waiting = waiting_.find(*session);
    ROLLCALL_ASSERT(waiting != waiting_.end());
    auto& [nick, decision, answer] = waiting->second;
    engine.release(*session, answer);
    if (answer.ready() == kSuccessLine) ledger_.acknowledged(nick, decision);
    waiting_.erase(waiting);
    engine.close(*session);
  }
  engine.check_invariants();
}

void ServerProcessOnDisk::replace(store::Store&) {
  ROLLCALL_ASSERT(!"a server replaces its store by itself");
}

void ServerProcessOnDisk::forget() {
  waiting_.clear();
  offset_is_due_ = false;
  server_.reset();
  registry_.reset();
  was_refused_ = false;
}

void ServerProcessOnDisk::request(const std::string& nick, const std::string& text) {
  engine::Engine& engine = server_->engine;
  const engine::SessionId session = engine.open(kHost, time());
  engine::OutputBuffer answer;
  engine.receive(session, bytes_of(text), time(), answer);
  if (engine.held_answers(session) > 0) {
    waiting_.emplace(session, Waiting{nick, server_->log.last_decision(), std::move(answer)});
    return;
  }
  if (answer.ready() == kSuccessLine) object("an answer did not wait");
  was_refused_ |= answer.ready() == answer_line(engine::Outcome::kStoreUnavailable);
  engine.close(session);
}

engine::Time ServerProcessOnDisk::time() const {
  return {clocks_.now, std::chrono::floor<std::chrono::seconds>(clocks_.wall)};
}

StoreContent ServerProcessOnDisk::content() const {
  std::string packed;
  store::EntrySource::Position position;
  while (server_->entries.read(position, 1000, packed)) {
  }
  StoreContent content;
  content.add(packed);
  content.wall_offset = server_->clock.wall_offset();
  return content;
}

}  // namespace rollcall::tests
