#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "engine/random.h"
#include "tests/sim/oracle.h"
#include "tests/sim/request.h"
#include "tests/sim/tally.h"
#include "tests/sim/trace.h"
#include "transport/loopback.h"

namespace rollcall::sim {

// What became of a ticket, as far as the engine was told.
class Verdicts {
 public:
  virtual ~Verdicts() = default;
  virtual std::optional<engine::Verdict> of(engine::Ticket ticket) const = 0;
};

// A client and its connection. It knows of each request that was decided what has to be answered,
// and compares: one answer each, in order, not before the store is done, and no end of the
// connection without a reason.
class Client {
 public:
  struct Context {
    const Setting& setting;
    Oracle& oracle;
    Tally& tally;
    const Trace& trace;
    std::uint64_t& hash;        // of all that was delivered
    std::uint64_t& operations;  // requests sent and answered
  };
  Client(std::size_t number, const Context& context) : number_(number), context_(context) {}

  bool is_connected() const { return connection_.has_value(); }
  // It knows that its connection has ended. What it asked may still be decided.
  bool is_over() const { return is_over_; }
  // A new connection, instead of the one there is; that one is reset.
  void connect(transport::Loopback& loopback, const engine::HostAddress& host,
               engine::Duration delay, engine::Instant now);

  // ---- What it does. REQUIRES: is_connected(). ----

  // Sends up to `requests` of them, and keeps the end of the last one back where `keeps_end`; sends
  // what was kept before.
  void send(std::size_t requests, bool keeps_end, engine::SampleGenerator random,
            engine::Instant now);
  void send_rest(engine::Instant now);
  // With a last request that has no other end, where `says_more`.
  void half_close(bool says_more, engine::SampleGenerator random, engine::Instant now);
  void reset();

  // ---- What the network does to it ----

  void reset_by_network();
  void hold(transport::Direction direction, engine::Instant now);
  void let_through();
  void stop_reading(engine::Instant now);
  void read_on();
  transport::LoopbackClient& connection() { return *connection_; }

  // Whatever disturbs it ends.
  void calm(engine::Instant now);

  // ---- What the server does ----

  // Some of its requests may have been decided.
  void note_decided(const Moment& moment);
  // The server closes connections for want of room.
  void may_be_closed() { is_excused_ = true; }
  // Compares what was delivered.
  void check(const Verdicts& verdicts, engine::Instant now);
  // There is no server any more.
  void lose_server();
  // Nothing disturbs it: everything it asked has to be answered.
  void check_settled() const;

 private:
  struct Asked {
    SentRequest request;
    engine::Instant since;
    std::size_t end;  // of it in the stream
  };

  bool may_send() const;
  void transmit(std::string_view text, engine::Instant now);
  // The server answered a request without waiting for its end.
  Expected cut_short(const Asked& asked, engine::Instant now);
  Expected decided(const SentRequest& request, const Moment& moment);
  bool may_have_ended(const Verdicts& verdicts) const;
  bool has_stalled(engine::Instant now) const;
  void forget_connection();

  // Takes the answer at the front of what was received. False if it is not all there.
  bool take_answer(const Verdicts& verdicts);
  std::optional<std::size_t> length_of_message(engine::Outcome outcome,
                                               const Expected& expected) const;
  std::optional<std::size_t> length_of_list(std::string_view text, const Expected& expected) const;
  void require_list(std::string_view message, const ExpectedList& expected) const;
  [[noreturn]] void broken(const std::string& what) const;

  const std::size_t number_;
  const Context context_;

  std::optional<transport::LoopbackClient> connection_;
  engine::HostAddress host_;
  std::deque<Asked> sent_;     // and not decided
  std::deque<Expected> owed_;  // decided, and not answered
  std::uint64_t decided_ = 0;
  std::size_t sent_bytes_ = 0;
  std::string kept_;      // the end of the last request
  std::string received_;  // and not taken
  engine::Instant last_sent_;
  // Not later than when the server last read something.
  engine::Instant last_heard_;
  bool reads_ = true;
  bool is_held_ = false;
  engine::Instant stalled_since_;  // where it does not read, or is held
  bool is_half_closed_ = false;
  bool has_closed_ = false;  // a request after which the server closes was sent, or decided
  bool may_be_idle_ = false;
  bool is_over_ = false;
  bool is_excused_ = false;  // the server may end the connection
};

}  // namespace rollcall::sim
