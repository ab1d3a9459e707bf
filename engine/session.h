#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/time.h"
#include "engine/wire/text_request.h"

namespace rollcall::engine {

// A connection's number within its engine; given again after it was closed.
enum class SessionId : std::uint32_t {};

// Messages that were parsed and not answered yet, in their order. They may be of several sessions.
struct MessageBatch {
  std::array<Message, limits::kBatchRequestsMax> messages;
  // Bytes of the text that was parsed which are consumed once message i is answered.
  std::array<std::size_t, limits::kBatchRequestsMax> ends;
  std::size_t size = 0;
};

// One connection as the protocol sees it: where requests begin and end in its stream, and what
// silence means.
//
//                 parse: nothing left over
//                ┌──────┐
//                ▼      │        unfinished tail                  closing answer, idle
//   open ──► between requests ──────────────────► in a request ──────────────────────► closed
//                ▲                                    │    ▲            (from both states)
//                └────────────────────────────────────┘    └─ more bytes
//                    line feed, length, quiet, timer
//
// Messages that arrive whole are parsed in place. Only an unfinished request is copied, into
// `carry_`, and the parser goes on there with the next bytes.
class Session {
 public:
  explicit Session(const HostAddress& host) : host_(host) {}

  const HostAddress& host() const { return host_; }
  bool is_open() const { return is_open_; }
  // A part of a request has arrived.
  bool is_in_request() const { return !carry_.empty(); }

  // Parses the messages at the beginning of `text`, which follows all that was consumed before, and
  // adds them to `batch`, whose views borrow from `text` and this session. Returns how many bytes
  // are consumed already; those of a message are consumed once it is `answered`. An unfinished
  // request is consumed only where no message stands before it: so when no message comes out any
  // more, everything has been consumed.
  // REQUIRES: is_open(), `text` is not empty, `batch` is not full and has no message of this
  // session, and the first message that comes out will be answered.
  std::size_t parse(std::string_view text, Instant now, MessageBatch& batch);

  // The message was answered; the next one begins behind it.
  void answered(const Message& message) {
    if (is_in_request()) drop_carry();
    is_framed_ = is_framed_ || message.framing != AnswerFraming::kBare;
    skips_line_end_ = message.framing != AnswerFraming::kLineFeed;
    if (message.closes) close();
  }

  // Nothing came for the quiet time. Whether that ended the request; then `message` is to be
  // answered.
  bool quiet(Message& message);
  // Quiet could mean something, and this silence was not reported yet.
  bool awaits_quiet() const;

  // The stream ended. Whether that ended a request; then `message` is to be answered.
  bool end_of_stream(Message& message);

  // When the request's timer is due; kNever if none runs.
  Instant deadline() const;
  // The timer is due: `message` is to be answered. REQUIRES: deadline() has come.
  void time_out(Message& message);

  // Nothing will be interpreted any more.
  void close();

  void check_invariants() const;

 private:
  std::size_t continue_request(std::string_view text, Instant now, MessageBatch& batch);
  void begin_request(std::string_view text, const TextRequestParser& parser, Instant now);
  // How long a silence ends the request; nothing where only its whole time is limited.
  std::optional<Duration> silence_max() const;
  void drop_carry();

  HostAddress host_;
  bool is_open_ = true;
  // A request has ended by length or line feed: quiet means nothing any more.
  bool is_framed_ = false;
  // One line end before the next request is dropped.
  bool skips_line_end_ = false;

  // The unfinished request, and how far it is understood. Empty between requests.
  std::string carry_;
  TextRequestParser parser_;
  Instant first_byte_{};
  Instant last_byte_{};
  bool had_quiet_ = false;              // trickled
  bool had_bytes_after_quiet_ = false;  // did not come in one go
  bool silence_reported_ = false;
};

}  // namespace rollcall::engine
