#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/wire/address_text.h"
#include "tests/support/seeded_random.h"
#include "tests/support/transport_under_test.h"
#include "transport/tcp_server.h"

namespace rollcall::tests {
namespace {

using engine::Endpoint;
using engine::HostAddress;
using namespace std::chrono_literals;

// How long a test waits for what should come at once. Only a test that fails waits that long.
constexpr auto kPatience = 20s;

constexpr HostAddress kIpv4Loopback = HostAddress::v4(127, 0, 0, 1);
constexpr HostAddress kIpv6Loopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Socket {
 public:
  explicit Socket(int family) : descriptor_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (descriptor_ < 0) fail("socket");
  }
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int get() const { return descriptor_; }
  void close() { ::close(std::exchange(descriptor_, -1)); }

  void set(int level, int option, int value) const {
    if (::setsockopt(descriptor_, level, option, &value, sizeof value) != 0) fail("setsockopt");
  }

 private:
  int descriptor_;
};

// An endpoint as the system calls know it.
struct SystemAddress {
  explicit SystemAddress(const Endpoint& endpoint) {
    const auto& bytes = endpoint.host.bytes;
    if (endpoint.host.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(endpoint.port);
      std::memcpy(&v4.sin_addr, bytes.data() + 12, 4);
      length = sizeof v4;
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(endpoint.port);
      std::memcpy(&v6.sin6_addr, bytes.data(), 16);
      length = sizeof v6;
    }
  }

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t length = 0;
};

bool has_ipv6_loopback() {
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const SystemAddress any_port({kIpv6Loopback, 0});
  const bool bound = ::bind(descriptor, any_port.get(), any_port.length) == 0;
  ::close(descriptor);
  return bound;
}

class TcpClientUnderTest final : public ClientUnderTest {
 public:
  TcpClientUnderTest(const HostAddress& from, const Endpoint& server)
      : socket_(SystemAddress(server).family()) {
    const SystemAddress source({from, 0});
    const SystemAddress destination(server);
    // The port is picked on connecting, so that a port can serve several destinations.
    socket_.set(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    socket_.set(IPPROTO_TCP, TCP_NODELAY, 1);
    if (::bind(socket_.get(), source.get(), source.length) != 0) fail("bind");
    if (::connect(socket_.get(), destination.get(), destination.length) != 0) fail("connect");
  }

  // Reads while it sends, so that two sides that both wait for the other to read cannot meet.
  void send(std::string_view bytes) override {
    while (!bytes.empty() && state_ != ClientState::kReset) {
      const ssize_t sent =
          ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (!wait_for(POLLOUT)) throw std::runtime_error("the server does not read");
        look();
      } else {
        return;  // the connection is gone
      }
    }
  }

  void half_close() override { ::shutdown(socket_.get(), SHUT_WR); }

  void reset() override {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0) {
      fail("SO_LINGER");
    }
    socket_.close();
    state_ = ClientState::kReset;
  }

  void stop_reading() override { reads_ = false; }
  void read_on() override { reads_ = true; }

  bool await_more() override {
    const std::size_t before = received_.size();
    if (state_ != ClientState::kOpen || !reads_ || !wait_for(POLLIN)) return false;
    look();
    return received_.size() > before || state_ != ClientState::kOpen;
  }

  void look() override {
    while (state_ == ClientState::kOpen && reads_) {
      std::array<char, 65536> buffer;
      const ssize_t bytes = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (bytes > 0) {
        received_.append(buffer.data(), static_cast<std::size_t>(bytes));
      } else if (bytes == 0) {
        state_ = ClientState::kEnded;
      } else if (errno == EAGAIN) {
        return;
      } else {
        state_ = ClientState::kReset;
      }
    }
  }

 private:
  // Whether the socket became ready for one of `events`, or for reading. False after kPatience.
  bool wait_for(short events) const {
    pollfd descriptor{.fd = socket_.get(), .events = events, .revents = 0};
    if (reads_) descriptor.events |= POLLIN;
    constexpr int kMilliseconds = std::chrono::milliseconds(kPatience).count();
    int ready = 0;
    do {
      ready = ::poll(&descriptor, 1, kMilliseconds);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  Socket socket_;
  bool reads_ = true;
};

class TcpUnderTest final : public TransportUnderTest {
 public:
  TcpUnderTest(const ServerOptions& options, unsigned threads)
      : has_ipv6_(has_ipv6_loopback()),
        random_(options.seed),
        registry_(options.registry, random_),
        server_(registry_, options.engine, tcp_options(options, threads), random_, nullptr,
                options.changes) {
    if (const auto error = server_.listen()) throw std::system_error(error->error, "listen");
    server_.start();
  }

  std::unique_ptr<ClientUnderTest> connect(const HostAddress& from) override {
    return std::make_unique<TcpClientUnderTest>(from, server_.endpoints()[from.is_v4() ? 0 : 1]);
  }
  bool can_play(const HostAddress& host) const override {
    return host.is_v4() ? host.bytes[12] == 127 : has_ipv6_ && host == kIpv6Loopback;
  }

  void pass(engine::Duration duration) override { std::this_thread::sleep_for(duration); }
  bool has_exact_time() const override { return false; }

  void resolve(engine::Ticket up_to, engine::Verdict verdict) override {
    server_.resolve(up_to, verdict);
  }

  engine::EngineCounters counters() const override { return server_.counters().engine; }
  std::size_t connections() const override { return server_.counters().connections_open; }
  void check_invariants() const override { registry_.check_invariants(); }

 private:
  transport::TcpOptions tcp_options(const ServerOptions& options, unsigned threads) const {
    transport::TcpOptions tcp;
    tcp.listen.push_back({kIpv4Loopback, 0});
    if (has_ipv6_) tcp.listen.push_back({kIpv6Loopback, 0});
    tcp.threads = threads;
    tcp.quiet = options.quiet;
    tcp.connections_max = options.connections_max;
    tcp.connections_per_host_max = options.connections_per_host_max;
    tcp.output_stall = options.output_stall;
    tcp.output_total_max = options.output_total_max;
    return tcp;
  }

  const bool has_ipv6_;
  SeededRandom random_;
  engine::Registry registry_;
  transport::TcpServer server_;
};

}  // namespace

std::unique_ptr<TransportUnderTest> make_tcp(const ServerOptions& options, unsigned threads) {
  return std::make_unique<TcpUnderTest>(options, threads);
}

}  // namespace rollcall::tests
