#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "engine/time.h"
#include "engine/wire/request.h"
#include "transport/loopback.h"

namespace rollcall::fuzz {

// A request whose answer is known but for what the registry decides.
struct KnownRequest {
  std::string text;
  engine::Method method = engine::Method::kRegister;
  engine::AnswerFraming framing = engine::AnswerFraming::kLineFeed;
  bool asks_for_cookie = false;
  bool has_limit = false;
  // The whole answer, where the request is refused before the registry is asked.
  std::string_view refusal;
  bool closes = false;
};

// One connection's client: it sends known requests, in pieces if need be, and checks that each is
// answered, once, in order, by an answer of its kind.
//
// What it can be sure of depends on what it does. While a request is under way in pieces, silences
// may end it or end the connection; a client that does not read may be reset; one that says nothing
// is closed at last. From then on it only checks that there is no answer too many.
class SessionClient {
 public:
  SessionClient(transport::LoopbackClient connection, engine::Duration idle_timeout)
      : connection_(std::move(connection)), idle_timeout_(idle_timeout) {}

  transport::LoopbackClient& connection() { return connection_; }

  // Queues a request, and sends what was queued but for its last `kept_bytes` bytes.
  void send(const KnownRequest& request, std::size_t kept_bytes);
  // Sends all that was kept.
  void send_rest() { send_queued(0); }
  void half_close();
  void reset();
  void set_reading(bool reads);
  void set_held(bool held);

  // The server may reset or close the connection for a reason of its own.
  void expect_anything() { is_sure_ = false; }
  // Time passes.
  void note_time(engine::Duration duration);
  // Takes what was delivered and checks it.
  void check();
  // Everything was read and delivered: nothing may be owed any more.
  void check_settled() const;

 private:
  void send_queued(std::size_t kept_bytes);
  bool take_answer(std::string_view& received);

  transport::LoopbackClient connection_;
  engine::Duration idle_timeout_;
  std::deque<KnownRequest> owed_;
  std::string queued_;
  std::string received_;
  std::size_t requests_ = 0;
  std::size_t answers_ = 0;
  engine::Duration silence_{};
  // In all. After kDrainTime the server may have closed, which who does not read does not see.
  engine::Duration stalled_{};
  bool is_sure_ = true;
  bool is_half_closed_ = false;
  bool has_closing_request_ = false;
  bool reads_ = true;
  bool is_held_ = false;
};

}  // namespace rollcall::fuzz
