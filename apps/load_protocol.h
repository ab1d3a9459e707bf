#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/wire/request.h"

// The protocols that the load generator speaks: Rollcall's, and what of others' does the same work.
//
// | method    | Redis                      | memcached                |
// | Register  | SET <nick> <port> EX 7200  | set <nick> 0 7200 <port> |
// | KeepAlive | EXPIRE <nick> 7200         | touch <nick> 7200        |
// | Leave     | DEL <nick>                 | delete <nick>            |
//
// Each request carries what Rollcall's carries, and as few bytes more as its protocol allows. The
// others keep no host, since Rollcall takes it from the connection; that is in their favour.

namespace rollcall::apps {

enum class LoadProtocol : std::uint8_t {
  kRollcall,
  // Rollcall's requests, to a server that only counts their line feeds: see
  // bench/do_nothing_server. Every list it answers is right.
  kLines,
  kRedis,      // RESP2
  kMemcached,  // its text protocol
};

inline constexpr std::size_t kMemcachedNickBytesMax = 250;

// The protocol that a command line calls so; empty if there is none.
std::optional<LoadProtocol> load_protocol_named(std::string_view name);
std::string_view load_protocol_name(LoadProtocol protocol);

// Whether there is anything that means PQuery.
bool has_lists(LoadProtocol protocol);

// Appends what asks for this in that protocol. REQUIRES: no PQuery if it has no lists.
void append_load_request(LoadProtocol protocol, const engine::Request& request, std::string& to);

// What a server answers to a request that succeeds, all of it; empty for PQuery.
std::string_view right_answer(LoadProtocol protocol, engine::Method method);

}  // namespace rollcall::apps
