#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/cookie.h"
#include "engine/wire/address_text.h"
#include "engine/wire/request.h"

// What a client needs of the protocol: reading what a server answers. A client trusts a server no
// more than a server its clients, so this is bounded and strict as well.

namespace rollcall::engine {

// What a response says.
struct Response {
  std::uint16_t status = 0;  // as it stands there: Success is 20 or 200
  std::optional<Cookie> cookie;
  std::optional<std::uint64_t> total;
  // Without what frames it. Borrowed from the text that completed the response.
  std::string_view message;

  bool is_success() const { return status == 20 || status == 200; }
};

enum class ResponseProgress : std::uint8_t {
  kIncomplete,  // well-formed as far as it came
  kComplete,
  kMalformed,  // no response begins like this, or it is longer than it may be
};

// Reads one response:
//
//   Response <status> P2Pv1\n      1 to 3 digits
//   Name: value\n                  at most limits::kHeadersMax; unknown ones are ignored
//   \n
//   <message>                      no line feed in it
//
// Where the message ends follows from how the request was framed. A server that cannot tell where a
// request ended refuses it, lets nothing follow the message and closes, whatever the framing; so a
// failure, but never a success, may end with the stream instead.
//
// The outcome depends on the bytes alone, not on the pieces they came in.
class ResponseParser {
 public:
  // For a response of at most `bytes_max` bytes to a request that was framed as `framing` says.
  ResponseParser(AnswerFraming framing, std::size_t bytes_max)
      : framing_(framing), bytes_max_(bytes_max) {}

  // `text` is everything that came, from the response's first byte on: what the last call had and
  // possibly more. It may end in the middle of the response or far behind it. Bytes are looked at
  // once, however often this is called. After kComplete and kMalformed only `reset` may follow.
  ResponseProgress advance(std::string_view text);

  // The stream ended behind `text`. Never kIncomplete.
  ResponseProgress end_of_stream(std::string_view text);

  // Valid once it is complete; its message until the bytes of `text` go away.
  const Response& response() const { return response_; }
  // Its bytes: in a pipeline the next response begins behind them.
  std::size_t length() const { return next_; }

  // As new, for the next response of the same connection.
  void reset() { *this = ResponseParser(framing_, bytes_max_); }

 private:
  enum class State : std::uint8_t { kFirstLine, kHeaders, kMessage, kComplete, kMalformed };

  ResponseProgress progress() const;
  void read_head(std::string_view text);
  void read_message(std::string_view text);
  State state_after_first_line(std::string_view line);
  State state_after_header(std::string_view line);
  void complete(std::string_view message, std::size_t length);

  AnswerFraming framing_;
  std::size_t bytes_max_;
  State state_ = State::kFirstLine;
  std::size_t headers_ = 0;
  std::optional<std::uint64_t> content_length_;
  // Where the line or the message begins that is being read.
  std::size_t next_ = 0;
  // Up to here there is no line feed after `next_`.
  std::size_t scanned_ = 0;
  Response response_;
};

enum class PeerListStep : std::uint8_t {
  kPeer,
  kEnd,
  kMalformed,  // and so it stays
};

// Reads a list, `['127.0.0.1:9999', '[::1]:3333']`, address by address.
class PeerListReader {
 public:
  // `message` is borrowed for as long as this is used.
  explicit PeerListReader(std::string_view message) : rest_(message) {}

  // Sets `peer` where it returns kPeer.
  PeerListStep next(Endpoint& peer);

 private:
  enum class State : std::uint8_t { kBeforeFirst, kAfterPeer, kEnd, kMalformed };

  bool take(std::string_view expected);
  PeerListStep malformed();

  std::string_view rest_;
  State state_ = State::kBeforeFirst;
};

}  // namespace rollcall::engine
