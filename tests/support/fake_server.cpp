#include "tests/support/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace rollcall::tests {
namespace {

constexpr int kPatienceMs = 20'000;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void await(int descriptor, short events) {
  pollfd awaited{.fd = descriptor, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&awaited, 1, kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) throw std::runtime_error("the client does nothing");
}

}  // namespace

FakeConnection::FakeConnection(FakeConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

std::string FakeConnection::receive(std::size_t bytes) {
  std::string received;
  std::array<char, 4096> buffer;
  while (received.size() < bytes) {
    await(descriptor_, POLLIN);
    const std::size_t wanted = std::min(buffer.size(), bytes - received.size());
    const ssize_t count = ::recv(descriptor_, buffer.data(), wanted, 0);
    if (count <= 0) break;
    received.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return received;
}

void FakeConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    await(descriptor_, POLLOUT);
    const ssize_t count =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void FakeConnection::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void FakeConnection::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) {
    fail("setsockopt");
  }
  close();
}

FakeServer::FakeServer() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any_address = reinterpret_cast<sockaddr*>(&address);
  if (::bind(descriptor_, any_address, size) != 0) fail("bind");
  if (::listen(descriptor_, SOMAXCONN) != 0) fail("listen");
  if (::getsockname(descriptor_, any_address, &size) != 0) fail("getsockname");
  port_ = ntohs(address.sin_port);
}

FakeServer::~FakeServer() { ::close(descriptor_); }

FakeConnection FakeServer::accept() {
  await(descriptor_, POLLIN);
  const int connection = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection < 0) fail("accept");
  return FakeConnection(connection);
}

bool FakeServer::has_client() const {
  pollfd awaited{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return ::poll(&awaited, 1, 0) > 0;
}

}  // namespace rollcall::tests
