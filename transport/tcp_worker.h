#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine/change.h"
#include "engine/deadline_queue.h"
#include "engine/engine.h"
#include "engine/output_buffer.h"
#include "engine/random.h"
#include "transport/output_pool.h"
#include "transport/ready_sockets.h"
#include "transport/tcp_admission.h"
#include "transport/tcp_connection.h"
#include "transport/tcp_server.h"

namespace rollcall::transport {

// One thread of the server: an event loop, an engine, and the connections that were given to it. A
// turn of the loop serves some connections that are ready, each with one read and one write at
// most, so that none keeps the others waiting for long.
//
//   readable ─► read buffer ─► engine ─► the connection's output ─► end of the turn ─► socket
//                  │             ▲                    │
//         too much │             │                    │ the socket takes no more, or the store
//     output waits ▼             │                    ▼ has to release it
//         the connection's unread bytes            writable, resolved ─► socket
//
// The read buffer belongs to the thread, and memory that outputs need no more goes to the next ones
// that do: a connection that keeps up has no buffers of its own. One timer serves all deadlines.
class TcpWorker {
 public:
  TcpWorker(engine::Registry& registry, const engine::EngineOptions& engine_options,
            const TcpOptions& options, engine::RandomSource& random, engine::ChangeLog* changes,
            TcpAdmission& admission, TcpEventCounters& events);

  asio::io_context& context() { return context_; }

  // ---- Called by the server ----

  void start();
  // REQUIRES: start() was called.
  void begin_stop();
  void join();
  // Both wait for the worker's thread, while it runs. REQUIRES: called on another thread.
  engine::EngineCounters counters();
  void check_invariants();

  // ---- Called on any thread ----

  // See TcpServer::resolve.
  void resolve(engine::Ticket up_to, engine::Verdict verdict);

  // ---- Called by the acceptor, on its thread ----

  // Gives it an admitted connection.
  void give(TcpSocket socket, const engine::HostAddress& host);
  // Has it close its longest idle connection, if the total is still over its limit by then.
  void ask_to_make_room();
  // Connections, including those that were given and have not arrived yet.
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  // Since when its longest idle connection has been idle; kNever if it has no connection.
  engine::Instant longest_idle_since() const {
    return longest_idle_since_.load(std::memory_order_relaxed);
  }

 private:
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                           asio::wait_traits<std::chrono::steady_clock>,
                                           asio::io_context::executor_type>;

  struct Resolved {
    engine::Ticket up_to;
    engine::Verdict verdict;
  };
  enum class WhenNothingCame : std::uint8_t { kWaitOn, kReportQuiet };

  static std::uint32_t number(const TcpConnection& connection) {
    return static_cast<std::uint32_t>(connection.session);
  }

  // Runs `work` between two turns of the loop, and waits for its end.
  template <typename Work>
  void run_between_turns(Work work);

  // A turn of the loop.
  template <typename Work>
  void turn(Work work);
  void open(TcpSocket socket, const engine::HostAddress& host);
  void wait_for_sockets();
  bool serve_ready();
  void serve(TcpConnection& connection, const ReadySocket& ready);
  void on_readable(TcpConnection& connection);
  void on_writable(TcpConnection& connection);
  void on_timer();

  // Input.
  void read(TcpConnection& connection, WhenNothingCame when_nothing_came);
  void receive_later(TcpConnection& connection, std::span<const std::byte> bytes);
  void receive_all();
  void present_unread(TcpConnection& connection);
  void watch_silence(TcpConnection& connection);
  void drain(TcpConnection& connection);

  // Output.
  void begin_gathering();
  void gather_on();
  void take_verdicts();
  void release_some();
  [[nodiscard]] bool release_next();
  void release(engine::SessionId session);
  [[nodiscard]] bool send(TcpConnection& connection);
  void count_buffers(TcpConnection& connection);

  // What comes next.
  void settle(TcpConnection& connection);
  void settle_later(TcpConnection& connection);
  void settle_if_many();
  void settle_all();
  void stop_serving(TcpConnection& connection);
  void finish(TcpConnection& connection);
  void reset_longest_waiting(TcpConnection& last);
  static bool waits_for_readable(const TcpConnection& connection);
  static bool waits_for_writable(const TcpConnection& connection);
  void watch(TcpConnection& connection);

  // Deadlines; a bounded number of each kind in a turn.
  void arm_timer();
  engine::Instant next_deadline() const;
  void run_quiet();
  void run_patience();
  void run_draining();
  void run_sessions();

  // The end. A connection that is closed lives on until the turn is over.
  void close(TcpConnection& connection);
  void reset(TcpConnection& connection, TcpEvent why);
  void make_room();
  void publish_idleness();
  void stop();
  void give_up();
  void end_if_stopped();

  void check_connection(const TcpConnection& connection) const;

  const TcpOptions& options_;
  TcpAdmission& admission_;
  TcpEventCounters& events_;
  engine::ChangeLog* const changes_;

  std::atomic<std::size_t> load_{0};
  std::atomic<engine::Instant> longest_idle_since_{engine::kNever};

  asio::io_context context_{1};  // 1: one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  Timer timer_{context_};
  engine::Instant timer_armed_for_ = engine::kNever;
  ReadySockets sockets_{context_};
  std::thread thread_;

  // What `resolve` was told and the thread has not taken yet.
  std::mutex verdicts_mutex_;
  std::vector<Resolved> verdicts_;

  // Everything below belongs to the thread, once it runs.
  engine::Engine engine_;
  std::vector<std::byte> read_buffer_;
  OutputPool outputs_;
  std::vector<std::unique_ptr<TcpConnection>> connections_;  // by number; null where there is none
  std::vector<std::unique_ptr<TcpConnection>> closed_;       // in this turn
  std::vector<engine::Arrival> arrivals_;  // read in this turn, and not told to the engine yet
  std::size_t arrived_bytes_ = 0;          // of them, at the front of the read buffer
  std::vector<TcpConnection*> unsettled_;  // served in this turn, and not settled yet
  std::size_t unsettled_bytes_ = 0;        // of their output
  std::size_t open_connections_ = 0;
  std::size_t counted_bytes_ = 0;  // the memory of all connections' buffers
  engine::DeadlineQueue quiet_;
  engine::DeadlineQueue patience_;  // with those whose output stalls
  engine::DeadlineQueue draining_;
  bool is_gathering_ = false;  // a commit will be asked for
  engine::Instant gathering_until_{};
  std::vector<Resolved> resolved_;  // in order, not all told to the engine yet
  std::size_t resolved_told_ = 0;
  bool is_releasing_ = false;  // a turn that goes on with it is to come
  engine::Instant stop_deadline_ = engine::kNever;
  bool is_stopping_ = false;
  bool is_ended_ = false;
  engine::Time time_{};  // of this turn, or of the first of the connections that are being served
};

}  // namespace rollcall::transport
