// The floor of what a server costs: one thread that parses nothing and knows nobody. It counts line
// feeds, four to a Register, and answers Success to each. What Rollcall takes beyond this is the
// price of its protocol and its list; this is the price of the system calls.
//
// Usage: do_nothing_server [PORT [LINE_FEEDS [ANSWER_BYTES [PEERS]]]]. Listens on 127.0.0.1, on a
// port that the system picks if PORT is 0 or left out, prints it, and ends on SIGTERM or SIGINT.
// Each LINE_FEEDS (4) are a request: 3 to a KeepAlive or a PQuery, 4 to a Register or a PQuery with
// Limit. To compare with lists, answers are filled up to ANSWER_BYTES.
//
// With PEERS it also waits for memory as any list of so many has to, and still knows nobody: it
// looks each request up, and sends what is longer than the constant from somewhere in a text of
// them all, one place for the answers that leave together.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
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
#include <numeric>
#include <optional>
#include <random>
#include <span>
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
constexpr std::size_t kPeerTextBytes = 22;  // of a list's text
constexpr std::size_t kPeersMax = 100'000'000;
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

// The high bit of each of eight bytes that is a line feed.
std::uint64_t line_feeds_of(const char* bytes) {
  constexpr std::uint64_t kLow = 0x7F7F7F7F'7F7F7F7F;
  constexpr std::uint64_t kLineFeeds = 0x0A0A0A0A'0A0A0A0A;
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  word ^= kLineFeeds;
  // Of bytes that are zero; no sum carries into the next byte.
  return ~(((word & kLow) + kLow) | word | kLow);
}

std::size_t count_line_feeds(std::string_view text) {
  std::size_t count = 0;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    count += static_cast<std::size_t>(std::popcount(line_feeds_of(text.data())));
  }
  for (const char c : text) count += c == '\n';
  return count;
}

template <typename Act>
void for_each_line_feed(std::string_view text, Act act) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    for (auto rest = line_feeds_of(text.data() + at); rest != 0; rest &= rest - 1) {
      act(at + static_cast<std::size_t>(std::countr_zero(rest)) / 8);
    }
  }
  for (; at < text.size(); ++at) {
    if (text[at] == '\n') act(at);
  }
}

// Zeroed, and never given back.
template <typename T>
std::span<T> in_huge_pages(std::size_t count) {
  void* const mapped =
      mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) die("mmap");
  madvise(mapped, count * sizeof(T), MADV_HUGEPAGE);
  return {static_cast<T*>(mapped), count};
}

// What is left of a list that knows nobody: a hash names a slot of an index, the slot an entry, and
// that is written to. Those that come together wait for memory together, as in any good list. There
// is room for more than twice as many peers, so that most have a slot and an entry of their own.
class BareList {
 public:
  // REQUIRES: peers > 0.
  explicit BareList(std::size_t peers)
      : slots_(in_huge_pages<std::uint32_t>(std::bit_ceil(2 * peers))),
        entries_(in_huge_pages<Entry>(slots_.size())) {
    std::iota(slots_.begin(), slots_.end(), 0u);
    std::shuffle(slots_.begin(), slots_.end(), std::mt19937_64());
    std::memset(entries_.data(), 1, entries_.size_bytes());
  }

  // Looks up each request that ends in `text`, unless its last kKeyBytes are not all there. So many
  // line feeds of the first one, `before`, have come. Returns how many are in `text`.
  std::size_t look_up(std::string_view text, std::size_t before, std::size_t line_feeds) {
    found_.clear();
    std::size_t count = 0;
    std::size_t of_request = before;
    for_each_line_feed(text, [&](std::size_t at) {
      ++count;
      if (++of_request < line_feeds) return;
      of_request = 0;
      if (at >= kKeyBytes) find(text.data() + at - kKeyBytes);
    });
    for (const std::uint32_t* slot : found_) __builtin_prefetch(&entries_[*slot], 1, 1);
    for (const std::uint32_t* slot : found_) ++entries_[*slot].times;
    return count;
  }

 private:
  struct alignas(64) Entry {
    std::uint64_t times;
  };
  // In front of a request's last line feed: the nick of rollcall-load's, and the port.
  static constexpr std::size_t kKeyBytes = 24;

  void find(const char* key) {
    std::array<std::uint64_t, kKeyBytes / 8> words;
    std::memcpy(words.data(), key, sizeof words);
    std::uint64_t hash = 0;
    for (const std::uint64_t word : words) {
      hash = (hash ^ word) * 0x9E3779B97F4A7C15;
      hash ^= hash >> 32;
    }
    found_.push_back(&slots_[hash & (slots_.size() - 1)]);
    __builtin_prefetch(found_.back(), 0, 1);
  }

  std::span<std::uint32_t> slots_;
  std::span<Entry> entries_;
  std::vector<const std::uint32_t*> found_;
};

struct Work {
  std::uint16_t port = 0;
  std::size_t line_feeds = 4;
  std::size_t answer_bytes = kAnswer.size();
  std::size_t peers = 0;  // 0: no list
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
    if (work.peers > 0) list_.emplace(work.peers);
    const bool is_list_sent = list_ && answer_bytes_ > kAnswer.size();
    if (is_list_sent) starts_ = work.peers * kPeerTextBytes / answer_bytes_ + 1;
    while (answers_.size() < kAnswerRowBytesMin + starts_ * answer_bytes_) answers_ += answer;
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
    const std::string_view text(buffer_.data(), static_cast<std::size_t>(bytes));
    connection.line_feeds +=
        list_ ? list_->look_up(text, connection.line_feeds, line_feeds_) : count_line_feeds(text);
    connection.unsent_bytes = connection.line_feeds / line_feeds_ * answer_bytes_;
    connection.line_feeds %= line_feeds_;
    return true;
  }

  bool send_answers(int file, Connection& connection) {
    while (connection.unsent_bytes > 0) {
      // The first may have been sent in part, and the row may be too short for all of them.
      const std::size_t rest = connection.unsent_bytes % answer_bytes_;
      const std::size_t start =
          random_() % starts_ * answer_bytes_ + (rest == 0 ? 0 : answer_bytes_ - rest);
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
  std::optional<BareList> list_;
  std::string answers_;
  std::size_t starts_ = 1;  // answers of the row, with one of which what is sent may begin
  std::minstd_rand random_;
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
  const auto bytes = argument(2, 0, 0, kAnswerBytesMax);
  const auto peers = argument(3, 0, 0, kPeersMax);
  if (!port || !line_feeds || !bytes || !peers || arguments.size() > 4) return std::nullopt;
  return Work{static_cast<std::uint16_t>(*port), *line_feeds, std::max(*bytes, kAnswer.size()),
              *peers};
}

int main_of(const std::vector<std::string>& arguments) {
  const std::optional<Work> work = parse(arguments);
  if (!work) {
    std::fputs("usage: do_nothing_server [PORT [LINE_FEEDS [ANSWER_BYTES [PEERS]]]]\n", stderr);
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
