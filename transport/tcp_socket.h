#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/host_address.h"
#include "engine/wire/address_text.h"

// The system calls of the TCP transport: none of them blocks, and each has only the outcomes that
// make a difference.

namespace rollcall::transport {

// A connection's socket, which is closed with it. It is none of Asio's: those are watched by Asio's
// loop, whoever else watches them.
class TcpSocket {
 public:
  // Takes over `descriptor`, which is non-blocking.
  explicit TcpSocket(int descriptor) : descriptor_(descriptor) {}
  TcpSocket(TcpSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  TcpSocket& operator=(TcpSocket&&) = delete;
  ~TcpSocket() { close(); }

  int descriptor() const { return descriptor_; }

  // What is sent leaves at once, and a client that vanished is noticed some time.
  void set_options();
  // False if the connection is lost.
  [[nodiscard]] bool end_sending();
  void close();
  // What waits in the system is dropped, and the other side sees a reset.
  void close_with_reset();

 private:
  int descriptor_;  // -1: closed
};

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

Received receive_now(const TcpSocket& socket, std::span<std::byte> buffer);

// Returns how many bytes the system took, 0 if it takes none at present; empty if the connection is
// lost. REQUIRES: `text` is not empty.
std::optional<std::size_t> send_now(const TcpSocket& socket, std::string_view text);

// Bytes that were sent have not been acknowledged, or bytes that arrived have not been read: to
// close now could lose answers.
bool has_bytes_under_way(const TcpSocket& socket);

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
