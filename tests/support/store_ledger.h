#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/record.h"

namespace rollcall::tests {

// What a renewal makes of an entry.
store::Record renewed(store::Record entry, const store::Record& renewal);

// What is in a store: each entry as one record, packed, and the wall offset.
struct StoreContent {
  std::map<std::string, std::string> records;
  std::chrono::milliseconds wall_offset{0};

  // Whether all of `packed` is records, of a list or a batch of the journal.
  bool add(std::string_view packed);

  friend bool operator==(const StoreContent&, const StoreContent&) = default;
};

// Where the two differ, in a line.
std::string difference(const StoreContent& found, const StoreContent& expected);

// What one process after another told a store, kept where no crash reaches, and so what may be
// found after a crash at this moment:
//
//   what a call that failed may have left … | synced ─► + batch ─► + batch ─► … as it is
//
// Everything up to the last sync that was done; behind it each batch wholly or not at all, in
// order; nothing else. Copies are cheap: one for each crash.
class StoreLedger {
 public:
  // Of a store that is there and empty.
  StoreLedger();

  // Each before the store is told.
  void append(std::string_view batch);
  void set_wall_offset(std::chrono::milliseconds offset);
  void begin_replace(StoreContent content);

  // What the store came to.
  void sync_done();     // all of it is durable
  void replace_done();  // it, and nothing else
  // What waits may last or not; it counts no more.
  void failed();

  // A process has begun with this. After a power loss it is durable; after a mere end of the
  // process, only as far as it was before.
  void found_after_power_loss(const StoreContent& found);
  void found_after_kill(const StoreContent& found);

  bool allows(const StoreContent& found) const;
  // What a store that lost nothing has.
  const StoreContent& current() const { return *line_.back(); }
  const StoreContent& synced() const { return *line_.front(); }

 private:
  using Content = std::shared_ptr<const StoreContent>;

  void grow(StoreContent content);

  std::vector<Content> line_;     // the last synced one, then one for each call since
  std::vector<Content> besides_;  // what else may be there
  Content replacement_;
};

// The same of a server: what it decided about each nick, and what of that it answered with Success.
// Found may be, of each nick by itself, the last one acknowledged or a later one.
class AnswerLedger {
 public:
  // The record a decision leaves behind. Names this decision among those of the nick.
  std::uint64_t decided(const std::string& nick, std::string packed);
  void acknowledged(const std::string& nick, std::uint64_t decision);
  // A new wall offset, that every acknowledgement from now on goes with.
  void offset_decided(std::chrono::milliseconds offset) { offsets_.push_back(offset); }
  void offset_acknowledged() { offsets_ = {offsets_.back()}; }

  // A process has begun with this; see StoreLedger.
  void found_after_power_loss(const StoreContent& found);
  void found_after_kill(const StoreContent& found) { offset_decided(found.wall_offset); }

  // Empty, or what must not be, in a line.
  std::string objection(const StoreContent& found) const;

 private:
  struct Nick {
    std::uint64_t first = 0;                   // the number of the first one
    std::vector<std::string> possible = {""};  // "" is no entry
  };

  std::map<std::string, Nick> nicks_;
  std::vector<std::chrono::milliseconds> offsets_ = {std::chrono::milliseconds(0)};
};

}  // namespace rollcall::tests
