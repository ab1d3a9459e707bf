#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rollcall::store {

enum class Result : std::uint8_t {
  kDone,
  // No room. What was appended since the last `sync` is dropped; the store works again when there
  // is room.
  kFull,
  // Writing failed. What was appended since the last `sync` is dropped: after a crash it may be
  // there or not, each batch wholly or not at all. It may be appended again.
  kFailed,
  // A sync failed: the system may have dropped what it could not write and will not say so again,
  // so nothing that is there already can be trusted. Or something that is there cannot be read.
  // Only `replace` helps.
  kDistrusted,
};

// What a store reads back, beside its records.
struct Loaded {
  Result result = Result::kDone;
  // See LeaseClock. Zero for a new store.
  std::chrono::milliseconds wall_offset{0};
};

// Every entry there is, read out of the list in bounded steps while it is in use.
class EntrySource {
 public:
  virtual ~EntrySource() = default;

  // Where a reading has come to. A blank one is the beginning.
  struct Position {
    std::size_t shard = 0;
    std::uint32_t entry = 0;
  };

  // Appends the packed records of entries behind `position`, and moves it on; looks at
  // `entries_max` of them at most. Whether there are more. An entry that is there all the time is
  // read once, as it is at that moment.
  virtual bool read(Position& position, std::size_t entries_max, std::string& packed) = 0;
};

// Where changes are kept, so that a server that crashed finds its list again. One thread owns it.
//
//   load ─► maintain ─► append(batch) … ─► sync ─► all of it is durable ─► maintain …
//                                            │ kDistrusted
//                                            └──► replace ─► maintain …
//
// The contract, which tests/store/conformance_test.cpp checks of every implementation:
//  - A batch is there wholly or not at all, and never without the batches before it.
//  - What was appended before a `sync` that returned kDone survives a crash.
//  - After a call that did not return kDone nothing is waiting for `sync` any more.
class Store {
 public:
  virtual ~Store() = default;

  // Takes packed records, those of a list (store/record.h) or of batches (store/journal.h), many at
  // a time. `wall_offset` is the same in every call. Whether to go on.
  using Visit = std::function<bool(std::chrono::milliseconds wall_offset, std::string_view packed)>;

  // Gives what survived: records that come later replace earlier ones of the same nick, or renew
  // them. To be called once, before anything else. A reading that `visit` ended returns early, with
  // kDone.
  virtual Loaded load(const Visit& visit) = 0;

  // Adds packed records (store/journal.h), in order. REQUIRES: `batch` is not empty.
  virtual Result append(std::string_view batch) = 0;

  // The wall offset of the lease clock, from the next `sync` on.
  virtual Result set_wall_offset(std::chrono::milliseconds offset) = 0;

  // A bounded step of work in the background, which becomes durable with the next `sync`: keeps
  // what `load` would have to read in proportion to the entries there are. `more` says whether
  // there is more to do at once. The change that left an entry as it was read is appended before
  // that `sync`, if it was not before.
  virtual Result maintain(EntrySource& entries, bool& more) = 0;

  // Makes durable what was appended, and what else waits. Does nothing where nothing does.
  virtual Result sync() = 0;

  // Puts all entries, and this offset, in the place of everything there was, durably. Takes time in
  // proportion. If it fails, everything is as before, and it may be tried again.
  virtual Result replace(EntrySource& entries, std::chrono::milliseconds wall_offset) = 0;
};

}  // namespace rollcall::store
