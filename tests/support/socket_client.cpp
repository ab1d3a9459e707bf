#include "tests/support/socket_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace rollcall::tests {
namespace {

constexpr time_t kPatienceSeconds = 20;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct SystemAddress {
  explicit SystemAddress(const engine::Endpoint& endpoint) {
    if (endpoint.host.is_v4()) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(endpoint.port);
      std::memcpy(&v4.sin_addr, endpoint.host.bytes.data() + 12, sizeof v4.sin_addr);
      fill(v4);
    } else {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(endpoint.port);
      std::memcpy(&v6.sin6_addr, endpoint.host.bytes.data(), sizeof v6.sin6_addr);
      fill(v6);
    }
  }

  template <typename Address>
  void fill(const Address& address) {
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

void set_option(int descriptor, int level, int option, int value) {
  if (::setsockopt(descriptor, level, option, &value, sizeof value) != 0) fail("setsockopt");
}

}  // namespace

SocketClient::SocketClient(const engine::Endpoint& server, const Options& options) {
  const SystemAddress to(server);
  descriptor_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) fail("socket");
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  set_option(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.receive_buffer_bytes > 0) {
    set_option(descriptor_, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  }
  if (options.from != engine::HostAddress{}) {
    const SystemAddress from({options.from, 0});
    if (::bind(descriptor_, from.get(), from.size) != 0) fail("bind");
  }
  if (::connect(descriptor_, to.get(), to.size) != 0) fail("connect");
}

SocketClient::~SocketClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

SocketClient::SocketClient(SocketClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), was_reset_(other.was_reset_) {}

void SocketClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t SocketClient::send_some(std::string_view bytes) {
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == ECONNRESET || errno == EPIPE)) was_reset_ = true;
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

void SocketClient::half_close() { ::shutdown(descriptor_, SHUT_WR); }

void SocketClient::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(descriptor_, -1));
}

std::string SocketClient::receive(std::size_t bytes) {
  std::string received;
  std::array<char, 65536> buffer;
  while (received.size() < bytes) {
    const std::size_t wanted = std::min(bytes - received.size(), buffer.size());
    const ssize_t got = ::recv(descriptor_, buffer.data(), wanted, 0);
    if (got > 0) {
      received.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      break;
    } else if (errno == ECONNRESET) {
      was_reset_ = true;
      break;
    } else if (errno != EINTR) {
      fail(("nothing more comes after `" + received.substr(0, 200) + "`").c_str());
    }
  }
  return received;
}

void SocketClient::receive_exactly(std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (got == 0) throw std::runtime_error("the stream has ended");
    if (got < 0 && errno != EINTR) fail("recv");
    if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

std::string register_request(std::string_view nick, unsigned port) {
  return "Register P2Pv1\n\n" + std::string(nick) + '\n' + std::to_string(port) + '\n';
}

}  // namespace rollcall::tests
