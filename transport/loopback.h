#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/time.h"

namespace rollcall::transport {

class Loopback;

struct LoopbackOptions {
  engine::Duration quiet = engine::limits::kDefaultQuiet;
  std::size_t connections_max = engine::limits::kDefaultConnectionsMax;
  std::size_t connections_per_host_max = engine::limits::kDefaultConnectionsPerHostMax;
  engine::Duration output_stall = engine::limits::kOutputStall;
  std::size_t output_total_max = engine::limits::kOutputTotalMax;
  // What time it is at first.
  engine::Time start{};
};

// One of the two streams of a connection.
enum class Direction : std::uint8_t { kToServer, kToClient };

// What a client knows of its connection.
enum class ClientState : std::uint8_t {
  kOpen,
  kEnded,  // the server shut down its sending side, and everything it sent was delivered
  kReset,  // the connection was reset; what had not been delivered is lost
};

// A client's end of a connection, and the network between it and the server. Like a socket it can
// be moved, not copied; destroying it closes it: the server gets an end of stream, and a reset if
// it still sends something. It must not outlive its Loopback.
//
// None of these calls makes the server do anything: that is what Loopback's `step`, `settle` and
// `advance` are for.
class LoopbackClient {
 public:
  LoopbackClient() = default;
  LoopbackClient(LoopbackClient&& other) noexcept;
  LoopbackClient& operator=(LoopbackClient&& other) noexcept;
  ~LoopbackClient();

  // Sends all of `bytes`: what the server does not read yet waits in the network, as in the memory
  // of a patient client. Lost where the connection is gone. REQUIRES: half_close() was not called.
  void send(std::string_view bytes);
  // Sends the end of stream.
  void half_close();

  // While the client does not read, the network takes up to its window of the server's bytes, and
  // then no more.
  void stop_reading();
  void read_on();

  // What was delivered and not taken yet.
  const std::string& delivered() const;
  std::string take();
  ClientState state() const;

  // Bytes that this client sent and the server has not read yet.
  std::size_t unread_by_server() const;
  // Requests of this client that the engine has decided, whether or not the answers are on their
  // way.
  std::uint64_t answered() const;

  // ---- The network ----

  // Bytes sent from now on take this long. They stay in order.
  void delay(Direction direction, engine::Duration duration);
  // The server reads or writes at most `bytes` at a time. REQUIRES: bytes > 0.
  void cut(Direction direction, std::size_t bytes);
  // No read or write of the server goes across byte `offset` of this stream. May be called for
  // several offsets, in any order.
  void cut_at(Direction direction, std::size_t offset);
  // Nothing arrives until `let_through`: the network is interrupted, and nobody is told.
  void hold(Direction direction);
  void let_through(Direction direction);
  // The receiver of `direction` sees a reset; what was under way to it is lost. The other side
  // learns of it when it sends something. `reset(kToServer)` is what a client does that crashes.
  void reset(Direction direction);
  // How many of the server's bytes the network takes while they are not read.
  void window(std::size_t bytes);

 private:
  friend class Loopback;
  LoopbackClient(Loopback& loopback, std::uint32_t number)
      : loopback_(&loopback), number_(number) {}

  void close();

  Loopback* loopback_ = nullptr;
  std::uint32_t number_ = 0;
};

// The engine behind an in-process network: the same contract with the engine as TCP's, but every
// step is taken by hand and time passes only when told. The same calls give the same run.
//
//   client ─ send ─► [ under way | arrived ] ─► read ─► engine ─► output ─► [ … ] ─► delivered
//                     delay, hold    cut                                    window
//
// The server takes turns: one turn of one connection does at most one read and one write. All
// connections that have something to do at the same time take turns in order of their coming, so a
// flooder delays another by one read at most. Timers run once nobody has a turn left at that
// instant: bytes that arrive at a deadline are in time.
class Loopback {
 public:
  // `engine` has no sessions and outlives this.
  Loopback(engine::Engine& engine, const LoopbackOptions& options);
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  // A connection from any address; `delay` is the network's, in both directions. It reaches the
  // server after that delay. Where the host has too many connections it is accepted and closed.
  LoopbackClient connect(const engine::HostAddress& from, engine::Duration delay = {});

  // Does the next thing there is to do at this instant. False if there is none.
  bool step();
  // Does everything there is to do at this instant.
  void settle();
  // Lets time pass, and does on the way whatever becomes due, in order.
  void advance(engine::Duration duration);
  // When there is next something to do; kNever if nothing is foreseen.
  engine::Instant next_event() const;
  // Lets time pass while nothing happens. REQUIRES: `when` is neither past nor after next_event().
  void skip_to(engine::Instant when);

  engine::Time time() const;
  // What became of changes, as the store says: see engine::Engine::resolve. Answers are released at
  // once, and sent in their connections' next turns.
  void resolve(engine::Ticket up_to, engine::Verdict verdict);

  // The wall clock is set forward or back. Monotonic time stays.
  void jump_wall(std::chrono::seconds by) { wall_jump_ += by; }

  // Requests that the engine has decided, of all clients there ever were.
  std::uint64_t answered() const;
  // Connections that the server holds.
  std::size_t connections() const { return connections_; }
  // Output that the network has not taken yet, of all connections.
  std::size_t waiting_output_bytes() const { return output_bytes_; }
  // Connections accepted and closed because their host had too many.
  std::uint64_t refused() const { return refused_; }
  // Connections closed because another one needed the place.
  std::uint64_t made_room() const { return made_room_; }

  // Asserts what must always hold of this and of the engine. Takes time in proportion.
  void check_invariants() const;

 private:
  friend class LoopbackClient;
  struct Connection;

  // Who takes a turn when: each connection has one, kNever if nothing is foreseen. Numbers only
  // grow, so equal instants are served in order of coming.
  struct Turn {
    engine::Instant when;
    std::uint64_t number;
    std::uint32_t connection;
    friend auto operator<=>(const Turn&, const Turn&) = default;
  };

  Connection& at(std::uint32_t number) { return *slots_[number]; }

  bool may_read(const Connection& connection) const;
  engine::Instant next_turn(Connection& connection) const;
  void reschedule(Connection& connection, bool took_turn = false);
  void take_turn(Connection& connection);
  void run_timer();

  void deliver(Connection& connection);
  void accept(Connection& connection);
  void make_room();
  void serve(Connection& connection);
  void take_input(Connection& connection);
  void flush(Connection& connection);
  void drain(Connection& connection);
  void reset_longest_waiting(Connection& last);
  void reset_by_server(Connection& connection);
  void leave(Connection& connection);
  void forget(std::uint32_t number);
  template <typename Call>
  void tell_engine(Connection& connection, Call call);

  engine::Engine& engine_;
  const LoopbackOptions options_;
  engine::Instant now_;
  std::chrono::seconds wall_jump_{0};

  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::set<Turn> turns_;
  std::uint64_t turns_given_ = 0;
  std::uint64_t consecutive_timers_ = 0;
  std::map<engine::SessionId, std::uint32_t> by_session_;
  std::unordered_map<std::uint64_t, std::size_t> by_host_;

  std::size_t connections_ = 0;
  std::size_t output_bytes_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t made_room_ = 0;
};

}  // namespace rollcall::transport
