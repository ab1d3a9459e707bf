#pragma once

#include <sys/epoll.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "transport/tcp_socket.h"

namespace rollcall::transport {

// What a connection waits for.
struct Interest {
  bool readable = false;
  bool writable = false;

  friend bool operator==(const Interest&, const Interest&) = default;
};

struct ReadySocket {
  std::uint32_t number;
  Interest ready;        // both, if the connection is lost
  bool is_lost = false;  // reset, or both sides have ended it; told whatever the interest is
};

// The sockets of one thread, and which of them are ready: many are told with one system call, and a
// socket that goes on waiting for the same needs none. Asio's own waits take one for each socket
// each time, a seventh of what a small request costs. So the sockets are in an epoll(7) set of
// their own, level-triggered, and Asio waits for that set.
class ReadySockets {
 public:
  // Told at a time. Everybody else waits meanwhile.
  static constexpr std::size_t kAtATime = 128;

  // Throws std::system_error where the system has no more files.
  explicit ReadySockets(asio::io_context& context);

  // Without interest in anything. A socket that is closed is in no set. Error: the system's limits.
  std::error_code add(const TcpSocket& socket, std::uint32_t number);
  // REQUIRES: it was added.
  void change(const TcpSocket& socket, std::uint32_t number, Interest interest);

  // Those that are ready, valid until the next call; each is told again while it is. Never waits.
  std::span<const ReadySocket> take();

  // Calls `handler` with an error code, as Asio does, when `take` has something.
  template <typename Handler>
  void async_wait(Handler handler) {
    set_.async_wait(Set::wait_read, std::move(handler));
  }
  void cancel();

 private:
  using Set = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  Set set_;
  std::array<epoll_event, kAtATime> events_{};
  std::array<ReadySocket, kAtATime> ready_{};
};

}  // namespace rollcall::transport
