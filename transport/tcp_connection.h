#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/engine.h"
#include "engine/host_address.h"
#include "engine/output_buffer.h"
#include "transport/ready_sockets.h"
#include "transport/tcp_socket.h"

namespace rollcall::transport {

// Where a connection is in its life.
//
//   serving ──► flushing ──► draining ──► closed
//      │            │   the client has ended its    ▲
//      │            └─── stream: nothing to drain ──┤
//      └──────────── lost, reset, stopped ──────────┘
enum class TcpStage : std::uint8_t {
  kServing,   // what arrives goes to the engine
  kFlushing,  // nothing more is interpreted; the last answers are on their way
  kDraining,  // our side of the stream has ended; what still arrives is dropped
  kClosed,    // the socket is closed
};

// A connection's own memory, kept small: there may be very many idle ones, whose buffers are empty
// and take nothing.
struct TcpConnection {
  TcpConnection(TcpSocket&& accepted, const engine::HostAddress& from, engine::SessionId opened)
      : socket(std::move(accepted)), host(from), session(opened) {}

  // Bytes that arrived and that the engine has not taken yet, because too much output waits: until
  // it has, nothing more is read.
  bool is_held() const { return !unread.empty(); }

  TcpSocket socket;
  const engine::HostAddress host;
  const engine::SessionId session;
  TcpStage stage = TcpStage::kServing;
  bool client_has_ended = false;  // its stream was read to the end
  Interest watched;               // what the system is to tell of it
  // The system takes nothing more to send, until it says so.
  bool waits_writable = false;
  std::uint32_t drained_bytes = 0;
  engine::OutputBuffer output;
  engine::OutputBuffer unread;
  // The memory of both buffers, as last counted in the worker's total.
  std::size_t counted_bytes = 0;
};

}  // namespace rollcall::transport
