#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>

#include "engine/host_address.h"
#include "engine/random.h"
#include "engine/registry/host_counts.h"
#include "transport/tcp_server.h"

namespace rollcall::transport {

enum class AdmissionOutcome : std::uint8_t {
  kAdmitted,
  kHostFull,  // the host has as many connections as one may have
};

// Counts the connections of all threads, in all and by host. Safe to use from several threads.
//
// The total may be over its limit, by the connections that came while the longest idle ones have
// not made room yet: the acceptor waits for that before it accepts another one.
class TcpAdmission {
 public:
  TcpAdmission(std::size_t connections_max, std::size_t per_host_max, engine::RandomSource& random);

  AdmissionOutcome admit(const engine::HostAddress& host);
  // An admitted connection is closed, and its file with it.
  void leave(const engine::HostAddress& host);

  std::size_t connections() const { return connections_.load(); }
  bool is_over_limit() const { return connections() > connections_max_; }

  // Has `room` called when the next connection leaves, once, on the thread where that happens. A
  // connection that leaves at the same time may be missed. `room` is set once, before any other
  // thread uses this.
  void set_room_callback(std::function<void()> room) { room_ = std::move(room); }
  void ask_for_room() { is_room_wanted_.store(true); }

 private:
  const std::size_t connections_max_;
  const std::size_t per_host_max_;
  engine::HostCounts by_host_;
  std::atomic<std::size_t> connections_{0};
  std::atomic<bool> is_room_wanted_{false};
  std::function<void()> room_;
};

// Counts events and passes them on. Safe to use from several threads.
class TcpEventCounters {
 public:
  explicit TcpEventCounters(TcpObserver* observer) : observer_(observer) {}

  void report(TcpEvent event, const std::optional<engine::HostAddress>& host,
              std::error_code error = {});
  std::array<std::uint64_t, kTcpEvents> counts() const;

 private:
  TcpObserver* observer_;
  std::array<std::atomic<std::uint64_t>, kTcpEvents> counts_{};
};

}  // namespace rollcall::transport
