#pragma once

#include <string>

#include "engine/registry/registry.h"
#include "engine/time.h"
#include "transport/tcp_server.h"

namespace rollcall::apps {

// What a server did and holds, as one line of JSON without its line end:
//
//   uptime_ms
//   connections    open, accepted (refused ones included), and by reason those that the server
//   ended accept_pauses  by reason requests       well-formed ones, by method statuses answers, by
//   status answers        the same answers, by message peers          active and inactive now,
//   bytes they take; registered, renewed, left, expired and
//                  forgotten since the start
//   expiry_lag_us  how late expired entries were swept: below so many microseconds, and not below
//                  half of that, so many; where there were any
std::string counters_json(const transport::TcpCounters& tcp,
                          const engine::RegistryCounters& registry, engine::Duration uptime);

}  // namespace rollcall::apps
