#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "engine/host_address.h"
#include "engine/wire/address_text.h"

namespace rollcall::tests {

// A client that does one thing after the other over TCP. Each call that waits throws after some
// seconds; only a test that fails waits that long.
class SocketClient {
 public:
  struct Options {
    // Where it connects from; the server's own host if this is all zero.
    engine::HostAddress from{};
    // How much the system takes in for it while it does not read; 0 leaves that to the system.
    int receive_buffer_bytes = 0;
  };

  explicit SocketClient(const engine::Endpoint& server) : SocketClient(server, Options{}) {}
  SocketClient(const engine::Endpoint& server, const Options& options);
  ~SocketClient();
  SocketClient(SocketClient&& other) noexcept;
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;

  // Sends all of it. Throws if the connection is gone.
  void send(std::string_view bytes);
  // Sends what the system takes at once, and returns how much that was; 0 also if the connection is
  // gone.
  std::size_t send_some(std::string_view bytes);
  void half_close();
  // Closes as a client does that crashes.
  void reset();

  // Waits for so many bytes; fewer if the stream ends before.
  std::string receive(std::size_t bytes);
  // Waits for the end of the stream and returns what came before it.
  std::string receive_to_end() { return receive(static_cast<std::size_t>(-1)); }
  // Waits until `bytes` is full; throws if the stream ends before. Allocates nothing.
  void receive_exactly(std::span<char> bytes);
  // A call has met a reset.
  bool was_reset() const { return was_reset_; }

 private:
  int descriptor_ = -1;
  bool was_reset_ = false;
};

// A request of the kind that line feeds end.
std::string register_request(std::string_view nick, unsigned port);

// The answers to it.
inline constexpr std::string_view kSuccess = "Response 20 P2Pv1\n\nSuccess";
inline constexpr std::string_view kSuccessLine = "Response 20 P2Pv1\n\nSuccess\n";

}  // namespace rollcall::tests
