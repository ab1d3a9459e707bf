#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "apps/server_name.h"
#include "engine/cookie.h"
#include "engine/time.h"
#include "engine/wire/request.h"

namespace rollcall::apps {

// No answer came that means anything: nobody listens, the connection ended, time ran out, or what
// came is not the protocol. What it says may contain bytes of the server.
class ServerUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What a server said, and what it said it about.
struct Answer {
  engine::Method method = engine::Method::kRegister;
  std::uint16_t status = 0;
  bool is_success = false;
  std::optional<engine::Cookie> cookie;
  std::optional<std::uint64_t> total;
  std::string message;

  // `400 Bad message: not registered`
  std::string refusal() const { return std::to_string(status) + ' ' + message; }
};

// One connection to a server, and one request on it at a time. Waiting runs the loop, so that other
// handlers on it go on; only a name's resolution does not, and takes as long as the system lets it.
class Client {
 public:
  // `timeout` is for one exchange, connecting included.
  Client(asio::io_context& loop, ServerName server, engine::Duration timeout);

  const ServerName& server() const { return server_; }

  // Sends the request, after connecting if there is no connection, and returns the answer, whatever
  // it says. Throws ServerUnavailable; then there is no connection any more.
  Answer exchange(const engine::Request& request);

  bool is_connected() const { return socket_.is_open(); }
  void disconnect();

  // For waiting for its end. Nothing may be read from it.
  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  // An asynchronous operation and how it ended.
  struct Operation {
    bool is_over = false;
    std::error_code error;
    std::size_t bytes = 0;
  };

  void connect(Deadline deadline);
  void send(std::string_view text, Deadline deadline);
  Answer receive(const engine::Request& request, Deadline deadline);
  void finish(Operation& operation, Deadline deadline);
  [[noreturn]] void fail(const std::string& what);

  asio::io_context& loop_;
  ServerName server_;
  engine::Duration timeout_;
  asio::ip::tcp::socket socket_;
};

}  // namespace rollcall::apps
