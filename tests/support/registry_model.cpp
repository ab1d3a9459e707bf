#include "tests/support/registry_model.h"

#include <algorithm>
#include <array>

#include "engine/limits.h"
#include "engine/wire/address_text.h"

namespace rollcall::tests {
namespace {

using engine::Change;
using engine::CookieHeader;
using engine::Extent;
using engine::HostAddress;
using engine::Instant;
using engine::Method;
using engine::Outcome;
using engine::Request;

std::int64_t day_of(engine::WallTime wall) {
  return std::chrono::floor<std::chrono::days>(wall).time_since_epoch().count();
}

// What limits by host count: an IPv4 address, or the first half of an IPv6 one.
std::string quota_key(const HostAddress& host) {
  const auto& bytes = host.bytes;
  return host.is_v4() ? std::string(bytes.begin() + 12, bytes.end())
                      : std::string(bytes.begin(), bytes.begin() + 8);
}

std::string address_text(const HostAddress& host, std::uint16_t port) {
  std::array<char, engine::kEndpointTextBytesMax> text;
  return {text.data(), engine::write_endpoint({host, port}, text.data())};
}

// The last thirty of the days, counted back from the latest.
std::set<std::int64_t> last_thirty(const std::set<std::int64_t>& days) {
  std::set<std::int64_t> last;
  for (const std::int64_t day : days) {
    if (day > *days.rbegin() - 30) last.insert(day);
  }
  return last;
}

std::set<std::int64_t> days_in(const Change& told) {
  std::set<std::int64_t> days;
  for (int bit = 0; bit < 32; ++bit) {
    if ((told.activity_bits >> bit & 1) != 0) days.insert(told.activity_day - bit);
  }
  return days;
}

}  // namespace

RegistryModel::RegistryModel(const engine::RegistryOptions& options) : options_(options) {}

bool RegistryModel::is_active(const Entry& entry, Instant now) {
  return !entry.inactive_since.has_value() && now < entry.deadline;
}

bool RegistryModel::may_come_to(Outcome outcome, const Request& request, const HostAddress& host,
                                bool open_query, Instant now) const {
  now = latest(now);
  if (request.method == Method::kPQuery && open_query) return outcome == Outcome::kSuccess;
  const auto found = entries_.find(request.nick);
  if (found == entries_.end() || !is_active(found->second, now)) {
    if (request.method != Method::kRegister) return outcome == Outcome::kNotRegistered;
    return may_be_admitted_as(outcome, request.nick, host, now);
  }
  const Entry& entry = found->second;
  if (!entry.cookie.has_value()) {
    return outcome == (entry.host == host ? Outcome::kSuccess : Outcome::kOtherHost);
  }
  if (request.cookie_header == CookieHeader::kNew) return outcome == Outcome::kHasCookie;
  const bool shows_it =
      request.cookie_header == CookieHeader::kShown && request.cookie.bytes == entry.cookie->bytes;
  return outcome == (shows_it ? Outcome::kSuccess : Outcome::kWrongCookie);
}

bool RegistryModel::may_be_admitted_as(Outcome outcome, std::string_view nick,
                                       const HostAddress& host, Instant now) const {
  // Entries that are active, and those whose lease ended besides, on the whole and of the host.
  std::size_t active = 0;
  std::size_t active_max = 0;
  std::size_t of_host = 0;
  std::size_t of_host_max = 0;
  for (const auto& [other_nick, other] : entries_) {
    if (other_nick == nick || other.inactive_since.has_value()) continue;
    const bool is_of_host = quota_key(other.host) == quota_key(host);
    ++active_max;
    of_host_max += is_of_host;
    if (!is_active(other, now)) continue;
    ++active;
    of_host += is_of_host;
  }

  if (active >= options_.peers_max) return outcome == Outcome::kRegistryFull;
  if (outcome == Outcome::kRegistryFull) return active_max >= options_.peers_max;
  if (outcome == Outcome::kHostFull) return of_host_max >= options_.peers_per_host_max;
  return outcome == Outcome::kSuccess && of_host < options_.peers_per_host_max;
}

std::string RegistryModel::apply(const engine::Operation& operation, const HostAddress& host,
                                 engine::Time time, const Change* told) {
  now_ = latest(time.now);
  const Request& request = *operation.request;
  if (request.method == Method::kPQuery) return told == nullptr ? "" : "a change told";

  const auto found = entries_.find(request.nick);
  if (found != entries_.end()) note_expiry(found->second, now_);
  mark_those_that_may_be_forgotten();
  const bool changes = operation.outcome == Outcome::kSuccess;
  if (changes != (told != nullptr)) return changes ? "no change told" : "a change told";
  if (!changes) return "";
  if (told->nick != request.nick) return "told of another nick";

  Entry& entry = entries_[std::string(request.nick)];
  const Entry before = entry;
  execute(entry, operation, host, time);
  const std::string wrong = difference(entry, *told);
  mark_those_that_may_be_forgotten();
  if (!wrong.empty()) return wrong;
  const bool is_renewal = found != entries_.end() && is_active(before, now_) &&
                          is_active(entry, now_) && is_renewed(before, entry);
  const Extent renewal =
      request.method == Method::kRegister ? Extent::kRegistration : Extent::kLease;
  return told->extent == (is_renewal ? renewal : Extent::kEntry) ? "" : "told another extent";
}

bool RegistryModel::is_renewed(const Entry& before, const Entry& after) {
  return before.host == after.host && before.port == after.port && before.cookie == after.cookie &&
         last_thirty(before.days) == last_thirty(after.days);
}

void RegistryModel::execute(Entry& entry, const engine::Operation& operation,
                            const HostAddress& host, engine::Time time) {
  const Request& request = *operation.request;
  if (request.method == Method::kLeave) {
    entry.inactive_since = now_;
    return;
  }
  if (request.method == Method::kRegister) {
    if (!is_active(entry, now_)) register_free(entry);
    if (!entry.cookie.has_value()) {
      if (request.cookie_header == CookieHeader::kShown) entry.cookie = request.cookie;
      if (request.cookie_header == CookieHeader::kNew) entry.cookie = operation.issued;
    }
    entry.host = host;
    entry.port = request.port;
    entry.registered_at = time.wall;
  }
  entry.deadline = now_ + options_.ttl;
  entry.days.insert(day_of(time.wall));
}

// The nick of `entry` is unknown or inactive, and is registered: all that stays is its history.
void RegistryModel::register_free(Entry& entry) const {
  if (entry.inactive_since.has_value() &&
      now_ - *entry.inactive_since >= engine::limits::kHistory) {
    entry.days.clear();
  }
  entry.inactive_since.reset();
  entry.cookie.reset();
}

// Whoever asks about a nick, the registry notes that its lease has ended.
void RegistryModel::note_expiry(Entry& entry, Instant now) {
  if (!entry.inactive_since.has_value() && entry.deadline <= now) {
    entry.inactive_since = entry.deadline;
  }
}

std::string RegistryModel::difference(Entry& entry, const Change& told) {
  if (told.host != entry.host) return "told another host";
  if (told.port != entry.port) return "told another port";
  if (told.active == entry.inactive_since.has_value()) return "told another state";
  if (told.has_cookie != entry.cookie.has_value()) return "told a cookie or none";
  if (told.has_cookie && told.cookie.bytes != entry.cookie->bytes) return "told another cookie";
  if (told.deadline != entry.inactive_since.value_or(entry.deadline)) {
    return "told another deadline";
  }
  if (told.registered_at != entry.registered_at) return "told another date";

  const std::set<std::int64_t> days = days_in(told);
  if (days == last_thirty(entry.days)) return "";
  if (!entry.may_be_forgotten || days.size() > 1) return "told other days";
  entry.days = days;
  return "";
}

void RegistryModel::sweep(Instant now) {
  now_ = latest(now);
  for (auto& [nick, entry] : entries_) note_expiry(entry, now_ - engine::limits::kWheelSlot);
  mark_those_that_may_be_forgotten();
}

void RegistryModel::restore(Instant now) {
  now_ = latest(now);
  for (auto& [nick, entry] : entries_) note_expiry(entry, now_);
  mark_those_that_may_be_forgotten();
}

// A shard remembers its share of the inactive entries; which ones are its own is not known here.
void RegistryModel::mark_those_that_may_be_forgotten() {
  std::size_t inactive = 0;
  for (const auto& [nick, entry] : entries_) inactive += !is_active(entry, now_);
  const bool are_few = inactive <= options_.inactive_max / options_.shards;
  for (auto& [nick, entry] : entries_) {
    if (is_active(entry, now_)) {
      entry.may_be_forgotten = false;
    } else if (!are_few) {
      entry.may_be_forgotten = true;
    }
  }
}

std::vector<std::string> RegistryModel::list(Instant now) {
  now_ = latest(now);
  std::vector<std::string> addresses;
  for (const auto& [nick, entry] : entries_) {
    if (is_active(entry, now_)) addresses.push_back(address_text(entry.host, entry.port));
  }
  std::ranges::sort(addresses);
  return addresses;
}

std::size_t RegistryModel::active(Instant now) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [&](const auto& item) { return is_active(item.second, latest(now)); }));
}

std::size_t RegistryModel::active_max() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries_, [&](const auto& item) { return !item.second.inactive_since.has_value(); }));
}

}  // namespace rollcall::tests
