#pragma once

#include <optional>
#include <string>

#include "engine/registry/registry.h"
#include "engine/time.h"
#include "store/group_commit.h"
#include "store/sqlite_store.h"
#include "transport/tcp_server.h"

namespace rollcall::apps {

struct StoreCounters {
  store::CommitCounters commits;
  store::StoreSizes sizes;
};

struct ServerCounters {
  transport::TcpCounters tcp;
  engine::RegistryCounters registry;
  std::optional<StoreCounters> store;  // where the list is kept in a file
  engine::Duration uptime{};
};

// What a server did and holds, as one line of JSON without its line end:
//
//   uptime_ms
//   connections    open, accepted (refused ones included), and by reason those that were ended
//   accept_pauses  by reason
//   requests       well-formed ones, by method
//   statuses       answers, by status
//   answers        the same answers, by message
//   peers          active and inactive now, bytes they take; registered, renewed, left, expired and
//                  forgotten since the start
//   expiry_lag_us  how late expired entries were swept: below so many microseconds, and not below
//                  half of that, so many; where there were any
//   store          where there is one: its state, commits, failed ones, changes made durable, their
//                  bytes, how many a commit had (as expiry_lag_us), and the sizes in the file
std::string counters_json(const ServerCounters& counters);

}  // namespace rollcall::apps
