#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/outcome.h"
#include "engine/time.h"
#include "engine/wire/text_request.h"

namespace rollcall::tests {

// An answer that a session owes. Where `outcome` is kSuccess the request is valid, and what becomes
// of it is for the registry to say.
struct OwedAnswer {
  engine::Outcome outcome = engine::Outcome::kSuccess;
  engine::AnswerFraming framing = engine::AnswerFraming::kBare;
  engine::Method method = engine::Method::kRegister;
  bool has_limit = false;
};

// Where the requests on a connection end, read from the protocol as plainly as possible: a byte at
// a time, and the request from its first byte whenever it could have ended.
class SessionModel {
 public:
  SessionModel(engine::Duration idle_timeout, engine::Instant now)
      : idle_timeout_(idle_timeout), last_bytes_(now) {}

  bool is_open() const { return is_open_; }
  bool awaits_quiet() const;
  // When the next timer is due.
  engine::Instant deadline() const;

  // What is owed because of it is appended to `owed`.
  void receive(std::string_view bytes, engine::Instant now, std::vector<OwedAnswer>& owed);
  // REQUIRES: awaits_quiet().
  void quiet(std::vector<OwedAnswer>& owed);
  void end_of_stream(std::vector<OwedAnswer>& owed);
  // REQUIRES: deadline() has come.
  void time_out(engine::Instant now, std::vector<OwedAnswer>& owed);

 private:
  void receive_byte(char byte, engine::Instant now, std::vector<OwedAnswer>& owed);
  // The request that `pending_` holds has ended.
  void answer(const engine::Message& message, std::vector<OwedAnswer>& owed);
  engine::Instant request_deadline() const;

  engine::Duration idle_timeout_;
  engine::Instant last_bytes_;
  bool is_open_ = true;
  bool has_framed_ = false;      // a request ended by length or line feed
  bool skips_line_end_ = false;  // one line end before the next request is skipped

  std::string pending_;  // the request that has not ended
  bool is_counted_ = false;
  engine::Instant first_byte_{};
  bool is_trickled_ = false;
  bool came_after_trickling_ = false;
  bool was_quiet_ = false;  // since the last byte
};

}  // namespace rollcall::tests
