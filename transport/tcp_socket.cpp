#include "transport/tcp_socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rollcall::transport {
namespace {

bool says_try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

AcceptOutcome accept_outcome(int error) {
  switch (error) {
    case EAGAIN:
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK:
#endif
      return AcceptOutcome::kNothing;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return AcceptOutcome::kExhausted;
    // accept(2): Linux hands over errors that are pending on the new connection.
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:  // a firewall rule
    case ETIMEDOUT:
      return AcceptOutcome::kVanished;
    default:
      return AcceptOutcome::kFailed;
  }
}

}  // namespace

asio::ip::tcp::endpoint to_asio(const engine::Endpoint& endpoint) {
  if (endpoint.host.is_v4()) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(endpoint.host.bytes.begin() + 12, bytes.size(), bytes.begin());
    return {asio::ip::address_v4(bytes), endpoint.port};
  }
  return {asio::ip::address_v6(endpoint.host.bytes), endpoint.port};
}

engine::Endpoint from_asio(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {engine::HostAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]), endpoint.port()};
  }
  // The bytes are without zone, and ::ffff:a.b.c.d already is the form of an IPv4 host.
  return {engine::HostAddress{address.to_v6().to_bytes()}, endpoint.port()};
}

void TcpSocket::set_options() {
  // Neither is worth a refusal.
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool TcpSocket::end_sending() { return ::shutdown(descriptor_, SHUT_WR) == 0; }

void TcpSocket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void TcpSocket::close_with_reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

Received receive_now(const TcpSocket& socket, std::span<std::byte> buffer) {
  const ssize_t received = ::recv(socket.descriptor(), buffer.data(), buffer.size(), 0);
  if (received > 0) return {ReceiveOutcome::kBytes, static_cast<std::size_t>(received)};
  if (received == 0) return {ReceiveOutcome::kEndOfStream};
  return {says_try_again(errno) ? ReceiveOutcome::kNothing : ReceiveOutcome::kLost};
}

std::optional<std::size_t> send_now(const TcpSocket& socket, std::string_view text) {
  const ssize_t sent = ::send(socket.descriptor(), text.data(), text.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (says_try_again(errno)) return 0;
  return std::nullopt;
}

bool has_bytes_under_way(const TcpSocket& socket) {
  int unacknowledged = 0;
  int unread = 0;
  const int descriptor = socket.descriptor();
  return ::ioctl(descriptor, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged != 0 ||
         ::ioctl(descriptor, SIOCINQ, &unread) != 0 || unread != 0;
}

Accepted accept_now(TcpListener& listener) {
  Accepted accepted{};
  socklen_t size = static_cast<socklen_t>(accepted.from.capacity());
  accepted.descriptor = ::accept4(listener.native_handle(), accepted.from.data(), &size,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted.descriptor >= 0) {
    accepted.from.resize(size);
    accepted.outcome = AcceptOutcome::kAccepted;
    return accepted;
  }
  accepted.error = std::error_code(errno, std::system_category());
  accepted.outcome = accept_outcome(errno);
  return accepted;
}

}  // namespace rollcall::transport
