#include "tests/sim/oracle.h"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>

#include "tests/sim/broken.h"

namespace rollcall::sim {

using namespace std::chrono_literals;
using engine::Change;
using engine::CookieHeader;
using engine::Duration;
using engine::HostAddress;
using engine::Instant;
using engine::Method;
using engine::Outcome;

namespace {

// An entry whose lease ended is swept within this, and may count against limits until then.
constexpr Duration kSweepLag = 1s;
// How far a deadline may be moved by a crash: as far as the wall clock may drift before that is
// written down, and what is rounded to milliseconds.
constexpr Duration kDeadlineTolerance = 1005ms;

bool is_active(const Peer& peer, Instant now) { return peer.is_active && now < peer.deadline; }

bool may_count(const Peer& peer, Instant now) {
  return peer.is_active && now < peer.deadline + kSweepLag;
}

bool is_same_entry(const Peer& a, const Peer& b) {
  return a.host == b.host && a.port == b.port && a.cookie == b.cookie &&
         a.registered_at == b.registered_at && a.activity_bits == b.activity_bits &&
         a.activity_day == b.activity_day;
}

std::uint64_t mixed(std::uint64_t value) {
  value *= 0x9E3779B97F4A7C15u;
  value ^= value >> 32;
  value *= 0xD6E8FEB86659FD93u;
  return value ^ value >> 32;
}

void require(bool is_so, std::size_t nick, const char* what) {
  if (!is_so) throw Broken(nick_text(nick) + ": " + what);
}

std::string described(const Peer& peer, Instant now) {
  if (!peer.is_known) return "nobody";
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(peer.deadline - now);
  return (peer.is_active ? "port " : "inactive, port ") + std::to_string(peer.port) + ", " +
         std::to_string(left.count()) + " ms left" + (peer.cookie ? ", with a cookie" : "");
}

}  // namespace

Peer peer_of(const Change& change) {
  Peer peer;
  peer.is_known = true;
  peer.is_active = change.active;
  peer.host = change.host;
  peer.port = change.port;
  if (change.has_cookie) peer.cookie = change.cookie.bytes;
  peer.deadline = change.deadline;
  peer.registered_at = change.registered_at;
  peer.activity_bits = change.activity_bits;
  peer.activity_day = change.activity_day;
  return peer;
}

std::uint64_t hash_of(const engine::Endpoint& address) {
  std::uint64_t halves[2];
  std::memcpy(halves, address.host.bytes.data(), sizeof halves);
  return mixed(mixed(halves[0] + address.port) + halves[1]);
}

Expected Oracle::decide(const SentRequest& request, const HostAddress& host, const Moment& moment) {
  Expected expected;
  expected.framing = request.closes ? engine::AnswerFraming::kBare : request.framing;
  expected.outcome = judge(request, host, moment);
  if (expected.outcome != Outcome::kSuccess) return expected;
  if (request.method == Method::kPQuery) {
    expected.list = expected_list(request, moment.now);
    return expected;
  }

  // The change was told, unless a limit kept it from being made.
  const bool is_new = !is_active(nicks_[request.nick].live, moment.now);
  for (Told& told : moment.told) {
    if (told.is_explained || told.nick != request.nick) continue;
    if (request.method == Method::kRegister && told.change.port != request.port) break;
    told.is_explained = true;
    if (is_new) require_room(request, host, moment.now);
    if (is_new && setting_.is_memory_tight) tally_.count(Met::kMemoryTight);
    change(request, host, moment, told, expected);
    return expected;
  }
  const auto limit = limit_reached(request, host, moment);
  if (!is_new || !limit.has_value()) {
    std::ostringstream what;
    what << request << ": a change was not made";
    throw Broken(what.str());
  }
  std::tie(expected.outcome, expected.or_else) = *limit;
  tally_.count(expected.outcome == Outcome::kHostFull ? Met::kHostFull
               : setting_.is_memory_tight             ? Met::kMemoryFull
                                                      : Met::kRegistryFull);
  return expected;
}

Outcome Oracle::judge(const SentRequest& request, const HostAddress& host,
                      const Moment& moment) const {
  if (request.refusal != Outcome::kSuccess) return request.refusal;
  const bool is_query = request.method == Method::kPQuery;
  if (!is_query && !moment.store_works) {
    tally_.count(Met::kUnavailableAnswer);
    return Outcome::kStoreUnavailable;
  }
  if (is_query && setting_.engine.open_query) return Outcome::kSuccess;
  const Peer& peer = nicks_[request.nick].live;
  if (!is_active(peer, moment.now)) {
    if (peer.is_active) tally_.count(Met::kExpiry);
    return request.method == Method::kRegister ? Outcome::kSuccess : Outcome::kNotRegistered;
  }
  if (!peer.cookie.has_value()) {
    if (peer.host == host) return Outcome::kSuccess;
    tally_.count(Met::kStolen);
    return Outcome::kOtherHost;
  }
  if (request.cookie_header == CookieHeader::kNew) return Outcome::kHasCookie;
  const bool is_shown =
      request.cookie_header == CookieHeader::kShown && request.cookie.bytes == *peer.cookie;
  if (is_shown) return Outcome::kSuccess;
  tally_.count(Met::kStolen);
  return Outcome::kWrongCookie;
}

std::optional<std::pair<Outcome, std::optional<Outcome>>> Oracle::limit_reached(
    const SentRequest& request, const HostAddress& host, const Moment& moment) const {
  if (request.method != Method::kRegister) return std::nullopt;
  std::size_t all = 0;
  std::size_t of_host = 0;
  for (const Nick& nick : nicks_) {
    if (!may_count(nick.live, moment.now)) continue;
    ++all;
    of_host += nick.live.host.quota_key() == host.quota_key();
  }
  const bool is_full = all >= setting_.registry.peers_max || setting_.is_memory_tight;
  const bool is_host_full = of_host >= setting_.registry.peers_per_host_max;
  if (is_full && is_host_full) return std::pair(Outcome::kRegistryFull, Outcome::kHostFull);
  if (is_full) return std::pair(Outcome::kRegistryFull, std::nullopt);
  if (is_host_full) return std::pair(Outcome::kHostFull, std::nullopt);
  return std::nullopt;
}

void Oracle::require_room(const SentRequest& request, const HostAddress& host, Instant now) const {
  std::size_t all = 0;
  std::size_t of_host = 0;
  for (const Nick& nick : nicks_) {
    if (!is_active(nick.live, now)) continue;
    ++all;
    of_host += nick.live.host.quota_key() == host.quota_key();
  }
  require(all < setting_.registry.peers_max, request.nick, "one more than there may be");
  require(of_host < setting_.registry.peers_per_host_max, request.nick,
          "one more than its host may have");
}

void Oracle::change(const SentRequest& request, const HostAddress& host, const Moment& moment,
                    const Told& told, Expected& expected) {
  Nick& nick = nicks_[request.nick];
  const bool was_active = is_active(nick.live, moment.now);
  Peer peer = nick.live;
  peer.is_known = true;
  peer.is_active = request.method != Method::kLeave;
  peer.deadline = peer.is_active ? moment.now + setting_.registry.ttl : moment.now;
  if (request.method == Method::kRegister) {
    peer.host = host;
    peer.port = request.port;
    peer.registered_at = moment.wall;
    if (!was_active) peer.cookie.reset();
    if (!peer.cookie.has_value() && request.cookie_header == CookieHeader::kShown) {
      peer.cookie = request.cookie.bytes;
    }
    if (!peer.cookie.has_value() && request.cookie_header == CookieHeader::kNew) {
      require(told.change.has_cookie, request.nick, "no cookie was issued");
      peer.cookie = expected.issued = told.change.cookie.bytes;
    }
  }
  // On which days a peer was active is for the registry's own model to judge.
  const Peer is = peer_of(told.change);
  peer.activity_bits = is.activity_bits;
  peer.activity_day = is.activity_day;
  require(is.is_active == peer.is_active, request.nick, "told as active, or not, and is not so");
  require(is.deadline == peer.deadline, request.nick, "told with another deadline");
  require(is_same_entry(is, peer), request.nick, "told with another host, port, cookie or date");

  nick.live = peer;
  nick.address_hash = hash_of({peer.host, peer.port});
  nick.versions.push_back(peer);
  expected.is_change = true;
  expected.nick = request.nick;
  expected.version = nick.first_version + nick.versions.size() - 1;
  expected.jump = jumps_.size() - 1;
  expected.ticket = moment.ticket;
}

ExpectedList Oracle::expected_list(const SentRequest& request, Instant now) const {
  ExpectedList list;
  for (const Nick& nick : nicks_) {
    list.total_max += may_count(nick.live, now);
    if (!is_active(nick.live, now)) continue;
    ++list.active;
    list.hash_sum += nick.address_hash;
  }
  list.has_total = request.limit != 0;
  list.size = std::min(list.active, request.limit != 0 ? std::size_t{request.limit}
                                                       : setting_.engine.answer_peers_max);
  if (list.size == list.active) return list;
  list.hashes.reserve(list.active);
  for (const Nick& nick : nicks_) {
    if (is_active(nick.live, now)) list.hashes.push_back(nick.address_hash);
  }
  return list;
}

void Oracle::acknowledge(const Expected& expected) {
  // A commit makes everything durable that the store had found.
  make_recovery_durable();
  drop_versions_before(expected.version, nicks_[expected.nick]);
  durable_jump_ = std::max(durable_jump_, expected.jump);
}

void Oracle::drop_versions_before(std::uint64_t version, Nick& nick) {
  for (; nick.first_version < version; ++nick.first_version) nick.versions.pop_front();
}

void Oracle::make_recovery_durable() {
  if (is_recovery_durable_) return;
  is_recovery_durable_ = true;
  for (Nick& nick : nicks_) drop_versions_before(nick.found_version, nick);
  // Whatever the store had in mind, its deadlines are understood by the wall clock of that time.
  durable_jump_ = std::max(durable_jump_, recovery_jump_);
}

void Oracle::recovered(std::span<const Peer, kNicks> peers, bool is_durable, Instant now) {
  for (std::size_t nick = 0; nick < kNicks; ++nick) collapse(nick, peers[nick], now);
  cuts_.clear();
  recovery_jump_ = jumps_.size() - 1;
  is_recovery_durable_ = false;
  if (is_durable) make_recovery_durable();
}

void Oracle::collapse(std::size_t number, const Peer& found, Instant now) {
  Nick& nick = nicks_[number];
  const auto is_found = [&](const Peer& version) { return may_be(version, found, now); };
  const auto at = std::ranges::find_if(nick.versions.rbegin(), nick.versions.rend(), is_found);
  if (at == nick.versions.rend()) {
    std::string what = nick_text(number) + ": recovery found " + described(found, now) +
                       ", which is neither what was acknowledged nor what followed:";
    for (const Peer& version : nick.versions) what += "\n  " + described(version, now);
    throw Broken(what);
  }
  if (nick.versions.size() > 1) {
    tally_.count(at + 1 == nick.versions.rend() ? Met::kChangeLost : Met::kChangeKept);
  }
  if (at->is_active && now < at->deadline + kTtl && !found.is_active) {
    tally_.count(Met::kExpiredWhileDown);
  }
  // One that is forgotten in memory may still be in the store, and come back with its history.
  Peer live = found.is_known ? found : *at;
  live.is_active = found.is_active;
  nick.live = live;
  nick.address_hash = hash_of({live.host, live.port});

  std::deque<Peer> as_stored;
  for (const Peer& version : nick.versions) {
    if (is_found(version)) add_as_stored(version, found, as_stored);
  }
  nick.found_version = nick.first_version + nick.versions.size();
  nick.versions.insert(nick.versions.end(), as_stored.begin(), as_stored.end());
}

void Oracle::add_as_stored(Peer version, const Peer& found, std::deque<Peer>& to) const {
  const auto add = [&to](const Peer& peer) {
    if (std::ranges::find(to, peer) == to.end()) to.push_back(peer);
  };
  if (found.is_active) return add(found);
  Peer inactive = version;
  inactive.is_active = false;
  add(inactive);
  if (!version.is_active) return;
  // That a lease has ended need not be written down: should the wall clock go back while the server
  // is down, the rest of the lease will be there again.
  for (const Instant deadline : possible_deadlines(version)) {
    version.deadline = deadline;
    add(version);
  }
}

bool Oracle::may_be(const Peer& version, const Peer& found, Instant now) const {
  if (found.is_known && (!version.is_known || !is_same_entry(version, found))) return false;
  if (!version.is_active) return !found.is_active;
  for (const Instant deadline : possible_deadlines(version)) {
    // The history of one that has ended may be forgotten.
    if (!found.is_active && deadline <= now + kDeadlineTolerance) return true;
    if (!found.is_active) continue;
    const Duration off = found.deadline - std::min(deadline, now + kTtl);
    if (found.deadline <= now + kTtl && std::chrono::abs(off) <= kDeadlineTolerance) return true;
  }
  return false;
}

std::vector<Instant> Oracle::possible_deadlines(const Peer& version) const {
  // Ends of the lease, each by the wall clock that the store has in mind. By as much as the store
  // did not know of, a lease seems shorter.
  std::vector<Cut> ends;
  for (std::size_t jump = durable_jump_; jump < jumps_.size(); ++jump) {
    ends.push_back({version.deadline, jump});
  }
  for (const Cut& cut : cuts_) {
    const std::size_t before = ends.size();
    for (std::size_t i = 0; i < before; ++i) {
      if (ends[i].jump > cut.jump) continue;
      const Instant end = ends[i].at - (jumps_[cut.jump] - jumps_[ends[i].jump]);
      if (end > cut.at + kTtl) ends.push_back({cut.at + kTtl, cut.jump});
    }
  }
  std::vector<Instant> deadlines;
  for (const Cut& end : ends) deadlines.push_back(end.at - (jumps_.back() - jumps_[end.jump]));
  return deadlines;
}

std::size_t Oracle::active(Instant now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(nicks_, [now](const Nick& nick) { return is_active(nick.live, now); }));
}

}  // namespace rollcall::sim
