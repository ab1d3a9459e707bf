#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/time.h"
#include "store/lease_clock.h"
#include "store/record.h"

namespace rollcall::store {

// What renewals share that were made at the same time.
struct Moment {
  LeaseTime deadline;
  engine::WallTime registered_at;
};

// A batch of changes as a journal keeps it. Under load nearly all of them are renewals, many at the
// same moment: these say only whose they are. Numbers are little-endian.
//
//   whole entry  as store/record.h packs it
//
//   moment   flags      1   bit 3
//            registered 4   seconds since the epoch
//            deadline   8   lease time in milliseconds, signed
//
//   renewal  flags      1   bit 4; bit 5 by Register
//            nick       1   its length
//            nick       1 to 255
//
// A renewal has the deadline of the last moment before it in the batch, and by Register its date.
//
// What a renewal leaves out stands in the record before it of this nick, or in the list that the
// journal goes on with. There it may be newer, since the list is read while changes are made, but
// only where the journal has the change that made it so: whoever reads on comes to it.
class JournalPacker {
 public:
  // Appends it. REQUIRES: its nick has 1 to limits::kNickBytesMax bytes, its deadline is within
  // kLeaseTimeMin and kLeaseTimeMax.
  void pack(const Record& record, std::string& to);
  // What is packed next begins another batch.
  void begin_batch() { moment_.reset(); }

 private:
  std::optional<Moment> moment_;  // the last in the batch
};

// For one batch, or for records of whole entries.
class JournalUnpacker {
 public:
  // Takes the first record off `packed`, and the moment before it; its nick borrows from there.
  // Empty where that does not begin with a whole one whose values are within the protocol's bounds,
  // or with a renewal that no moment precedes; `packed` is unchanged then. Whether the nick is
  // valid text is not looked at.
  std::optional<Record> unpack(std::string_view& packed);

 private:
  std::optional<Moment> moment_;
};

}  // namespace rollcall::store
