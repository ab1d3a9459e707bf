#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/change.h"
#include "engine/registry/registry.h"
#include "engine/wire/request.h"

namespace rollcall::tests {

// What the registry must do, read from the protocol's tables as plainly as possible: a map of
// entries and full scans. It is handed what the registry decided and says whether that was right.
//
// In two places more than one answer is right, because the registry does some work late. Limits may
// count those whose lease ended until they are swept, and how soon the history of inactive entries
// is forgotten depends on how they are spread over shards. There the model takes over what the
// registry chose.
class RegistryModel {
 public:
  explicit RegistryModel(const engine::RegistryOptions& options);

  // Whether the operation may come to `outcome`. It changes nothing.
  bool may_come_to(engine::Outcome outcome, const engine::Request& request,
                   const engine::HostAddress& host, bool open_query, engine::Instant now) const;

  // Takes over that an operation came to `outcome`, and that `told` was told of it, which is null
  // if nothing was. Returns what is wrong with `told`; empty if nothing. A query changes nothing.
  std::string apply(const engine::Operation& operation, const engine::HostAddress& host,
                    engine::Time time, const engine::Change* told);

  // The whole registry was swept at `now`.
  void sweep(engine::Instant now);

  // The registry was restored at `now` from what it told, or from its entries.
  void restore(engine::Instant now);

  // The addresses of the active entries, sorted. To list them is to let the registry know the time.
  std::vector<std::string> list(engine::Instant now);

  // How many entries the registry counts as active: at least those who are, and at most those
  // besides whose lease ended without its having taken note.
  std::size_t active(engine::Instant now) const;
  std::size_t active_max() const;

 private:
  struct Entry {
    engine::HostAddress host;
    std::uint16_t port = 0;
    std::optional<engine::Cookie> cookie;
    engine::Instant deadline;
    engine::WallTime registered_at;
    std::set<std::int64_t> days;  // on which it registered or kept alive
    // Since when the registry has known that it is inactive.
    std::optional<engine::Instant> inactive_since;
    bool may_be_forgotten = false;
  };

  engine::Instant latest(engine::Instant now) const { return std::max(now_, now); }
  static bool is_active(const Entry& entry, engine::Instant now);
  bool may_be_admitted_as(engine::Outcome outcome, std::string_view nick,
                          const engine::HostAddress& host, engine::Instant now) const;
  static void note_expiry(Entry& entry, engine::Instant now);
  void execute(Entry& entry, const engine::Operation& operation, const engine::HostAddress& host,
               engine::Time time);
  void register_free(Entry& entry) const;
  static std::string difference(Entry& entry, const engine::Change& told);
  // Whether all that differs is what a renewal changes.
  static bool is_renewed(const Entry& before, const Entry& after);
  void mark_those_that_may_be_forgotten();

  const engine::RegistryOptions options_;
  std::map<std::string, Entry, std::less<>> entries_;
  engine::Instant now_{};
};

}  // namespace rollcall::tests
