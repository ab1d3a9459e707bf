#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transport/tcp_admission.h"
#include "transport/tcp_server.h"
#include "transport/tcp_socket.h"
#include "transport/tcp_worker.h"

namespace rollcall::transport {

// Accepts for all workers, on the loop of one of them, and gives each connection to the worker that
// has the fewest.
//
//              somebody waits                 total over the limit, or no files left
//   waiting ──────────────────► accepting ──────────────────────────────────────────► paused
//      ▲                            │                                                   │
//      └── nobody waits any more ───┘◄──────── a connection left, or 100 ms passed ─────┘
class TcpAcceptor {
 public:
  // REQUIRES: `workers` is not empty and outlives this, like everything else here.
  TcpAcceptor(const std::vector<std::unique_ptr<TcpWorker>>& workers, TcpAdmission& admission,
              TcpEventCounters& events);

  // Opens all listeners, or none and says which one could not be. REQUIRES: called once.
  std::optional<ListenError> listen(std::span<const engine::Endpoint> endpoints);
  // Where it listens, in the same order. REQUIRES: listen() succeeded.
  const std::vector<engine::Endpoint>& endpoints() const { return endpoints_; }

  // The following are called on the thread of the first worker.
  void start();
  // Closes the listeners and whatever the system had accepted for them.
  void stop();

  // Connections that were accepted, refused ones included. May be called on any thread.
  std::uint64_t accepted() const { return accepted_.load(std::memory_order_relaxed); }

 private:
  struct Listener {
    explicit Listener(asio::io_context& context) : socket(context) {}
    TcpListener socket;
    bool is_waiting = false;
  };

  std::optional<ListenError> open(const engine::Endpoint& endpoint);
  void wait(Listener& listener);
  void accept_some(Listener& listener);
  void admit(const Accepted& accepted);
  void pause();
  void look_again();

  const std::vector<std::unique_ptr<TcpWorker>>& workers_;
  asio::io_context& context_;
  TcpAdmission& admission_;
  TcpEventCounters& events_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<engine::Endpoint> endpoints_;
  asio::steady_timer pause_timer_;
  bool is_paused_ = false;
  bool is_stopped_ = false;
  std::atomic<std::uint64_t> accepted_{0};
};

}  // namespace rollcall::transport
