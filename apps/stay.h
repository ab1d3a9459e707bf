#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "apps/client.h"
#include "apps/client_options.h"
#include "engine/random.h"
#include "engine/time.h"

namespace rollcall::apps {

// Keeps one peer on a server's list for as long as the program runs:
//
//              ┌──────── a third of the TTL ─────────┐
//              ▼                                     │ KeepAlive
//   Register ─► on the list ─────────────────────────┘
//      ▲             │ connection lost, or no clear answer
//      │             ▼
//      └──────── off the list (perhaps): tries again, ever more seldom
//
// A new connection always registers again, since the server behind it may have forgotten
// everything. It ends when the server says no, or on SIGINT or SIGTERM by leaving; a second signal
// ends the program at once. If the very first attempt finds no server, that is final too.
class Stay {
 public:
  struct Listener {
    // The peer was registered, again or for the first time.
    std::function<void(const Answer&)> registered;
    // It may not be on the list any more, for this reason; called once until it is registered
    // again.
    std::function<void(const std::string&)> interrupted;
  };

  // REQUIRES: options.command is kStay. The server's cookie replaces the one in `options`.
  Stay(asio::io_context& loop, Client& client, ClientOptions options, engine::RandomSource& random,
       Listener listener);

  // Returns the server's last word: its answer to Leave, or the refusal that ended it. Throws
  // ServerUnavailable if there was no server at the beginning or at the end.
  Answer run();

 private:
  using Clock = std::chrono::steady_clock;

  void await_signal();
  Answer register_peer();
  bool keep_on_list(Answer& last_word);
  void interrupt(const std::string& reason);
  void wait(Clock::duration time);
  Clock::duration next_retry();

  asio::io_context& loop_;
  Client& client_;
  ClientOptions options_;
  engine::SampleGenerator sample_;
  Listener listener_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  bool is_stopping_ = false;
  bool is_interrupted_ = false;
  Clock::time_point registered_at_;
  Clock::duration retry_;
};

}  // namespace rollcall::apps
