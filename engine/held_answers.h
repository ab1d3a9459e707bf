#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/change.h"
#include "engine/session.h"
#include "engine/wire/request.h"

namespace rollcall::engine {

// The answers of an engine that wait until the store has their changes, of all its sessions, in the
// order of their tickets:
//
//   ring:        [ s3 × 64 | s3 × 1 | s7 × 64 | s3 × 2 | s1 × 1 … ]       series of answers
//
//   s3's output: | ready | 64 answers, what waits behind them | 1 answer | 2 answers |
//
// What is ready anyway but comes later on the same connection waits behind: answers keep the order
// of the requests. The bytes themselves stand at the end of the session's output, held there.
// Memory is that of the most series that were ever held at once.
class HeldAnswers {
 public:
  // Answers of one session that follow each other with nothing between, and are alike: what becomes
  // of one becomes of all.
  struct Series {
    Ticket ticket;
    SessionId session;
    std::uint32_t answers;
    std::uint32_t answer_bytes;  // of each
    std::uint32_t behind_bytes;  // that follow the last one and only wait for it
    AnswerFraming framing;

    std::size_t bytes() const { return std::size_t{answers} * answer_bytes; }
  };

  // An answer of `bytes` bytes was put into the session's output. REQUIRES: bytes > 0; no ticket
  // before was higher.
  void add(SessionId session, Ticket ticket, std::size_t bytes, AnswerFraming framing);
  // Bytes that need not wait themselves. REQUIRES: count(session) > 0.
  void add_behind(SessionId session, std::size_t bytes);
  // The session is gone, and its output with it.
  void forget(SessionId session);

  // Answers of this session that are held.
  std::size_t count(SessionId session) const {
    const auto number = static_cast<std::size_t>(session);
    return number < sessions_.size() ? sessions_[number].count : 0;
  }

  // The next answers, if their ticket is no higher than `up_to`; null if there are none. Valid
  // until the next call that is not const.
  const Series* next(Ticket up_to);
  // Takes them off. REQUIRES: next() told of them.
  void take_next();

  void check_invariants() const;

 private:
  struct OfSession {
    std::uint32_t count = 0;
    std::uint64_t first = 0;  // series before this place were another session's of this number
    std::uint64_t last = 0;   // the place of its last series
  };

  // Places count on and on; the ring has room for a power of two of them.
  Series& at(std::uint64_t place) { return ring_[place & (ring_.size() - 1)]; }
  const Series& at(std::uint64_t place) const { return ring_[place & (ring_.size() - 1)]; }
  bool is_forgotten(std::uint64_t place) const;
  void grow();

  std::vector<Series> ring_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<OfSession> sessions_;  // by number
};

}  // namespace rollcall::engine
