#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "engine/host_address.h"
#include "engine/wire/address_text.h"

// The system calls of the TCP transport: none of them blocks, and each has only the outcomes that
// make a difference.

namespace rollcall::transport {

// With the executor's type known, a socket is half as large and its operations make no virtual
// call.
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using TcpListener = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

asio::ip::tcp::endpoint to_asio(const engine::Endpoint& endpoint);
engine::Endpoint from_asio(const asio::ip::tcp::endpoint& endpoint);

enum class ReceiveOutcome : std::uint8_t {
  kBytes,
  kNothing,  // nothing has arrived
  kEndOfStream,
  kLost,  // the connection was reset, timed out or the like
};

struct Received {
  ReceiveOutcome outcome;
  std::size_t bytes = 0;  // more than zero for kBytes
};

Received receive_now(TcpSocket& socket, std::span<std::byte> buffer);

// Returns how many bytes the system took, 0 if it takes none at present; empty if the connection is
// lost. REQUIRES: `text` is not empty.
std::optional<std::size_t> send_now(TcpSocket& socket, std::string_view text);

// Bytes that were sent have not been acknowledged, or bytes that arrived have not been read: to
// close now could lose answers.
bool has_bytes_under_way(TcpSocket& socket);

// Closes with a reset: what waits in the system is dropped, and the other side sees that.
void close_with_reset(TcpSocket& socket);

enum class AcceptOutcome : std::uint8_t {
  kAccepted,
  kNothing,    // nobody waits
  kVanished,   // somebody came and went again, or could not be reached; there may be others
  kExhausted,  // there is no file or memory left
  kFailed,     // something that accept should not say
};

struct Accepted {
  AcceptOutcome outcome;
  int descriptor = -1;  // for kAccepted: non-blocking, and the caller's to close
  asio::ip::tcp::endpoint from;
  std::error_code error;  // for kExhausted and kFailed
};

Accepted accept_now(TcpListener& listener);

}  // namespace rollcall::transport
