#pragma once

#include <cstddef>
#include <string>

#include "engine/random.h"
#include "tests/sim/oracle.h"
#include "tests/sim/request.h"

namespace rollcall::sim {

// What a client is about: how often it says what, about whose nicks.
struct Script {
  std::string_view name;
  std::size_t registers, keeps_alive, leaves, queries, mistakes;  // weights
  std::size_t own_percent;     // of its requests are about nicks of its own
  std::size_t cookie_percent;  // of its requests have a cookie
  std::size_t requests_max;    // at a time
  bool is_original;            // sends one request, without an end, and waits for the answer
  bool roams;                  // connects from another host each time
};

// Each client has a script of its own.
const Script& script_of(std::size_t client);

// Draws what `client` says next, and appends its bytes to `text`. `oracle` knows the cookies.
SentRequest draw_request(std::size_t client, engine::SampleGenerator& random, Oracle& oracle,
                         std::string& text);

}  // namespace rollcall::sim
