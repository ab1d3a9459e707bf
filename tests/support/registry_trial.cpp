#include "tests/support/registry_trial.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/assert.h"
#include "engine/outcome.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using engine::CookieHeader;
using engine::Duration;
using engine::HostAddress;
using engine::Method;
using engine::Operation;
using engine::Request;

// Nicks on both sides of what an entry holds itself, and the longest; and two that the index cannot
// tell apart by their hashes.
const std::array<std::string, 8> kNicks = {"a",
                                           "bob",
                                           std::string(14, 'n'),
                                           std::string(15, 'n'),
                                           std::string(255, 'n'),
                                           "Zoë ☎",
                                           std::string(kCoincidingNicks[0]),
                                           std::string(kCoincidingNicks[1])};

const std::array<HostAddress, 4> kHosts = {
    HostAddress::v4(10, 0, 0, 1), HostAddress::v4(10, 0, 0, 2),
    HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}},
    HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2}}};

template <typename T, std::size_t kSize>
const T& one_of(const std::array<T, kSize>& values, const RegistryTrial::Choose& choose) {
  return values[choose(kSize)];
}

}  // namespace

engine::RegistryOptions RegistryTrial::choose_options(const Choose& choose) {
  engine::RegistryOptions options;
  options.ttl = one_of(std::array<Duration, 4>{1s, 1100ms, 60s, 600s}, choose);
  options.shards = one_of(std::array<std::size_t, 4>{1, 4, 1, 2}, choose);
  options.peers_max = one_of(std::array<std::size_t, 4>{1000, 3, 1, 5}, choose);
  options.peers_per_host_max = one_of(std::array<std::size_t, 3>{1000, 2, 1}, choose);
  options.inactive_max = one_of(std::array<std::size_t, 4>{1000, 0, 1, 4}, choose);
  return options;
}

RegistryTrial::RegistryTrial(Choose choose, std::size_t restart_steps_min)
    : choose_(std::move(choose)),
      restart_steps_min_(restart_steps_min),
      options_(choose_options(choose_)),
      registry_(std::make_unique<engine::Registry>(options_, random_)),
      model_(options_) {}

std::string RegistryTrial::step() {
  std::string wrong;
  const std::size_t choice = choose_(16);
  if (choice < 8) {
    wrong = execute_batch();
  } else if (choice < 10) {
    wrong = list_some();
  } else if (choice < 13) {
    pass_time();
  } else if (choice < 15 || steps_since_restart_ < restart_steps_min_) {
    sweep();
  } else {
    wrong = restart();
  }
  ++steps_since_restart_;
  return wrong.empty() ? compare() : wrong;
}

engine::Time RegistryTrial::choose_time() {
  const Duration behind = options_.shards == 1 && choose_(4) == 0 ? 3ns : 0ns;
  return {now_ - behind, wall_};
}

// Remembers what was told, in order, until it is looked at.
class RegistryTrial::Told final : public engine::ChangeSink {
 public:
  void append(const engine::Change& change) override { recorder_.append(change); }

  // The first change of this nick that was not taken yet; null if there is none.
  const engine::Change* take(std::string_view nick) {
    for (ToldChange& told : recorder_.told) {
      if (told.nick != nick) continue;
      taken_ = told;
      taken_->change.nick = taken_->nick;
      told.nick.clear();
      return &taken_->change;
    }
    return nullptr;
  }
  bool is_empty() const {
    return std::ranges::all_of(recorder_.told, [](const auto& told) { return told.nick.empty(); });
  }
  const std::vector<ToldChange>& all() const { return recorder_.told; }

 private:
  ChangeRecorder recorder_;
  std::optional<ToldChange> taken_;
};

std::string RegistryTrial::execute_batch() {
  const bool open_query = choose_(8) == 0;
  const engine::Time time = choose_time();
  const std::size_t size = 1 + choose_(4);
  std::vector<Request> requests;
  requests.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    requests.push_back(choose_request(i > 0 && requests.back().method == Method::kPQuery));
  }
  std::vector<Operation> operations(size);
  for (std::size_t i = 0; i < size; ++i) {
    // Mostly a batch is one host's.
    const bool is_of_same_host = i > 0 && choose_(4) != 0;
    const HostAddress* const host =
        is_of_same_host ? operations[i - 1].from : &one_of(kHosts, choose_);
    operations[i] = {&requests[i], host};
  }

  Told told;
  registry_->execute(operations, open_query, time, &told);
  for (const ToldChange& change : told.all()) {
    if (std::string wrong = check_sequence(change); !wrong.empty()) return wrong;
    log_.push_back(change);
  }
  for (const Operation& operation : operations) {
    ++outcomes_[operation.outcome];
    const HostAddress& host = *operation.from;
    const bool is_right =
        model_.may_come_to(operation.outcome, *operation.request, host, open_query, time.now);
    if (!is_right) return "not " + std::string(engine::message_of(operation.outcome));
    const bool changes = operation.outcome == engine::Outcome::kSuccess &&
                         operation.request->method != Method::kPQuery;
    const engine::Change* change = changes ? told.take(operation.request->nick) : nullptr;
    std::string wrong = model_.apply(operation, host, time, change);
    if (!wrong.empty()) return wrong;
    if (changes && operation.request->cookie_header == CookieHeader::kNew) {
      last_issued_ = operation.issued;
    }
  }
  return told.is_empty() ? "" : "told more than what happened";
}

std::string RegistryTrial::check_sequence(const ToldChange& told) {
  if (told.change.sequence != ++sequences_[told.change.shard]) return "a gap in the sequence";
  const auto known = shards_.try_emplace(told.nick, told.change.shard).first;
  return known->second == told.change.shard ? "" : "a nick in two shards";
}

Request RegistryTrial::choose_request(bool only_queries) {
  Request request;
  request.method = only_queries
                       ? Method::kPQuery
                       : one_of(std::array{Method::kRegister, Method::kRegister, Method::kKeepAlive,
                                           Method::kLeave, Method::kPQuery},
                                choose_);
  request.nick = one_of(kNicks, choose_);
  request.port = static_cast<std::uint16_t>(1 + choose_(3));
  choose_cookie(request);
  return request;
}

void RegistryTrial::choose_cookie(Request& request) {
  const std::size_t choice = choose_(8);
  if (choice < 4) return;
  request.cookie_header = CookieHeader::kShown;
  if (choice == 4 || choice == 5) request.cookie.bytes.fill(1);
  if (choice == 5) request.cookie.bytes.back() = 2;
  if (choice == 6) request.cookie = last_issued_;
  if (choice == 7 && request.method == Method::kRegister) {
    request.cookie_header = CookieHeader::kNew;
  }
}

std::string RegistryTrial::list_some() {
  const std::size_t peers_max = one_of(std::array<std::size_t, 5>{1000, 1, 2, 3, 5}, choose_);
  const engine::Time time = choose_time();
  engine::OutputBuffer out;
  const std::size_t listed = registry_->append_listing(peers_max, samples_, time.now, out);
  const std::vector<std::string> addresses = addresses_in(out.view());
  const std::vector<std::string> all = model_.list(time.now);
  if (listed != addresses.size()) return "a list of another length than it says";
  if (listed != std::min(peers_max, all.size())) return "a list of the wrong length";
  if (!std::ranges::includes(all, addresses)) return "a list of peers who are not here";
  return "";
}

void RegistryTrial::pass_time() {
  const Duration step =
      one_of(std::array<Duration, 14>{0s, 1ns, 249ms, 250ms, 300ms, options_.ttl - 1ns,
                                      options_.ttl, options_.ttl + 1ns, options_.ttl / 2, 1h, 24h,
                                      240h, 720h - 1ns, 720h},
             choose_);
  now_ += step;
  wall_ += std::chrono::floor<std::chrono::seconds>(step);
  // The wall clock is set now and then.
  if (choose_(8) == 0)
    wall_ += one_of(std::array<std::chrono::hours, 4>{-24h, -48h, 24h, -744h}, choose_);
}

void RegistryTrial::sweep() {
  const std::size_t shards = choose_(2) == 0 ? registry_->shards() : 1;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    // So few entries are never more than one step's work.
    const bool has_more = registry_->sweep(shard, now_);
    ROLLCALL_ASSERT(!has_more);
  }
  if (shards == registry_->shards()) model_.sweep(now_);
}

// A crash, after which a new registry is restored from everything that was told, or from the
// entries as a store that reads them now and then has them.
std::string RegistryTrial::restart() {
  if (choose_(2) == 0) {
    if (std::string wrong = read_entries(); !wrong.empty()) return wrong;
  }
  registry_ = std::make_unique<engine::Registry>(options_, random_);
  restore_from_log();
  steps_since_restart_ = 0;
  sequences_.clear();
  shards_.clear();
  model_.restore(now_);
  return "";
}

// Puts all entries in the place of the log, in another order than that of their numbers.
std::string RegistryTrial::read_entries() {
  ChangeRecorder entries;
  const std::size_t entries_max = 1 + choose_(4);
  for (std::size_t shard = 0; shard < registry_->shards(); ++shard) {
    engine::EntryNumber from = 0;
    while (from != engine::kNoEntry) {
      const std::size_t before = entries.told.size();
      from = registry_->visit(shard, from, entries_max, entries);
      if (entries.told.size() - before > entries_max) return "handed over more than wanted";
    }
  }
  const engine::RegistryCounters counters = registry_->counters();
  if (entries.told.size() != counters.active + counters.inactive) return "not all entries once";
  log_ = std::move(entries.told);
  std::ranges::reverse(log_);
  return "";
}

void RegistryTrial::restore_from_log() {
  std::vector<engine::Change> changes;
  changes.reserve(log_.size());
  for (const ToldChange& told : log_) {
    changes.push_back(told.change);
    changes.back().nick = told.nick;
  }
  engine::RestoreCounts counts;
  const std::size_t size_max = 1 + choose_(engine::limits::kBatchRequestsMax);
  std::span<const engine::Change> rest = changes;
  do {  // even nothing lets it know the time
    const std::size_t size = std::min(size_max, rest.size());
    registry_->restore(rest.first(size), now_, counts);
    rest = rest.subspan(size);
  } while (!rest.empty());
  const engine::RestoreOutcome outcome = registry_->finish_restore();
  ROLLCALL_ASSERT(outcome == engine::RestoreOutcome::kDone);
  ROLLCALL_ASSERT(counts.changes == log_.size());
  ROLLCALL_ASSERT(counts.shortened == 0);
}

std::string RegistryTrial::compare() const {
  const std::size_t active = registry_->active();
  if (active < model_.active(now_)) return "counts fewer than are active";
  if (active > model_.active_max()) return "counts more than can be active";
  return "";
}

void RegistryTrial::check_invariants() const {
  registry_->check_invariants();
  const engine::RegistryCounters counters = registry_->counters();
  ROLLCALL_ASSERT(counters.active == registry_->active());
  const std::size_t inactive_max =
      (options_.inactive_max + options_.shards - 1) / options_.shards * options_.shards;
  ROLLCALL_ASSERT(counters.inactive <= inactive_max);
}

}  // namespace rollcall::tests
