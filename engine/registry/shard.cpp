#include "engine/registry/shard.h"

#include <algorithm>
#include <bit>

#include "engine/assert.h"
#include "engine/word.h"

namespace rollcall::engine {
namespace {

// Inactive entries that are forgotten to make room for one new one, before it is refused: enough to
// give back what a segment of the index takes, about 40 µs of work.
constexpr std::size_t kForgottenForOneMax = 320;

constexpr std::uint32_t kActivityMask = (std::uint32_t{1} << limits::kHistoryDays) - 1;

bool has_ended(const ClientEntry& entry, Instant now) {
  return entry.state == EntryState::kActive && entry.deadline <= now;
}

// Whether the request's author owns the active entry: kSuccess, or why not.
Outcome check_owner(const ClientEntry& entry, const Request& request, const HostAddress& host) {
  if (!entry.has_cookie()) return entry.host == host ? Outcome::kSuccess : Outcome::kOtherHost;
  switch (request.cookie_header) {
    case CookieHeader::kNew:
      return Outcome::kHasCookie;
    case CookieHeader::kShown:
      return entry.cookie() == request.cookie ? Outcome::kSuccess : Outcome::kWrongCookie;
    case CookieHeader::kAbsent:
      return Outcome::kWrongCookie;
  }
  __builtin_unreachable();
}

std::size_t lag_bucket(Duration lag) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(lag).count();
  const auto bucket = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(us)));
  return std::min(bucket, LagHistogram().size() - 1);
}

}  // namespace

Outcome Admission::enter(const HostCounts::Host& host) {
  if (active.fetch_add(1, std::memory_order_relaxed) >= peers_max) {
    active.fetch_sub(1, std::memory_order_relaxed);
    return Outcome::kRegistryFull;
  }
  if (!hosts.add_below(host, peers_per_host_max)) {
    active.fetch_sub(1, std::memory_order_relaxed);
    return Outcome::kHostFull;
  }
  return Outcome::kSuccess;
}

void Admission::readmit(const HostCounts::Host& host) {
  hosts.add(host);
  active.fetch_add(1, std::memory_order_relaxed);
}

void Admission::leave(const HostCounts::Host& host) {
  hosts.subtract(host);
  active.fetch_sub(1, std::memory_order_relaxed);
}

Shard::Shard(const ShardOptions& options, Admission& admission, const HashKey& hash_key,
             RandomSource& random, std::pmr::memory_resource& memory)
    : options_(options),
      admission_(admission),
      hash_key_(hash_key),
      random_(random),
      pool_(memory),
      index_({}, memory),
      wheel_(pool_, admission.ttl),
      inactive_(pool_),
      listing_(pool_, SampleGenerator(random), options.rendered_bytes_max, memory) {}

EntryNumber Shard::prefetch_entry(std::uint64_t hash) {
  const auto same_hash = [hash](const IndexSlot& slot) { return slot.hash == index_hash(hash); };
  const IndexSlot* slot = index_.find(index_hash(hash), same_hash);
  if (slot == nullptr) {
    index_.prefetch_insert(index_hash(hash));
    return kNoEntry;
  }
  __builtin_prefetch(&pool_[slot->number]);
  return slot->number;
}

void Shard::execute(Operation& operation, const BatchContext& context) {
  now_ = std::max(now_, context.now);
  const Request& request = *operation.request;
  if (request.method == Method::kPQuery && context.open_query) {
    operation.outcome = Outcome::kSuccess;
    return;
  }
  EntryNumber number = operation.candidate;
  if (!is_of(number, request.nick)) number = find(request.nick, operation.hash);
  if (number != kNoEntry && has_ended(pool_[number], now_)) {
    // A query changes nothing, so that it does not matter to lists who asks beside them.
    if (request.method == Method::kPQuery) {
      operation.outcome = Outcome::kNotRegistered;
      return;
    }
    expire(number);
    number = find(request.nick, operation.hash);
  }
  if (number == kNoEntry || pool_[number].state == EntryState::kInactive) {
    operation.outcome = request.method == Method::kRegister
                            ? register_free(operation, number, context)
                            : Outcome::kNotRegistered;
    return;
  }
  ClientEntry& entry = pool_[number];
  operation.outcome = check_owner(entry, request, *operation.from);
  if (operation.outcome != Outcome::kSuccess) return;
  switch (request.method) {
    case Method::kRegister:
      return renew(operation, entry, context);
    case Method::kKeepAlive:
      return keep_alive(entry, context);
    case Method::kLeave:
      return leave(number, context);
    case Method::kPQuery:
      return;
  }
}

bool Shard::is_of(EntryNumber candidate, std::string_view nick) const {
  if (candidate == kNoEntry) return false;
  const ClientEntry& entry = pool_[candidate];
  return entry.state != EntryState::kFree && is_same(entry.nick(), nick);
}

EntryNumber Shard::find(std::string_view nick, std::uint64_t hash) {
  const IndexSlot* slot = index_.find(index_hash(hash), [&](const IndexSlot& other) {
    return other.hash == index_hash(hash) && is_same(pool_[other.number].nick(), nick);
  });
  return slot == nullptr ? kNoEntry : slot->number;
}

void Shard::renew(Operation& operation, ClientEntry& entry, const BatchContext& context) {
  const bool has_moved = entry.host != *operation.from;
  if (has_moved) {
    admission_.hosts.add(operation.host);
    admission_.hosts.subtract(admission_.hosts.host(entry.host));
  }
  const bool is_elsewhere = has_moved || entry.port != operation.request->port;
  if (is_elsewhere) {
    entry.host = *operation.from;
    entry.port = operation.request->port;
    listing_.changed(entry);
  }
  const bool gets_cookie =
      !entry.has_cookie() && operation.request->cookie_header != CookieHeader::kAbsent;
  if (gets_cookie) set_cookie(entry, operation);
  entry.registered_at = context.date;
  const bool has_new_day = extend_lease(entry, context);
  ++counters_.renewed;
  const bool is_same = !is_elsewhere && !has_new_day && !gets_cookie;
  tell(context.changes, entry, is_same ? Extent::kRegistration : Extent::kEntry);
}

void Shard::keep_alive(ClientEntry& entry, const BatchContext& context) {
  const bool has_new_day = extend_lease(entry, context);
  ++counters_.renewed;
  tell(context.changes, entry, has_new_day ? Extent::kEntry : Extent::kLease);
}

void Shard::leave(EntryNumber number, const BatchContext& context) {
  wheel_.remove(number);
  retire(number, now_);
  ++counters_.left;
  tell(context.changes, pool_[number], Extent::kEntry);
  forget_surplus();
}

Outcome Shard::register_free(Operation& operation, EntryNumber number,
                             const BatchContext& context) {
  const Outcome admitted = admission_.enter(operation.host);
  if (admitted != Outcome::kSuccess) return admitted;
  if (number == kNoEntry) {
    number = add(operation);
    if (number == kNoEntry) {
      admission_.leave(operation.host);
      return Outcome::kRegistryFull;
    }
  } else {
    inactive_.remove(number);
    ClientEntry& inactive = pool_[number];
    if (inactive.deadline + limits::kHistory <= now_) inactive.activity_bits = 0;
  }

  ClientEntry& entry = pool_[number];
  entry.state = EntryState::kActive;
  entry.host = *operation.from;
  entry.port = operation.request->port;
  set_cookie(entry, operation);
  entry.registered_at = context.date;
  extend_lease(entry, context);
  wheel_.insert(number);
  listing_.insert(number);
  listed_.store(listing_.size(), std::memory_order_relaxed);
  ++counters_.registered;
  tell(context.changes, entry, Extent::kEntry);
  return Outcome::kSuccess;
}

EntryNumber Shard::add(const Operation& operation) {
  const std::string_view nick = operation.request->nick;
  for (std::size_t forgotten = 0; !has_room_for(nick); ++forgotten) {
    if (inactive_.empty() || forgotten == kForgottenForOneMax) return kNoEntry;
    forget_oldest();
  }
  return place(nick, operation.hash);
}

EntryNumber Shard::place(std::string_view nick, std::uint64_t hash) {
  const EntryNumber number = pool_.allocate(nick);
  if (index_.insert({index_hash(hash), number}) == nullptr) {
    pool_.free(number);
    return kNoEntry;
  }
  return number;
}

bool Shard::has_room_for(std::string_view nick) const {
  return bytes_promised() + pool_.growth(nick.size()) + index_.growth() <= options_.bytes_max;
}

std::size_t Shard::bytes_promised() const {
  // Listing and host counts never take more than if all entries there ever were at once, and one
  // more, were active.
  const std::size_t active_max = pool_.numbers_end() + 1;
  return pool_.bytes_promised() + index_.bytes() + wheel_.bytes() +
         HostCounts::stripe_bytes_max(active_max) + PeerListing::order_bytes_max(active_max);
}

bool Shard::extend_lease(ClientEntry& entry, const BatchContext& context) {
  entry.deadline = now_ + admission_.ttl;
  const std::uint32_t bits_before = entry.activity_bits;
  const std::uint16_t day_before = entry.activity_day;
  const std::uint16_t today = context.day;
  // Without history there is no day to count back from, be it that of a clock that went back.
  if (entry.activity_bits == 0) entry.activity_day = today;
  if (today > entry.activity_day) {
    const unsigned days = today - entry.activity_day;
    entry.activity_bits = days < limits::kHistoryDays ? entry.activity_bits << days : 0;
    entry.activity_day = today;
  }
  const unsigned days_ago = entry.activity_day - today;
  if (days_ago < limits::kHistoryDays) entry.activity_bits |= std::uint32_t{1} << days_ago;
  entry.activity_bits &= kActivityMask;
  return entry.activity_bits != bits_before || entry.activity_day != day_before;
}

void Shard::set_cookie(ClientEntry& entry, Operation& operation) {
  switch (operation.request->cookie_header) {
    case CookieHeader::kAbsent:
      return pool_.set_cookie(entry, nullptr);
    case CookieHeader::kShown:
      return pool_.set_cookie(entry, &operation.request->cookie);
    case CookieHeader::kNew:
      random_.fill(std::as_writable_bytes(std::span(operation.issued.bytes)));
      return pool_.set_cookie(entry, &operation.issued);
  }
}

void Shard::expire(EntryNumber number) {
  wheel_.remove(number);
  retire_expired(number);
}

void Shard::retire_expired(EntryNumber number) {
  const Instant deadline = pool_[number].deadline;
  ++counters_.expired;
  ++counters_.expiry_lag[lag_bucket(now_ - deadline)];
  retire(number, deadline);
  forget_surplus();
}

void Shard::retire(EntryNumber number, Instant since) {
  unlist(number);
  ClientEntry& entry = pool_[number];
  entry.state = EntryState::kInactive;
  entry.deadline = since;
  inactive_.push_back(number);
}

void Shard::unlist(EntryNumber number) {
  listing_.remove(number);
  listed_.store(listing_.size(), std::memory_order_relaxed);
  admission_.leave(admission_.hosts.host(pool_[number].host));
}

void Shard::forget_surplus() {
  while (inactive_.size() > options_.inactive_max) forget_oldest();
}

void Shard::forget_oldest() {
  const EntryNumber number = inactive_.front();
  inactive_.remove(number);
  forget(number);
}

void Shard::forget(EntryNumber number) {
  const std::uint32_t hash = index_hash(siphash13(hash_key_, pool_[number].nick()));
  IndexSlot* slot = index_.find(
      hash, [number](const IndexSlot& candidate) { return candidate.number == number; });
  ROLLCALL_ASSERT(slot != nullptr);
  index_.erase(slot);
  pool_.free(number);
  ++counters_.forgotten;
}

// Nothing is forgotten before everything is there: a renewal may come of what seems over.
void Shard::begin_restore(Instant now) {
  std::size_t budget = limits::kSweepEntriesMax;
  advance(now, budget);
}

bool Shard::restore(const Change& change, std::uint64_t hash, const HostCounts::Host& host) {
  const EntryNumber number = find(change.nick, hash);
  if (change.extent == Extent::kEntry) return put_back(change, number, hash, host);
  return number != kNoEntry && restore_renewal(change, number, hash);
}

bool Shard::restore_renewal(const Change& change, EntryNumber number, std::uint64_t hash) {
  ClientEntry& entry = pool_[number];
  const Instant lease_end = lease_end_of(change);
  if (change.deadline > now_ && may_stay(entry, lease_end)) {
    if (change.extent == Extent::kRegistration) {
      entry.registered_at = seconds_of(change.registered_at);
    }
    entry.deadline = lease_end;
    return lease_end < change.deadline;
  }
  Change whole = describe(entry);
  whole.active = true;
  whole.deadline = change.deadline;
  if (change.extent == Extent::kRegistration) whole.registered_at = change.registered_at;
  return put_back(whole, number, hash, admission_.hosts.host(whole.host));
}

bool Shard::put_back(const Change& change, EntryNumber number, std::uint64_t hash,
                     const HostCounts::Host& host) {
  const bool is_active = change.active && change.deadline > now_;
  const Instant lease_end = lease_end_of(change);
  if (number != kNoEntry && is_active && pool_[number].host == change.host &&
      may_stay(pool_[number], lease_end)) {
    ClientEntry& entry = pool_[number];
    if (entry.port != change.port) listing_.changed(entry);
    restore_fields(entry, change);
    entry.deadline = lease_end;
    return lease_end < change.deadline;
  }
  if (number == kNoEntry) {
    number = place(change.nick, hash);
  } else {
    take_off(number);
  }
  // The hash key is younger than the file, so nobody can have chosen nicks whose hashes coincide.
  ROLLCALL_ASSERT(number != kNoEntry);

  ClientEntry& entry = pool_[number];
  entry.host = change.host;
  restore_fields(entry, change);
  if (!is_active) {
    entry.state = EntryState::kInactive;
    entry.deadline = std::min(change.deadline, now_);
    inactive_.push_back(number);
    return false;
  }
  entry.state = EntryState::kActive;
  entry.deadline = lease_end;
  admission_.readmit(host);
  wheel_.insert(number);
  listing_.add_unshuffled(number);
  listed_.store(listing_.size(), std::memory_order_relaxed);
  return lease_end < change.deadline;
}

Instant Shard::lease_end_of(const Change& change) const {
  return std::min(change.deadline, now_ + admission_.ttl);
}

// Whether the entry may stay where it is, in the listing and in the wheel, when its lease ends
// then. Most records of a journal are such.
bool Shard::may_stay(const ClientEntry& entry, Instant lease_end) {
  return entry.state == EntryState::kActive && entry.deadline <= lease_end;
}

void Shard::restore_fields(ClientEntry& entry, const Change& change) {
  entry.port = change.port;
  entry.registered_at = seconds_of(change.registered_at);
  entry.activity_bits = change.activity_bits & kActivityMask;
  entry.activity_day = change.activity_day;
  if (change.has_cookie || entry.has_cookie()) {
    pool_.set_cookie(entry, change.has_cookie ? &change.cookie : nullptr);
  }
}

void Shard::take_off(EntryNumber number) {
  if (pool_[number].state == EntryState::kInactive) return inactive_.remove(number);
  wheel_.remove(number);
  unlist(number);
}

void Shard::finish_restore() {
  listing_.shuffle();
  inactive_.sort();
  while (is_oldest_over()) forget_oldest();
  forget_surplus();
}

EntryNumber Shard::visit(EntryNumber from, std::size_t entries_max, ChangeSink& to) const {
  const EntryNumber end = pool_.numbers_end();
  for (; from < end && entries_max > 0; ++from, --entries_max) {
    if (pool_[from].state != EntryState::kFree) to.append(describe(pool_[from]));
  }
  return from < end ? from : kNoEntry;
}

std::size_t Shard::append_listing(std::size_t first, std::size_t last, std::size_t peers_max,
                                  Instant now, OutputBuffer& out) {
  now_ = std::max(now_, now);
  return listing_.append(first, last, peers_max, now_, out);
}

bool Shard::sweep(Instant now) {
  std::size_t budget = limits::kSweepEntriesMax;
  advance(now, budget);
  for (; budget > 0 && is_oldest_over(); --budget) forget_oldest();
  return budget == 0;
}

void Shard::advance(Instant now, std::size_t& budget) {
  now_ = std::max(now_, now);
  while (const auto number = wheel_.take_expired(now_, budget)) retire_expired(*number);
}

bool Shard::is_oldest_over() const {
  return !inactive_.empty() && pool_[inactive_.front()].deadline + limits::kHistory <= now_;
}

void Shard::hand_over(ChangeSink& changes, const ClientEntry& entry, Extent extent) const {
  Change change = describe(entry);
  change.extent = extent;
  change.sequence = sequence_;
  changes.append(change);
}

Change Shard::describe(const ClientEntry& entry) const {
  Change change;
  change.shard = options_.number;
  change.nick = entry.nick();
  change.host = entry.host;
  change.port = entry.port;
  change.active = entry.state == EntryState::kActive;
  change.has_cookie = entry.has_cookie();
  if (change.has_cookie) change.cookie = entry.cookie();
  change.deadline = entry.deadline;
  change.registered_at = WallTime(std::chrono::seconds(entry.registered_at));
  change.activity_bits = entry.activity_bits;
  change.activity_day = entry.activity_day;
  return change;
}

RegistryCounters Shard::counters() const {
  RegistryCounters counters = counters_;
  counters.active = listing_.size();
  counters.inactive = inactive_.size();
  counters.bytes = pool_.bytes() + index_.bytes() + wheel_.bytes() + listing_.order_bytes() +
                   listing_.rendered_bytes();
  return counters;
}

void Shard::check_invariants() const {
  index_.check_invariants([this](const IndexSlot& slot) {
    const ClientEntry& entry = pool_[slot.number];
    ROLLCALL_ASSERT(entry.state != EntryState::kFree);
    ROLLCALL_ASSERT(index_hash(siphash13(hash_key_, entry.nick())) == slot.hash);
    ROLLCALL_ASSERT(!entry.nick().empty());
  });
  wheel_.check_invariants();
  inactive_.check_invariants();
  listing_.check_invariants();
  ROLLCALL_ASSERT(listing_.size() == wheel_.size());
  ROLLCALL_ASSERT(listing_.size() == listed());
  ROLLCALL_ASSERT(index_.size() == pool_.in_use());
  ROLLCALL_ASSERT(index_.size() == listing_.size() + inactive_.size());
  ROLLCALL_ASSERT(inactive_.size() <= options_.inactive_max);
}

}  // namespace rollcall::engine
