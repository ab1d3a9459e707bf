#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "engine/time.h"
#include "transport/loopback.h"

// What tests want of a transport, so that one test runs over each of them.

namespace rollcall::tests {

using transport::ClientState;

struct ServerOptions {
  engine::RegistryOptions registry;
  engine::EngineOptions engine;
  engine::Duration quiet = engine::limits::kDefaultQuiet;
  std::size_t connections_max = engine::limits::kDefaultConnectionsMax;
  std::size_t connections_per_host_max = engine::limits::kDefaultConnectionsPerHostMax;
  engine::Duration output_stall = engine::limits::kOutputStall;
  std::size_t output_total_max = engine::limits::kOutputTotalMax;  // a thread's
  // Null where answers wait for no store.
  engine::ChangeLog* changes = nullptr;
  // Of the seeded source that takes the place of the system's randomness.
  std::uint64_t seed = 1;
};

// A client's end of a connection. It reads whatever comes, unless it is told not to.
class ClientUnderTest {
 public:
  virtual ~ClientUnderTest() = default;

  // Sends `bytes`, all of them unless the connection is gone.
  virtual void send(std::string_view bytes) = 0;
  // Shuts down its sending side.
  virtual void half_close() = 0;
  // Closes the connection as a client does that crashes.
  virtual void reset() = 0;

  virtual void stop_reading() = 0;
  virtual void read_on() = 0;

  // Waits until more bytes came or the stream ended, and says whether that happened. False when
  // nothing more is to be expected unless time passes or something is sent: over loopback that is
  // known at once, over TCP it is believed after some seconds.
  virtual bool await_more() = 0;
  // Takes in what has come, without waiting.
  virtual void look() = 0;

  // What came and was not taken yet.
  const std::string& received() const { return received_; }
  void take(std::size_t bytes) { received_.erase(0, bytes); }
  // What is known of the connection when everything received was taken.
  ClientState state() const { return state_; }

  // Waits for `bytes` bytes and takes them; fewer if that is all that comes.
  std::string await(std::size_t bytes) {
    while (received_.size() < bytes && await_more()) {
    }
    std::string taken = received_.substr(0, bytes);
    take(taken.size());
    return taken;
  }

  // Waits for the end of the stream and takes what came before it.
  std::string await_end() {
    while (state_ == ClientState::kOpen && await_more()) {
    }
    return await(received_.size());
  }

 protected:
  std::string received_;
  ClientState state_ = ClientState::kOpen;
};

// A server behind a transport.
class TransportUnderTest {
 public:
  virtual ~TransportUnderTest() = default;

  virtual std::unique_ptr<ClientUnderTest> connect(const engine::HostAddress& from) = 0;
  // Whether a connection can come from there.
  virtual bool can_play(const engine::HostAddress& host) const = 0;

  // Lets time pass. Where time is not ours that means to wait, so what takes longer than `can_pass`
  // allows is left to transports whose time is a variable.
  virtual void pass(engine::Duration duration) = 0;
  virtual bool has_exact_time() const = 0;
  bool can_pass(engine::Duration duration) const {
    return has_exact_time() || duration <= std::chrono::milliseconds(1500);
  }

  // What became of changes.
  virtual void resolve(engine::Ticket up_to, engine::Verdict verdict) = 0;

  virtual engine::EngineCounters counters() const = 0;
  // Connections that the server holds.
  virtual std::size_t connections() const = 0;

  // Asserts what must always hold, as far as it can be looked at while the server runs. Takes time.
  virtual void check_invariants() const = 0;
};

std::unique_ptr<TransportUnderTest> make_loopback(const ServerOptions& options);

// Serves with `threads` threads on addresses of this machine and ports that the system picks; other
// hosts are played by 127.0.0.2 and so on.
std::unique_ptr<TransportUnderTest> make_tcp(const ServerOptions& options, unsigned threads = 1);

struct NamedTransport {
  std::string name;
  std::function<std::unique_ptr<TransportUnderTest>(const ServerOptions&)> make;

  friend void PrintTo(const NamedTransport& transport, std::ostream* out) {
    *out << transport.name;
  }
};

// Each kind of transport that must pass the conformance suites.
inline std::vector<NamedTransport> all_transports() {
  return {{"Loopback", make_loopback},
          {"Tcp", [](const ServerOptions& options) { return make_tcp(options, 1); }},
          {"TcpOnThreeThreads", [](const ServerOptions& options) { return make_tcp(options, 3); }}};
}

}  // namespace rollcall::tests
