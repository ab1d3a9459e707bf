#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rollcall::tests {

// A server's end of a connection, played by a test. Each call that waits throws after some seconds;
// only a test that fails waits that long.
class FakeConnection {
 public:
  explicit FakeConnection(int descriptor) : descriptor_(descriptor) {}
  ~FakeConnection() { close(); }
  FakeConnection(FakeConnection&& other) noexcept;
  FakeConnection(const FakeConnection&) = delete;
  FakeConnection& operator=(const FakeConnection&) = delete;

  // Waits for so many bytes; fewer if the stream ends before.
  std::string receive(std::size_t bytes);
  // Sends as much of it as the client takes before it goes away.
  void send(std::string_view bytes);
  void close();
  // Closes as a server does that crashes.
  void reset();

 private:
  int descriptor_;
};

// Listens on 127.0.0.1, on a port that the system picks, and answers whatever a test tells it to.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  // `127.0.0.1:40321`
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Waits for a client.
  FakeConnection accept();
  // Whether a client waits to be accepted.
  bool has_client() const;

 private:
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace rollcall::tests
