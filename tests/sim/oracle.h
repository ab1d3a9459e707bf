#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/change.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/outcome.h"
#include "engine/time.h"
#include "engine/wire/address_text.h"
#include "tests/sim/population.h"
#include "tests/sim/request.h"
#include "tests/sim/setting.h"
#include "tests/sim/tally.h"

namespace rollcall::sim {

// Compared by what they are, and not as the engine does it.
using CookieBytes = std::array<std::uint8_t, engine::limits::kCookieBytes>;

// What is known of a nick.
struct Peer {
  bool is_known = false;
  bool is_active = false;
  engine::HostAddress host;
  std::uint16_t port = 0;
  std::optional<CookieBytes> cookie;
  // Active: the end of the lease. In the simulation's own time, which no crash interrupts.
  engine::Instant deadline;
  engine::WallTime registered_at;
  std::uint32_t activity_bits = 0;
  std::uint16_t activity_day = 0;

  friend bool operator==(const Peer&, const Peer&) = default;
};

Peer peer_of(const engine::Change& change);

// A change as the engine told it. Its nick is not to be looked at any more.
struct Told {
  std::size_t nick;
  engine::Change change;
  bool is_explained = false;  // by a request
};

// When requests were decided, and what the server said of them on the way.
struct Moment {
  engine::Instant now;  // the simulation's
  engine::WallTime wall;
  bool store_works;
  engine::Ticket ticket;  // that answers to changes wait for
  std::span<Told> told;
};

// What a list has to hold.
struct ExpectedList {
  std::size_t size = 0;
  // Of all addresses it may hold: their number, and the sum of their hashes, which tells a list of
  // all of them without comparing each.
  std::size_t active = 0;
  std::uint64_t hash_sum = 0;
  std::vector<std::uint64_t> hashes;  // empty where all are listed
  // Bounds of the Total header, if there is one.
  bool has_total = false;
  std::size_t total_max = 0;
};

std::uint64_t hash_of(const engine::Endpoint& address);

// What the answer to a request has to be.
struct Expected {
  engine::Outcome outcome = engine::Outcome::kSuccess;
  // Where two limits were reached, or two ends, either is right.
  std::optional<engine::Outcome> or_else;
  engine::AnswerFraming framing = engine::AnswerFraming::kLineFeed;
  std::optional<CookieBytes> issued;
  std::optional<ExpectedList> list;
  // Where it is Success to a change: which.
  bool is_change = false;
  std::size_t nick = 0;
  std::uint64_t version = 0;
  std::size_t jump = 0;
  engine::Ticket ticket = 0;
};

// The promises. It decides every request itself, as protocol.md has it and from nothing but the
// requests and the time, and says what has to be answered, told and kept.
//
// While a server runs, what is in its memory is known exactly. What survives it is not: of each
// nick there is the last version that a client was told is done, and those that followed it.
// What recovery finds has to be one of them, and shows which; where that leaves open what the store
// has, as of a lease that is over, each of these stays possible.
//
//   versions: [ acknowledged … | decided, and not acknowledged … ]
//              ^ at the least one of these                live ^
class Oracle {
 public:
  Oracle(const Setting& setting, Tally& tally) : setting_(setting), tally_(tally) {}

  // A request from `host` was decided; explains the change that was told because of it.
  Expected decide(const SentRequest& request, const engine::HostAddress& host,
                  const Moment& moment);
  // Its client was told that it is done.
  void acknowledge(const Expected& expected);

  void wall_jumped(std::chrono::milliseconds total) { jumps_.push_back(total); }
  // A recovery began and did not come to its end. What it found may have been written down before:
  // no lease longer than one TTL from now on.
  void recovery_ended_early(engine::Instant now) { cuts_.push_back({now, jumps_.size() - 1}); }
  // The crash is over: this is what is there, and, if `is_durable`, will be after the next one.
  void recovered(std::span<const Peer, kNicks> peers, bool is_durable, engine::Instant now);
  // How many are active.
  std::size_t active(engine::Instant now) const;

  const std::optional<CookieBytes>& cookie_of(std::size_t nick) const {
    return nicks_[nick].live.cookie;
  }
  const Peer& live(std::size_t nick) const { return nicks_[nick].live; }
  // A port that this nick was not registered with lately.
  std::uint16_t next_port(std::size_t nick) { return port_of(nick, nicks_[nick].registrations++); }

 private:
  struct Nick {
    Peer live;
    std::uint64_t address_hash = 0;
    std::deque<Peer> versions{Peer{}};
    std::uint64_t first_version = 0;
    std::uint64_t found_version = 0;  // the first of those that recovery found
    std::size_t registrations = 0;
  };

  engine::Outcome judge(const SentRequest& request, const engine::HostAddress& host,
                        const Moment& moment) const;
  // What may be refused for a limit: all active ones, and those whose lease has just ended.
  std::optional<std::pair<engine::Outcome, std::optional<engine::Outcome>>> limit_reached(
      const SentRequest& request, const engine::HostAddress& host, const Moment& moment) const;
  void require_room(const SentRequest& request, const engine::HostAddress& host,
                    engine::Instant now) const;
  void change(const SentRequest& request, const engine::HostAddress& host, const Moment& moment,
              const Told& told, Expected& expected);
  ExpectedList expected_list(const SentRequest& request, engine::Instant now) const;
  void collapse(std::size_t nick, const Peer& found, engine::Instant now);
  // What recovery found survives from now on.
  void make_recovery_durable();
  static void drop_versions_before(std::uint64_t version, Nick& nick);
  // All that the store may have, where recovery made `found` of what may have been `version`.
  void add_as_stored(Peer version, const Peer& found, std::deque<Peer>& to) const;
  bool may_be(const Peer& version, const Peer& found, engine::Instant now) const;
  // When the lease of this active version may end, as the wall clock now has it.
  std::vector<engine::Instant> possible_deadlines(const Peer& version) const;

  // When a recovery may have cut the leases that the store has, by the wall clock of that time.
  struct Cut {
    engine::Instant at;
    std::size_t jump;
  };

  const Setting& setting_;
  Tally& tally_;
  std::array<Nick, kNicks> nicks_;
  // By how much the wall clock had been set, after each time it was; from `durable_jump_` on the
  // store may have any of them in mind.
  std::vector<std::chrono::milliseconds> jumps_{std::chrono::milliseconds(0)};
  std::size_t durable_jump_ = 0;
  std::size_t recovery_jump_ = 0;  // when it recovered
  bool is_recovery_durable_ = true;
  std::vector<Cut> cuts_;  // since the last recovery that came to its end
};

}  // namespace rollcall::sim
