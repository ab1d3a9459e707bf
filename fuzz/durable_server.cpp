#include "fuzz/durable_server.h"

#include <algorithm>
#include <utility>

#include "engine/wire/response_parser.h"
#include "fuzz/property.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/escaped_text.h"
#include "tests/support/store_ledger.h"

namespace rollcall::fuzz {
namespace {

using namespace std::chrono_literals;
using engine::AnswerFraming;
using engine::Change;
using engine::Duration;
using engine::HostAddress;
using engine::Instant;
using engine::Method;
using engine::Ticket;
using engine::Verdict;
using std::chrono::milliseconds;
using store::Result;

constexpr Duration kTtl = 60s;
constexpr std::size_t kManyPeers = 1000;

constexpr std::array kNicks =
    std::to_array<std::string_view>({"a", "b", "a nick of more than 14 bytes", "Zo\xC3\xAB"});
constexpr std::array kHosts = {
    HostAddress::v4(10, 0, 0, 1),
    HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}}};

std::int64_t floor_ms(Instant instant) {
  return std::chrono::floor<milliseconds>(instant.time_since_epoch()).count();
}

// The answer of a change whose fate is not known.
std::string unknown_answer(Verdict verdict, AnswerFraming framing) {
  const std::string message =
      verdict == Verdict::kFailed ? "Unknown: store failed" : "Unknown: server is stopping";
  std::string text = "Response 999 P2Pv1\n";
  if (framing == AnswerFraming::kLength) {
    text.append("ContentLength: ").append(std::to_string(message.size())).append("\n");
  }
  text.append("\n").append(message);
  if (framing == AnswerFraming::kLineFeed) text += '\n';
  return text;
}

}  // namespace

// ---- The way of a change ----

void DurableServer::Tap::append(const Change& change) {
  const std::string nick(change.nick);
  Version version{change, server_.lease_ms(change.deadline)};
  version.change.nick = {};
  std::vector<Version>& versions = server_.history_[nick].versions;
  versions.push_back(version);
  server_.told_.push_back({nick, versions.size(), std::nullopt});
  ++server_.changes_;
  const bool was_behind = server_.group_->is_behind();
  server_.group_->append(change);
  server_.wakes_due_ += !was_behind && server_.group_->is_behind();
}

std::optional<Ticket> DurableServer::Tap::ticket() {
  const std::optional<Ticket> ticket = server_.group_->ticket();
  server_.wakes_due_ += !std::exchange(server_.is_asked_, true);
  for (ToldChange& told : server_.told_) {
    if (!told.ticket.has_value()) told.ticket = ticket;
  }
  if (!ticket.has_value() && server_.group_options_.durability == store::Durability::kSync) {
    broken("answers do not wait");
  }
  return ticket;
}

bool DurableServer::EntriesInUse::read(Position& position, std::size_t entries_max,
                                       std::string& packed) {
  if (const auto act = std::exchange(server_.when_read_, {})) act();
  return entries_.read(position, entries_max, packed);
}

std::int64_t DurableServer::lease_ms(Instant instant) const {
  return floor_ms(instant) + to_lease_ms_;
}

DurableServer::DurableServer(Choices choices) {
  registry_options_.ttl = kTtl;
  registry_options_.inactive_max = kManyPeers;
  registry_options_.shards = std::size_t{1} << choices.below(2);
  group_options_.shards = registry_options_.shards;
  if (choices.below(8) == 7) group_options_.durability = store::Durability::kAsync;
  if (choices.below(8) == 7) group_options_.pending_bytes_max = 200;
  start(kManyPeers);
}

void DurableServer::step(Choices choices) {
  const std::size_t kind = choices.below(16);
  Client& client = clients_[choices.below(kClients)];
  switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3: {
      std::vector<Asked> requests;
      const std::size_t size = 1 + choices.below(2);
      for (std::size_t i = 0; i < size; ++i) requests.push_back(choose_request(choices));
      ask(client, requests);
      break;
    }
    case 4:
      // More than may be held at once.
      ask(client, std::vector<Asked>(std::size_t{16} << choices.below(5), choose_request(choices)));
      break;
    case 5:
    case 6: {
      gather();
      if (choices.below(4) == 3) {
        when_read_ = [this, &client, request = choose_request(choices)] {
          pass(1ms);
          ask(client, {request});
        };
      }
      const store::Resolved resolved = commit();
      when_read_ = {};
      resolve(resolved.up_to, resolved.verdict);
      break;
    }
    case 7:
      if (!is_gathering_) {
        begin_gather();
      } else if (next_lane_ < group_options_.shards) {
        group_->gather_lane(next_lane_++);
      } else {
        is_gathering_ = false;
      }
      break;
    case 8: {
      const store::Resolved resolved = commit();
      if (choices.below(2) == 0) resolve(resolved.up_to, resolved.verdict);
      break;
    }
    case 9:
      take_off_the_wire(client);
      break;
    case 10:
      reopen(client, kHosts[choices.below(kHosts.size())]);
      break;
    case 11: {
      constexpr std::array<Duration, 12> kSteps = {
          1ns, 1ms, 250ms, 999ms, 1s, 1s + 1ms, kTtl - 1ns, kTtl, kTtl / 2, 24h, 720h - 1ms, 720h};
      pass(kSteps[choices.below(kSteps.size())]);
      break;
    }
    case 12: {
      constexpr std::array<milliseconds, 8> kSteps = {1000ms, 1001ms, -1000ms, -1001ms,
                                                      1h,     -1h,    30s,     -30s};
      step_wall_clock(kSteps[choices.below(kSteps.size())]);
      break;
    }
    case 13:
      fail_device(choices);
      break;
    case 14:
      device_.heal();
      device_may_fail_ = false;
      break;
    case 15:
      if (choices.below(4) == 3) resolve(engine::kLastTicket, Verdict::kStopping);
      crash(choices.below(4), choices.below(4) == 3 ? choices.below(4) : kManyPeers);
      break;
  }
  for (const Client& each : clients_) check_output(each);
  engine_->check_invariants();
  registry_->check_invariants();
  group_->check_invariants();
}

// ---- Clients ----

DurableServer::Asked DurableServer::choose_request(Choices& choices) {
  constexpr std::array kMethods = {Method::kRegister, Method::kRegister, Method::kKeepAlive,
                                   Method::kLeave, Method::kPQuery};
  constexpr std::array kNames =
      std::to_array<std::string_view>({"Register", "Register", "KeepAlive", "Leave", "PQuery"});
  Asked asked;
  const std::size_t method = choices.below(kMethods.size());
  asked.method = kMethods[method];
  asked.nick = kNicks[choices.below(kNicks.size())];
  std::string body = asked.nick;
  const std::size_t extra = choices.below(16);
  asked.is_valid = extra != 15;
  if (!asked.is_valid) body += '\t';
  if (asked.method == Method::kRegister) body += "\n" + std::to_string(1 + choices.below(16));
  asked.text.append(kNames[method]).append(" P2Pv1\n");
  if ((extra & 1) != 0) {
    asked.framing = AnswerFraming::kLength;
    asked.text.append("ContentLength: ").append(std::to_string(body.size())).append("\n");
  }
  if ((extra & 14) == 2 && asked.method == Method::kRegister) asked.text.append("Cookie: new\n");
  if ((extra & 14) == 4) asked.text.append("Cookie: 0123456789abcdef0123456789abcdef\n");
  asked.text.append("\n").append(body);
  if (asked.framing == AnswerFraming::kLineFeed) asked.text += '\n';
  return asked;
}

void DurableServer::ask(Client& client, const std::vector<Asked>& requests) {
  if (!engine_->is_open(client.session)) return;
  std::string text;
  for (const Asked& asked : requests) text += asked.text;
  const bool accepted = group_->accepts();
  const std::size_t before = client.out.size();
  told_.clear();
  const std::size_t consumed =
      engine_->receive(client.session, tests::bytes_of(text), time(), client.out);
  const bool is_full = client.out.size() > engine::limits::kOutputHighMark ||
                       engine_->held_answers(client.session) >= engine::limits::kHeldAnswersMax;
  if (consumed < text.size() && !is_full) broken("requests are left over");
  if (engine_->held_answers(client.session) >=
      engine::limits::kHeldAnswersMax + engine::limits::kBatchRequestsMax) {
    broken("more answers are held than may be");
  }

  std::string_view answers = client.out.view().substr(before);
  std::size_t changes_taken = 0;
  std::size_t bytes = 0;
  for (const Asked& asked : requests) {
    if (bytes == consumed) break;
    bytes += asked.text.size();
    take_answer(client, asked, answers, changes_taken);
    const bool is_refused = client.owed.back().text.find("store unavailable") != std::string::npos;
    const bool is_change = asked.is_valid && asked.method != Method::kPQuery;
    if (is_refused && accepted && group_->accepts()) broken("a change is refused");
    if (!is_refused && is_change && !accepted) broken("a change is not refused");
  }
  if (bytes != consumed) broken("half a request is consumed");
  if (!answers.empty()) broken("too many answers: " + tests::escaped(answers));
  if (changes_taken != told_.size()) broken("a change without an answer");
  // As a transport does when its turn is over.
  if (client.out.held() > 0) group_->commit_soon();
}

void DurableServer::take_answer(Client& client, const Asked& asked, std::string_view& text,
                                std::size_t& changes_taken) {
  engine::ResponseParser parser(asked.framing, std::size_t{1} << 20);
  if (parser.advance(text) != engine::ResponseProgress::kComplete) {
    broken("no answer: " + tests::escaped(text));
  }
  Owed owed{std::string(text.substr(0, parser.length())), asked.framing, std::nullopt, false};
  text.remove_prefix(parser.length());
  const bool is_change = parser.response().status == 20 && asked.method != Method::kPQuery;
  if (is_change) {
    if (changes_taken == told_.size()) broken("no change for an answer");
    owed.change = told_[changes_taken++];
    if (owed.change->nick != asked.nick) broken("a change of another nick");
    owed.waits = owed.change->ticket.has_value();
    if (group_options_.durability == store::Durability::kSync && !owed.waits) {
      broken("a change without a ticket");
    }
  }
  client.owed.push_back(std::move(owed));
}

// What is ready is exactly what stands before the first answer that waits.
void DurableServer::check_output(const Client& client) const {
  std::string expected;
  std::size_t waiting = 0;
  bool is_held = false;
  for (const Owed& owed : client.owed) {
    is_held = is_held || owed.waits;
    waiting += owed.waits;
    if (!is_held) expected += owed.text;
  }
  if (client.out.ready() != expected) {
    broken("ready: " + tests::escaped(client.out.ready()) +
           "; expected: " + tests::escaped(expected));
  }
  if (engine_->held_answers(client.session) != waiting) broken("other answers are held");
}

// The client reads everything that is ready.
void DurableServer::take_off_the_wire(Client& client) {
  check_output(client);
  std::unique_ptr<Kept> on_device;
  while (!client.owed.empty() && !client.owed.front().waits) {
    const Owed& owed = client.owed.front();
    const bool is_success = owed.change.has_value() && owed.text.starts_with("Response 20 ");
    if (is_success && owed.change->ticket.has_value()) {
      if (on_device == nullptr) on_device = kept();
      const bool is_there = version_in(*on_device, owed.change->nick) >= owed.change->version;
      if (!is_there) broken("acknowledged and not durable: " + owed.change->nick);
    }
    client.out.drop_front(owed.text.size());
    client.owed.pop_front();
  }
}

void DurableServer::reopen(Client& client, const HostAddress& host) {
  engine_->close(client.session);
  client.out.clear();
  client.owed.clear();
  client.host = host;
  client.session = engine_->open(host, time());
}

// ---- The store's thread ----

void DurableServer::end_epoch() {
  if (wakes_ != wakes_due_) broken("woken too often, or not at all");
  is_asked_ = false;
  wakes_ = wakes_due_ = 0;
}

void DurableServer::begin_gather() {
  end_epoch();
  group_->begin_gather();
  for (auto& [nick, history] : history_) history.gathered = history.versions.size();
  changes_gathered_ = changes_;
  is_gathering_ = true;
  next_lane_ = 0;
}

void DurableServer::finish_gather() {
  while (is_gathering_ && next_lane_ < group_options_.shards) group_->gather_lane(next_lane_++);
  is_gathering_ = false;
}

void DurableServer::gather() {
  finish_gather();
  end_epoch();
  group_->gather();
  for (auto& [nick, history] : history_) history.gathered = history.versions.size();
  changes_gathered_ = changes_;
}

store::Resolved DurableServer::commit() {
  finish_gather();
  const store::Resolved resolved = group_->commit(reading());
  if (resolved.verdict == Verdict::kFailed) {
    if (!device_may_fail_ && resolved.result == Result::kDone) broken("fails for no reason");
    if (group_->accepts()) broken("accepts changes though the store has failed");
    if (group_->due() > now_ + engine::limits::kStoreRetry) broken("is not tried again soon");
    return resolved;
  }
  const std::unique_ptr<Kept> on_device = kept();
  for (auto& [nick, history] : history_) {
    history.must_survive = std::max(history.must_survive, history.gathered);
    if (version_in(*on_device, nick) < history.must_survive) {
      broken("said to be durable and is not: " + nick);
    }
  }
  const std::int64_t drift =
      wall_.time_since_epoch().count() - lease_ms(now_) - on_device->wall_offset.count();
  if (std::abs(drift) > 1000) broken("the wall clock's step is not on the device");
  const std::uint64_t durable = group_->counters().changes;
  if (durable < changes_gathered_ || durable > changes_) broken("counts other changes");
  return resolved;
}

void DurableServer::resolve(Ticket up_to, Verdict verdict) {
  engine_->resolve(up_to, verdict);
  while (const auto session = engine_->releasable()) {
    const auto client = std::ranges::find(clients_, *session, &Client::session);
    if (client == clients_.end()) broken("answers of nobody");
    engine_->release(*session, client->out);
    if (engine_->is_open(*session) && verdict != Verdict::kDurable) broken("stays open");
  }
  for (Client& client : clients_) {
    for (Owed& owed : client.owed) {
      if (!owed.waits || owed.change->ticket > up_to) continue;
      owed.waits = false;
      if (verdict != Verdict::kDurable) owed.text = unknown_answer(verdict, owed.framing);
    }
    check_output(client);
  }
}

// ---- Time and faults ----

void DurableServer::pass(Duration duration) {
  now_ += duration;
  // Whole milliseconds, so that both clocks go on by the same.
  now_ = Instant(std::chrono::ceil<milliseconds>(now_.time_since_epoch()));
  wall_ += std::chrono::ceil<milliseconds>(duration);
  engine_->tick(time());
}

void DurableServer::step_wall_clock(milliseconds step) { wall_ += step; }

void DurableServer::fail_device(Choices& choices) {
  constexpr std::array kResults = {Result::kFull, Result::kFailed, Result::kDistrusted};
  const std::size_t operations = choices.below(4);
  const Result result = kResults[choices.below(kResults.size())];
  device_.fail_after(operations, result, choices.below(2) == 0);
  device_may_fail_ = true;
}

// ---- Crash and recovery ----

std::unique_ptr<DurableServer::Kept> DurableServer::kept() const {
  auto kept = std::make_unique<Kept>();
  store::MemoryDevice device = device_;
  store::MemoryStore store(device);
  const store::Loaded loaded = store.load([&](milliseconds, std::string_view packed) {
    kept->batches.emplace_back(packed);
    return true;
  });
  kept->wall_offset = loaded.wall_offset;
  for (const std::string& batch : kept->batches) add_batch(batch, *kept);
  return kept;
}

void DurableServer::add_batch(std::string_view batch, Kept& kept) const {
  store::JournalUnpacker unpacker;
  while (!batch.empty()) {
    std::optional<store::Record> record = unpacker.unpack(batch);
    if (!record.has_value()) broken("damaged on the device");
    if (record->extent != engine::Extent::kEntry) {
      const auto entry = kept.records.find(record->nick);
      if (entry == kept.records.end()) continue;
      record = tests::renewed(entry->second, *record);
    }
    kept.records.insert_or_assign(std::string(record->nick), *record);
    const bool is_long = lease_ms(now_ + kTtl) < record->deadline.time_since_epoch().count();
    kept.shortened += record->active && is_long;
  }
}

bool DurableServer::is_version(const store::Record& record, const Version& version) const {
  const Change& change = version.change;
  const std::int64_t deadline = record.deadline.time_since_epoch().count();
  const bool is_over = deadline <= lease_ms(now_);
  // That a lease has ended is no change: whoever writes the entry anew knows of it.
  if (record.active != change.active && !is_over) return false;
  // What became inactive in the future, by a clock that went back, did so when that was found out.
  const bool may_be_earlier = !record.active && !change.active;
  if (deadline != version.lease_deadline_ms &&
      !(may_be_earlier && deadline < version.lease_deadline_ms)) {
    return false;
  }
  const std::optional<engine::Cookie> cookie =
      change.has_cookie ? std::optional(change.cookie) : std::nullopt;
  return record.host == change.host && record.port == change.port && record.cookie == cookie &&
         record.registered_at == change.registered_at &&
         record.activity_bits == change.activity_bits && record.activity_day == change.activity_day;
}

bool DurableServer::may_be_forgotten(const Version& version) const {
  return version.lease_deadline_ms + milliseconds(engine::limits::kHistory / 1ms).count() <=
         lease_ms(now_);
}

// The latest version that the device can mean.
std::size_t DurableServer::version_in(const Kept& kept, const std::string& nick) const {
  const History& history = history_.at(nick);
  const auto found = kept.records.find(nick);
  const bool is_there = found != kept.records.end();
  for (std::size_t number = history.versions.size(); number > 0; --number) {
    const Version& version = history.versions[number - 1];
    if (is_there ? is_version(found->second, version) : may_be_forgotten(version)) return number;
  }
  if (!is_there) return 0;
  broken("never told: " + nick);
}

void DurableServer::crash(std::size_t batches_kept, std::size_t peers_max) {
  finish_gather();
  for (Client& client : clients_) take_off_the_wire(client);
  engine_.reset();
  tap_.reset();
  group_.reset();
  entries_.reset();
  registry_.reset();
  store_.reset();
  device_.crash(batches_kept);
  // What survived is what there is.
  const std::unique_ptr<Kept> on_device = kept();
  for (auto& [nick, history] : history_) {
    const std::size_t version = version_in(*on_device, nick);
    if (version < history.must_survive) broken("lost: " + nick);
    const auto found = on_device->records.find(nick);
    history = History();
    if (found == on_device->records.end()) continue;
    Change change;
    const store::Record& record = found->second;
    change.host = record.host;
    change.port = record.port;
    change.active = record.active;
    change.has_cookie = record.cookie.has_value();
    if (change.has_cookie) change.cookie = *record.cookie;
    change.registered_at = record.registered_at;
    change.activity_bits = record.activity_bits;
    change.activity_day = record.activity_day;
    history.versions.push_back({change, record.deadline.time_since_epoch().count()});
    history.gathered = history.must_survive = 1;
  }
  // The clock of the machine begins anew, or does not.
  now_ = batches_kept == 0 ? Instant(2h) : now_ + 7s;
  wall_ += 7s;
  start(peers_max);
}

void DurableServer::start(std::size_t peers_max) {
  std::optional<store::Recovered> recovered = recover(peers_max);
  if (!recovered.has_value()) recovered = recover(kManyPeers);
  if (!recovered.has_value()) {
    device_.heal();
    device_may_fail_ = false;
    recovered = recover(kManyPeers);
  }
  if (!recovered.has_value()) broken("cannot recover");
  compare_with_what_was_kept(*recovered);
  open_for_business(recovered->clock);
}

std::optional<store::Recovered> DurableServer::recover(std::size_t peers_max) {
  const std::unique_ptr<Kept> on_device = kept();
  to_lease_ms_ = wall_.time_since_epoch().count() - on_device->wall_offset.count() - floor_ms(now_);
  // Those that a later record takes the place of are cut as well.
  const std::size_t shortened = kept()->shortened;
  std::size_t active = 0;
  for (const auto& [nick, record] : on_device->records) {
    active += record.active && record.deadline.time_since_epoch().count() > lease_ms(now_);
  }

  engine::RegistryOptions options = registry_options_;
  options.peers_max = peers_max;
  store_ = std::make_unique<store::MemoryStore>(device_);
  registry_ = std::make_unique<engine::Registry>(options, random_);
  const store::Recovered recovered =
      store::recover(*store_, *registry_, [this] { return reading(); }, {});
  if (recovered.active != active) broken("recovers other peers");
  if (recovered.shortened != shortened) broken("shortens other leases");
  switch (recovered.outcome) {
    case store::RecoveryOutcome::kDone:
      if (active > peers_max) broken("recovers more peers than it may");
      return recovered;
    case store::RecoveryOutcome::kTooManyPeers:
      if (active <= peers_max) broken("recovers fewer peers than it may");
      return std::nullopt;
    case store::RecoveryOutcome::kStoreFailed:
      if (shortened == 0 || !device_may_fail_) broken("recovery fails for no reason");
      return std::nullopt;
    case store::RecoveryOutcome::kDamaged:
      broken("what was kept is damaged");
  }
  __builtin_unreachable();
}

void DurableServer::compare_with_what_was_kept(const store::Recovered& recovered) {
  tests::ChangeRecorder entries;
  for (std::size_t shard = 0; shard < registry_->shards(); ++shard) {
    for (engine::EntryNumber from = 0; from != engine::kNoEntry;) {
      from = registry_->visit(shard, from, 1000, entries);
    }
  }
  std::map<std::string, Change> found;
  for (const tests::ToldChange& told : entries.told) {
    if (!found.emplace(told.nick, told.change).second) broken("recovered twice: " + told.nick);
  }
  for (auto& [nick, history] : history_) {
    const auto entry = found.find(nick);
    const bool is_expected =
        !history.versions.empty() && !may_be_forgotten(history.versions.back());
    if (is_expected != (entry != found.end())) broken("recovered or not: " + nick);
    if (!is_expected) {
      // Its record may stay where it is.
      history.gathered = history.must_survive = 0;
      continue;
    }
    Version& version = history.versions.back();
    const Change& change = entry->second;
    const std::int64_t left = version.lease_deadline_ms - lease_ms(now_);
    const bool is_active = version.change.active && left > 0;
    Instant deadline = Instant(milliseconds(version.lease_deadline_ms - to_lease_ms_));
    deadline = std::min(deadline, is_active ? now_ + kTtl : now_);
    if (change.deadline != deadline) broken("recovered with another deadline: " + nick);
    if (change.active != is_active) broken("recovered in another state: " + nick);
    if (change.host != version.change.host || change.port != version.change.port ||
        change.has_cookie != version.change.has_cookie ||
        (change.has_cookie && change.cookie != version.change.cookie) ||
        change.registered_at != version.change.registered_at ||
        change.activity_bits != version.change.activity_bits ||
        change.activity_day != version.change.activity_day) {
      broken("recovered as another: " + nick);
    }
    version.change.active = is_active;
    if (recovered.shortened > 0) version.lease_deadline_ms = lease_ms(deadline);
    found.erase(entry);
  }
  if (!found.empty()) broken("recovered though never there: " + found.begin()->first);
}

void DurableServer::open_for_business(const store::LeaseClock& clock) {
  entries_ = std::make_unique<EntriesInUse>(*this, clock);
  group_ = std::make_unique<store::GroupCommit>(group_options_, *store_, *entries_, clock);
  is_asked_ = is_gathering_ = false;
  wakes_ = wakes_due_ = 0;
  group_->wake_with([this] { ++wakes_; });
  tap_ = std::make_unique<Tap>(*this);
  engine_ =
      std::make_unique<engine::Engine>(*registry_, engine::EngineOptions(), random_, tap_.get());
  changes_ = changes_gathered_ = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients_[i].owed.clear();
    clients_[i].out.clear();
    clients_[i].host = kHosts[i % kHosts.size()];
    clients_[i].session = engine_->open(clients_[i].host, time());
  }
}

void DurableServer::finish() {
  device_.heal();
  device_may_fail_ = false;
  // A store whose file must be replaced says so first.
  for (int tries = 0; tries < 2; ++tries) {
    pass(engine::limits::kStoreRetry);
    gather();
    const store::Resolved resolved = commit();
    resolve(resolved.up_to, resolved.verdict);
    if (resolved.verdict == Verdict::kDurable) break;
  }
  if (!group_->accepts()) broken("does not settle");
  for (Client& client : clients_) {
    take_off_the_wire(client);
    if (!client.owed.empty() || !client.out.empty()) broken("an answer is left over");
  }
  for (const auto& [nick, history] : history_) {
    if (history.must_survive != history.versions.size()) broken("not durable: " + nick);
  }
  crash(0, kManyPeers);
}

}  // namespace rollcall::fuzz
