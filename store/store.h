#pragma once

#include <functional>
#include <span>

#include "store/record.h"

namespace rollcall::store {

enum class Result {
  kDone,
  // No room. Nothing was written; the store works again when there is room.
  kFull,
  // The device or file failed. What was appended since the last `sync` that was done may be there
  // or not, each batch wholly or not at all.
  kFailed,
};

// Where changes are kept, so that a server that crashed finds its list again. One thread owns it.
//
//   append(batch) … append(batch) ─► sync ─► all of them are durable
//
// The contract, which tests/store/conformance_test.cpp checks of every implementation:
//  - A batch is there wholly or not at all, and never without the batches before it.
//  - What was appended before a `sync` that returned kDone survives a crash.
//  - `load` gives the last record of each nick, once, in any order.
class Store {
 public:
  virtual ~Store() = default;

  // Gives what survived. To be called once, before anything is appended.
  virtual Result load(const std::function<void(const Record&)>& visit) = 0;

  // Adds records in order. A later record of a nick replaces an earlier one, in the same batch too.
  virtual Result append(std::span<const Record> batch) = 0;

  // Makes durable what was appended. A `sync` that failed is not to be repeated: what it should
  // have written is to be appended again.
  virtual Result sync() = 0;
};

}  // namespace rollcall::store
