#include "apps/load_generator.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/assert.h"
#include "engine/limits.h"

namespace rollcall::apps {
namespace {

using engine::Method;

constexpr std::string_view kSuccess = "Response 20 P2Pv1\n\nSuccess\n";
constexpr std::string_view kSuccess200 = "Response 200 P2Pv1\n\nSuccess\n";
// The longest list that any server may be told to answer with, and a head.
constexpr std::size_t kAnswerBytesMax =
    engine::limits::kAnswerPeersMax * engine::limits::kPeerTextBytesMax + 4096;
constexpr std::size_t kReadBytesMax = std::size_t{256} << 10;
// Reading every address of every list would measure this program. The others are only looked at
// from outside.
constexpr std::uint64_t kListsPerFullCheck = 16;
constexpr std::chrono::seconds kStall{10};
constexpr std::chrono::seconds kProgressInterval{1};

[[noreturn]] void fail(const std::string& what, int error) {
  throw LoadFailure(what + ": " + std::generic_category().message(error));
}

void set_flag(int file, int level, int option) {
  const int on = 1;
  // Without it the connection works as well.
  (void)setsockopt(file, level, option, &on, sizeof on);
}

// 127.1.0.1 for connection 0, 127.1.0.2 for 1, and so on.
sockaddr_in source_address(std::size_t number) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x7F010001u + static_cast<std::uint32_t>(number));
  return address;
}

}  // namespace

struct LoadGenerator::Connection {
  explicit Connection(int file_number) : file(file_number) {}
  ~Connection() { close(file); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int file;
  const LoadScript* script = nullptr;
  std::uint64_t requested = 0;  // requests handed over for sending since the script began
  std::uint64_t answered = 0;
  // The places of the next of each in the script, which may be played many times.
  std::size_t next_request = 0;
  std::size_t next_answer = 0;
  // When each unanswered request was sent, by its number modulo the size, a power of two.
  std::vector<Clock::time_point> sent_at;
  // Of the requests handed over, what the socket had no room for.
  std::string_view unsent;
  bool awaits_room = false;
  // The beginning of an answer whose rest has not come.
  std::string unread;

  void begin(const LoadScript& to_play) {
    script = &to_play;
    requested = answered = 0;
    next_request = next_answer = 0;
  }

  Clock::time_point& sent_at_of(std::uint64_t request) {
    return sent_at[request & (sent_at.size() - 1)];
  }

  std::size_t after(std::size_t place, std::size_t requests) const {
    const std::size_t next = place + requests;
    return next == script->size() ? 0 : next;
  }
};

LoadGenerator::LoadGenerator(const asio::ip::tcp::endpoint& server, std::size_t connections,
                             std::size_t in_flight, std::uint16_t limit)
    : in_flight_max_(in_flight),
      limit_(limit),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kAnswerBytesMax + kReadBytesMax) {
  if (epoll_ < 0) fail("epoll", errno);
  for (std::size_t i = 0; i < connections; ++i) connect(server, i);
}

LoadGenerator::~LoadGenerator() { close(epoll_); }

void LoadGenerator::connect(const asio::ip::tcp::endpoint& server, std::size_t number) {
  const int file = socket(server.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) fail("socket", errno);
  auto connection = std::make_unique<Connection>(file);
  if (server.address().is_v4() && server.address().is_loopback()) {
    const sockaddr_in source = source_address(number);
    // The port is then picked for the pair of addresses, of which there are enough.
    set_flag(file, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    if (bind(file, reinterpret_cast<const sockaddr*>(&source), sizeof source) < 0) {
      fail("cannot take a local address", errno);
    }
  }
  if (::connect(file, server.data(), static_cast<socklen_t>(server.size())) < 0) {
    fail("cannot connect", errno);
  }
  set_flag(file, IPPROTO_TCP, TCP_NODELAY);
  if (fcntl(file, F_SETFL, O_NONBLOCK) < 0) fail("fcntl", errno);
  connection->sent_at.resize(std::bit_ceil(in_flight_max_));
  watch(EPOLL_CTL_ADD, *connection, EPOLLIN);
  connections_.push_back(std::move(connection));
}

LoadResult LoadGenerator::play_once(const std::vector<LoadScript>& scripts,
                                    const Progress& progress) {
  plays_once_ = true;
  return play(scripts, std::nullopt, progress);
}

LoadResult LoadGenerator::play_for(const std::vector<LoadScript>& scripts, engine::Duration time,
                                   const Progress& progress) {
  plays_once_ = false;
  return play(scripts, time, progress);
}

LoadResult LoadGenerator::play(const std::vector<LoadScript>& scripts,
                               std::optional<engine::Duration> time, const Progress& progress) {
  const Clock::time_point start = Clock::now();
  Clock::time_point next_progress = start + kProgressInterval;
  begin_play(scripts);
  std::array<epoll_event, 256> events;
  while (in_flight_ > 0) {
    const Clock::time_point now = Clock::now();
    if (is_measuring_ && time && now - start >= *time) {
      is_measuring_ = is_sending_ = false;
      result_.time = now - start;
    }
    if (now >= next_progress) {
      progress(result_.answers, now - start);
      next_progress = now + kProgressInterval;
    }
    if (now - last_answer_ > kStall) throw LoadFailure("no answer for 10 seconds");
    // Wakes up now and then to look at the clock.
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 50);
    if (count < 0 && errno != EINTR) fail("epoll_wait", errno);
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
  }
  if (is_measuring_) result_.time = Clock::now() - start;
  return std::move(result_);
}

void LoadGenerator::begin_play(const std::vector<LoadScript>& scripts) {
  ROLLCALL_ASSERT(scripts.size() == connections_.size());
  result_ = {};
  is_measuring_ = is_sending_ = true;
  last_answer_ = Clock::now();
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    ROLLCALL_ASSERT(scripts[i].size() > 0);
    Connection& connection = *connections_[i];
    connection.begin(scripts[i]);
    send_due(connection);
  }
}

void LoadGenerator::handle(const epoll_event& event) {
  Connection& connection = *static_cast<Connection*>(event.data.ptr);
  if ((event.events & EPOLLOUT) != 0) send_unsent(connection);
  if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receive(connection);
  send_due(connection);
}

std::uint64_t LoadGenerator::due(const Connection& connection) const {
  if (!is_sending_) return 0;
  const std::uint64_t room = in_flight_max_ - (connection.requested - connection.answered);
  if (!plays_once_) return room;
  return std::min<std::uint64_t>(room, connection.script->size() - connection.requested);
}

void LoadGenerator::send_due(Connection& connection) {
  const LoadScript& script = *connection.script;
  std::uint64_t requests = due(connection);
  while (requests > 0 && connection.unsent.empty()) {
    const std::size_t first = connection.next_request;
    const std::size_t count = std::min<std::size_t>(requests, script.size() - first);
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < count; ++i) connection.sent_at_of(connection.requested + i) = now;
    connection.requested += count;
    connection.next_request = connection.after(first, count);
    in_flight_ += count;
    requests -= count;
    connection.unsent = script.text(first, first + count);
    send_unsent(connection);
  }
}

void LoadGenerator::send_unsent(Connection& connection) {
  if (!connection.unsent.empty()) {
    const ssize_t bytes =
        send(connection.file, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (bytes < 0 && errno != EAGAIN && errno != EINTR) fail("the server hung up", errno);
    connection.unsent.remove_prefix(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  }
  const bool awaits_room = !connection.unsent.empty();
  if (awaits_room == connection.awaits_room) return;
  connection.awaits_room = awaits_room;
  watch(EPOLL_CTL_MOD, connection, awaits_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void LoadGenerator::receive(Connection& connection) {
  const std::size_t unread = connection.unread.size();
  std::memcpy(buffer_.data(), connection.unread.data(), unread);
  const ssize_t bytes = recv(connection.file, buffer_.data() + unread, kReadBytesMax, 0);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes < 0) fail("the server hung up", errno);
  if (bytes == 0) throw LoadFailure("the server hung up");

  const Clock::time_point now = Clock::now();
  std::string_view text(buffer_.data(), unread + static_cast<std::size_t>(bytes));
  while (!text.empty()) {
    if (connection.answered == connection.requested) {
      throw LoadFailure("an answer that nobody asked for: " + std::string(text.substr(0, 60)));
    }
    const std::size_t length = take_answer(connection, text);
    if (length == 0) break;
    text.remove_prefix(length);
    count_answer(connection, now);
  }
  connection.unread.assign(text);
}

// Judges the answer at the beginning of `text` and returns its length; 0 if it is not all there.
std::size_t LoadGenerator::take_answer(const Connection& connection, std::string_view text) {
  const Method method = connection.script->method(connection.next_answer);
  if (method != Method::kPQuery) {
    if (text.starts_with(kSuccess)) return kSuccess.size();
    if (text.starts_with(kSuccess200)) return kSuccess200.size();
  }
  engine::ResponseParser parser(engine::AnswerFraming::kLineFeed, kAnswerBytesMax);
  switch (parser.advance(text)) {
    case engine::ResponseProgress::kIncomplete:
      return 0;
    case engine::ResponseProgress::kMalformed:
      throw LoadFailure("the server does not speak P2Pv1: " + std::string(text.substr(0, 60)));
    case engine::ResponseProgress::kComplete:
      break;
  }
  judge(parser.response(), method);
  return parser.length();
}

void LoadGenerator::judge(const engine::Response& response, Method method) {
  const bool is_right =
      response.is_success() &&
      (method == Method::kPQuery ? is_right_list(response) : response.message == "Success");
  if (is_right) return;
  if (++result_.wrong_answers == 1) {
    result_.first_wrong_answer =
        std::to_string(response.status) + ' ' + std::string(response.message.substr(0, 100));
  }
}

// The asker itself is active, so no list is empty.
bool LoadGenerator::is_right_list(const engine::Response& response) {
  const std::string_view list = response.message;
  if (!list.starts_with("['") || !list.ends_with("']")) return false;
  if (response.total.has_value() != (limit_ != 0)) return false;
  if (lists_++ % kListsPerFullCheck != 0) return true;

  engine::PeerListReader reader(list);
  engine::Endpoint peer;
  std::size_t peers = 0;
  engine::PeerListStep step = reader.next(peer);
  for (; step == engine::PeerListStep::kPeer; step = reader.next(peer)) ++peers;
  return step == engine::PeerListStep::kEnd && (limit_ == 0 || peers <= limit_);
}

void LoadGenerator::count_answer(Connection& connection, Clock::time_point now) {
  const Clock::time_point sent_at = connection.sent_at_of(connection.answered);
  ++connection.answered;
  connection.next_answer = connection.after(connection.next_answer, 1);
  --in_flight_;
  last_answer_ = now;
  if (!is_measuring_) return;
  ++result_.answers;
  result_.latency.record(now - sent_at);
}

void LoadGenerator::watch(int operation, Connection& connection, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &connection;
  if (epoll_ctl(epoll_, operation, connection.file, &event) < 0) fail("epoll_ctl", errno);
}

}  // namespace rollcall::apps
