// The floor of what a server costs: one thread that parses nothing and knows nobody. It counts line
// feeds, four to a Register, and answers Success to each. What Rollcall takes beyond this is the
// price of its protocol and its list; this is the price of the system calls.
//
// Usage: do_nothing_server [PORT [LINE_FEEDS [ANSWER_BYTES]]]. Listens on 127.0.0.1, on a port that
// the system picks if PORT is 0 or left out, prints it, and ends on SIGTERM or SIGINT. Each
// LINE_FEEDS (4) are a request: 3 to a KeepAlive or a PQuery, 4 to a Register or a PQuery with
// Limit. To compare with lists, answers are filled up to ANSWER_BYTES.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rollcall::bench {
namespace {

constexpr std::string_view kAnswer = "Response 20 P2Pv1\n\nSuccess\n";
constexpr std::size_t kReadBytesMax = 65536;
// Answers are sent from a row of so many bytes at least, so that those to all that was read mostly
// leave in one call.
constexpr std::size_t kAnswerRowBytesMin = std::size_t{1} << 20;
constexpr std::size_t kLineFeedsMax = 100;
constexpr std::size_t kAnswerBytesMax = std::size_t{1} << 20;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(EX_OSERR);
}

int checked(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

std::size_t count_line_feeds(std::string_view text) {
  constexpr std::uint64_t kLow = 0x7F7F7F7F'7F7F7F7F;
  constexpr std::uint64_t kLineFeeds = 0x0A0A0A0A'0A0A0A0A;
  std::size_t count = 0;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    word ^= kLineFeeds;
    // The high bit of each byte that is zero; no sum carries into the next byte.
    count += static_cast<std::size_t>(std::popcount(~(((word & kLow) + kLow) | word | kLow)));
  }
  for (const char c : text) count += c == '\n';
  return count;
}

struct Work {
  std::uint16_t port = 0;
  std::size_t line_feeds = 4;
  std::size_t answer_bytes = kAnswer.size();
};

std::string answer_of(std::size_t bytes) {
  std::string answer(kAnswer.substr(0, kAnswer.size() - 1));
  answer.resize(bytes - 1, '-');
  return answer + '\n';
}

struct Connection {
  std::size_t line_feeds = 0;    // of a request that has not ended
  std::size_t unsent_bytes = 0;  // of answers, the last of them whole
};

class Server {
 public:
  explicit Server(const Work& work)
      : line_feeds_(work.line_feeds), answer_bytes_(work.answer_bytes) {
    const std::string answer = answer_of(answer_bytes_);
    while (answers_.size() < kAnswerRowBytesMin) answers_ += answer;
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(work.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    checked(listen(listener_, SOMAXCONN), "listen");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    checked(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
  }

  // Returns when `stop` becomes readable.
  void serve_until(int stop) {
    watch(EPOLL_CTL_ADD, stop, EPOLLIN);
    std::array<epoll_event, 256> events;
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == stop) return;
        if (event.data.fd == listener_) {
          accept_one();
        } else {
          serve(event.data.fd);
        }
      }
    }
  }

 private:
  void watch(int operation, int file, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = file;
    checked(epoll_ctl(epoll_, operation, file, &event), "epoll_ctl");
  }

  void accept_one() {
    const int file = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (file < 0) return;
    const int on = 1;
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() <= static_cast<std::size_t>(file)) {
      connections_.resize(static_cast<std::size_t>(file) + 1);
    }
    connections_[static_cast<std::size_t>(file)] = {};
    watch(EPOLL_CTL_ADD, file, EPOLLIN);
  }

  void serve(int file) {
    Connection& connection = connections_[static_cast<std::size_t>(file)];
    const bool was_waiting = connection.unsent_bytes > 0;
    bool is_alive = true;
    if (was_waiting) {
      is_alive = send_answers(file, connection);
    } else {
      is_alive = receive(file, connection) && send_answers(file, connection);
    }
    if (!is_alive) {
      close(file);
      return;
    }
    // While answers wait, nothing more is read.
    const bool is_waiting = connection.unsent_bytes > 0;
    if (is_waiting != was_waiting) watch(EPOLL_CTL_MOD, file, is_waiting ? EPOLLOUT : EPOLLIN);
  }

  bool receive(int file, Connection& connection) {
    const ssize_t bytes = recv(file, buffer_.data(), buffer_.size(), 0);
    if (bytes < 0) return errno == EAGAIN || errno == EINTR;
    if (bytes == 0) return false;
    connection.line_feeds += count_line_feeds({buffer_.data(), static_cast<std::size_t>(bytes)});
    connection.unsent_bytes = connection.line_feeds / line_feeds_ * answer_bytes_;
    connection.line_feeds %= line_feeds_;
    return true;
  }

  bool send_answers(int file, Connection& connection) {
    while (connection.unsent_bytes > 0) {
      // The first may have been sent in part, and the row may be too short for all of them.
      const std::size_t rest = connection.unsent_bytes % answer_bytes_;
      const std::size_t start = rest == 0 ? 0 : answer_bytes_ - rest;
      const std::size_t size = std::min(connection.unsent_bytes, answers_.size() - start);
      const ssize_t bytes = send(file, answers_.data() + start, size, MSG_NOSIGNAL);
      if (bytes < 0) return errno == EAGAIN || errno == EINTR;
      connection.unsent_bytes -= static_cast<std::size_t>(bytes);
      if (static_cast<std::size_t>(bytes) < size) break;
    }
    return true;
  }

  const std::size_t line_feeds_;  // of a request
  const std::size_t answer_bytes_;
  int epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int listener_ = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  std::vector<Connection> connections_;  // by file number
  std::vector<char> buffer_ = std::vector<char>(kReadBytesMax);
  std::string answers_;
};

// Readable once SIGTERM or SIGINT has come.
int stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  checked(sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
  return checked(signalfd(-1, &signals, SFD_CLOEXEC), "signalfd");
}

std::optional<std::size_t> parse_number(std::string_view text, std::size_t min, std::size_t max) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && number >= min && number <= max ? std::optional(number) : std::nullopt;
}

// Empty if the arguments are no good.
std::optional<Work> parse(const std::vector<std::string>& arguments) {
  const auto argument = [&](std::size_t i, std::size_t otherwise, std::size_t min,
                            std::size_t max) {
    return i < arguments.size() ? parse_number(arguments[i], min, max) : otherwise;
  };
  const auto port = argument(0, 0, 0, 65535);
  const auto line_feeds = argument(1, Work().line_feeds, 1, kLineFeedsMax);
  const auto bytes = argument(2, kAnswer.size(), kAnswer.size(), kAnswerBytesMax);
  if (!port || !line_feeds || !bytes || arguments.size() > 3) return std::nullopt;
  return Work{static_cast<std::uint16_t>(*port), *line_feeds, *bytes};
}

int main_of(const std::vector<std::string>& arguments) {
  const std::optional<Work> work = parse(arguments);
  if (!work) {
    std::fputs("usage: do_nothing_server [PORT [LINE_FEEDS [ANSWER_BYTES]]]\n", stderr);
    return EX_USAGE;
  }
  const int stop = stop_signals();
  Server server(*work);
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  server.serve_until(stop);
  return EX_OK;
}

}  // namespace
}  // namespace rollcall::bench

int main(int argc, char** argv) {
  return rollcall::bench::main_of({argv + (argc > 0 ? 1 : 0), argv + argc});
}
