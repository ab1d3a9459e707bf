#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/exchange_file.h"
#include "tests/support/transport_under_test.h"

namespace rollcall::tests {

// How the sent chunks of an exchange reach the server. No time passes between their pieces.
struct Cutting {
  enum class Kind {
    kWhole,
    kByteByByte,
    kTwoPieces,  // one of them in two, the others whole
  };
  Kind kind = Kind::kWhole;
  // kTwoPieces: which chunk, counted from 0, and how long its first piece is.
  std::size_t chunk = 0;
  std::size_t first_bytes = 0;

  std::string text() const;
};

// Every way to cut one chunk of the exchange in two.
std::vector<Cutting> two_piece_cuttings(const Exchange& exchange);

// How much time the exchange lets pass.
engine::Duration duration_of(const Exchange& exchange);

// Whether this transport can play the exchange: its hosts, and its time.
bool can_run(const Exchange& exchange, const TransportUnderTest& transport);

// Plays the exchange against a server that nobody has talked to yet. Empty if all went as it says;
// otherwise `file:line: title (…)` and the difference. After the last step every connection that is
// open gets an end of stream, and nothing more may come from it but its end.
std::optional<std::string> run_exchange(const Exchange& exchange, const Cutting& cutting,
                                        TransportUnderTest& transport);

}  // namespace rollcall::tests
