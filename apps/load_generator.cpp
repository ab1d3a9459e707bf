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
#include <ctime>
#include <system_error>
#include <utility>

#include "apps/process_usage.h"
#include "engine/assert.h"

namespace rollcall::apps {
namespace {

constexpr std::size_t kReadBytesMax = std::size_t{256} << 10;
constexpr std::chrono::seconds kStall{10};
constexpr std::chrono::seconds kProgressInterval{1};
// How long the clock is not looked at when nothing happens.
constexpr std::chrono::milliseconds kNap{50};
// The kernel wakes a sleeper some microseconds late; so close to the next request, nobody sleeps.
constexpr std::chrono::microseconds kShortestNap{50};

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
  Connection(int file_number, std::size_t place) : file(file_number), number(place) {}
  ~Connection() { close(file); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const int file;
  const std::size_t number;
  const LoadScript* script = nullptr;
  std::uint64_t requested = 0;  // requests handed over for sending since the script began
  std::uint64_t answered = 0;
  // The places of the next of each in the script, which may be played many times.
  std::size_t next_request = 0;
  std::size_t next_answer = 0;
  // When each unanswered request was sent, by its number modulo the size, a power of two.
  std::vector<TimePoint> sent_at;
  // Of the requests handed over, what the socket had no room for.
  std::string_view unsent;
  bool awaits_room = false;
  // The beginning of an answer whose rest has not come.
  std::string unread;

  void begin(const LoadScript& to_play, std::size_t in_flight_max) {
    script = &to_play;
    requested = answered = 0;
    next_request = next_answer = 0;
    sent_at.resize(std::bit_ceil(in_flight_max));
  }

  TimePoint& sent_at_of(std::uint64_t request) { return sent_at[request & (sent_at.size() - 1)]; }

  std::size_t after(std::size_t place, std::size_t requests) const {
    const std::size_t next = place + requests;
    return next == script->size() ? 0 : next;
  }
};

LoadGenerator::LoadGenerator(const asio::ip::tcp::endpoint& server, const LoadOptions& options)
    : protocol_(options.protocol),
      limit_(options.limit),
      server_process_(options.server_process),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kLoadAnswerBytesMax + kReadBytesMax),
      judge_(protocol_, limit_) {
  if (epoll_ < 0) fail("epoll", errno);
  if (server_process_ && !processor_time_of(*server_process_)) {
    throw LoadFailure("there is no process " + std::to_string(*server_process_));
  }
  for (std::size_t i = 0; i < options.connections; ++i) connect(server);
}

LoadGenerator::~LoadGenerator() { close(epoll_); }

void LoadGenerator::connect(const asio::ip::tcp::endpoint& server) {
  const int file = socket(server.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) fail("socket", errno);
  auto connection = std::make_unique<Connection>(file, connections_.size());
  if (server.address().is_v4() && server.address().is_loopback()) {
    const sockaddr_in source = source_address(connection->number);
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
  set_events(EPOLL_CTL_ADD, *connection, EPOLLIN);
  connections_.push_back(std::move(connection));
}

LoadResult LoadGenerator::play(const std::vector<LoadScript>& scripts, const LoadPace& pace,
                               const Watch& watch) {
  pace_ = pace;
  begin_play(scripts);
  const bool is_timed = pace.time.has_value();
  while (in_flight_ > 0 || (is_timed && phase_ != Phase::kDraining)) {
    const TimePoint now = Clock::now();
    if (is_timed) advance(now);
    if (now - shown_at_ >= kProgressInterval) show(now, watch);
    if (in_flight_ > 0 && now - last_answer_ > kStall) {
      throw LoadFailure("no answer for 10 seconds");
    }
    wait_and_handle(now);
  }
  if (phase_ != Phase::kDraining) end_measuring(Clock::now());
  result_.wrong_answers = judge_.wrong_answers();
  result_.first_wrong_answer = judge_.first_wrong_answer();
  return std::move(result_);
}

void LoadGenerator::begin_play(const std::vector<LoadScript>& scripts) {
  ROLLCALL_ASSERT(scripts.size() == connections_.size());
  ROLLCALL_ASSERT(pace_.in_flight > 0);
  ROLLCALL_ASSERT(pace_.time || (pace_.rate == 0 && pace_.warmup == engine::Duration::zero()));
  const TimePoint start = Clock::now();
  result_ = {};
  judge_ = AnswerJudge(protocol_, limit_);
  answers_ = shown_answers_ = 0;
  last_answer_ = shown_at_ = start;
  schedule_.reset();
  scheduled_ = 0;
  phase_ = Phase::kWarmUp;
  phase_end_ = start + pace_.warmup;
  if (pace_.warmup == engine::Duration::zero()) begin_measuring(start);
  if (pace_.rate > 0) schedule_.emplace(start, pace_.rate, connections_.size());
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    ROLLCALL_ASSERT(scripts[i].size() > 0);
    connections_[i]->begin(scripts[i], pace_.in_flight);
    send_due(*connections_[i]);
  }
}

void LoadGenerator::begin_measuring(TimePoint now) {
  phase_ = Phase::kMeasuring;
  measured_from_ = now;
  if (pace_.time) phase_end_ = now + *pace_.time;
  usage_before_ = usage();
}

void LoadGenerator::end_measuring(TimePoint now) {
  phase_ = Phase::kDraining;
  result_.time = now - measured_from_;
  const Usage after = usage();
  result_.own_processor_time = after.own - usage_before_.own;
  if (after.server && usage_before_.server) {
    result_.server_processor_time = *after.server - *usage_before_.server;
  }
  if (server_process_) result_.server_resident_bytes = resident_bytes_of(*server_process_);
  if (schedule_) count_unsent(now);
}

// Leaving them out would leave out the very requests that a server which is too slow served worst.
void LoadGenerator::count_unsent(TimePoint now) {
  for (const auto& connection : connections_) {
    const std::uint64_t due = schedule_->due(now, connection->number);
    for (std::uint64_t request = connection->requested; request < due; ++request) {
      const TimePoint begun = schedule_->start_of(request, connection->number);
      if (begun < measured_from_) continue;
      ++result_.unsent;
      result_.latency.record(now - begun);
    }
  }
}

LoadGenerator::Usage LoadGenerator::usage() const {
  Usage usage;
  usage.own = processor_time_of(getpid()).value_or(engine::Duration::zero());
  if (server_process_) usage.server = processor_time_of(*server_process_);
  return usage;
}

void LoadGenerator::advance(TimePoint now) {
  if (phase_ == Phase::kWarmUp && now >= phase_end_) begin_measuring(now);
  if (phase_ == Phase::kMeasuring && now >= phase_end_) end_measuring(now);
}

void LoadGenerator::show(TimePoint now, const Watch& watch) {
  const double seconds = std::chrono::duration<double>(now - shown_at_).count();
  watch({.answers = answers_,
         .per_second = static_cast<double>(answers_ - shown_answers_) / seconds,
         .p99 = result_.latency.quantile(0.99)});
  shown_answers_ = answers_;
  shown_at_ = now;
}

void LoadGenerator::wait_and_handle(TimePoint now) {
  std::array<epoll_event, 256> events;
  const auto ns = std::chrono::nanoseconds(time_to_wait(now)).count();
  const timespec timeout{.tv_sec = 0, .tv_nsec = ns};
  const int count =
      epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  if (count < 0 && errno != EINTR) fail("epoll_wait", errno);
  for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
  if (schedule_ && phase_ != Phase::kDraining) send_scheduled(Clock::now());
}

engine::Duration LoadGenerator::time_to_wait(TimePoint now) const {
  engine::Duration time = kNap;
  if (pace_.time && phase_ != Phase::kDraining) {
    time = std::min<engine::Duration>(time, phase_end_ - now);
    if (schedule_) {
      const engine::Duration to_next = schedule_->start_of(scheduled_) - now;
      time = std::min<engine::Duration>(time, to_next - kShortestNap);
    }
  }
  return std::max(time, engine::Duration::zero());
}

void LoadGenerator::handle(const epoll_event& event) {
  Connection& connection = *static_cast<Connection*>(event.data.ptr);
  const bool was_held_up =
      connection.awaits_room || connection.requested - connection.answered == pace_.in_flight;
  if ((event.events & EPOLLOUT) != 0) send_unsent(connection);
  if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receive(connection);
  // `send_scheduled` comes only to those for which something becomes due.
  if (!schedule_ || was_held_up) send_due(connection);
}

std::uint64_t LoadGenerator::due(const Connection& connection, TimePoint now) const {
  if (phase_ == Phase::kDraining) return 0;
  const std::uint64_t room = pace_.in_flight - (connection.requested - connection.answered);
  if (schedule_) {
    return std::min(room, schedule_->due(now, connection.number) - connection.requested);
  }
  if (pace_.time) return room;
  return std::min<std::uint64_t>(room, connection.script->size() - connection.requested);
}

// Each connection that something became due for since the last time, once.
void LoadGenerator::send_scheduled(TimePoint now) {
  const std::uint64_t due = schedule_->due(now);
  const std::uint64_t first = std::max(scheduled_, due - std::min(due, connections_.size()));
  for (std::uint64_t request = first; request < due; ++request) {
    send_due(*connections_[request % connections_.size()]);
  }
  scheduled_ = due;
}

void LoadGenerator::send_due(Connection& connection) {
  if (!connection.unsent.empty()) return;
  const LoadScript& script = *connection.script;
  const TimePoint now = Clock::now();
  std::uint64_t requests = due(connection, now);
  if (requests > 0 && in_flight_ == 0) last_answer_ = now;
  while (requests > 0 && connection.unsent.empty()) {
    const std::size_t first = connection.next_request;
    const std::size_t count = std::min<std::size_t>(requests, script.size() - first);
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
  set_events(EPOLL_CTL_MOD, connection, awaits_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void LoadGenerator::receive(Connection& connection) {
  const std::size_t unread = connection.unread.size();
  std::memcpy(buffer_.data(), connection.unread.data(), unread);
  const ssize_t bytes = recv(connection.file, buffer_.data() + unread, kReadBytesMax, 0);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes < 0) fail("the server hung up", errno);
  if (bytes == 0) throw LoadFailure("the server hung up");

  if (phase_ == Phase::kMeasuring) result_.answer_bytes += static_cast<std::uint64_t>(bytes);
  const TimePoint now = Clock::now();
  const std::uint64_t unanswered = connection.requested - connection.answered;
  std::uint64_t answers = 0;
  std::string_view text(buffer_.data(), unread + static_cast<std::size_t>(bytes));
  while (!text.empty()) {
    if (answers == unanswered) {
      throw LoadFailure("an answer that nobody asked for: " + std::string(text.substr(0, 60)));
    }
    const engine::Method method = connection.script->method(connection.next_answer);
    const std::size_t length = judge_.take(text, method);
    if (length == 0) break;
    text.remove_prefix(length);
    connection.next_answer = connection.after(connection.next_answer, 1);
    ++answers;
  }
  connection.unread.assign(text);
  if (answers > 0) record(connection, answers, now);
}

void LoadGenerator::record(Connection& connection, std::uint64_t answers, TimePoint now) {
  for (std::uint64_t i = 0; i < answers; ++i) {
    const std::uint64_t request = connection.answered++;
    const TimePoint sent_at = connection.sent_at_of(request);
    const TimePoint begun = schedule_ ? schedule_->start_of(request, connection.number) : sent_at;
    if (phase_ == Phase::kWarmUp) continue;
    if (begun >= measured_from_) result_.latency.record(now - begun);
    if (schedule_ && sent_at >= measured_from_) result_.since_sent.record(now - sent_at);
  }
  in_flight_ -= answers;
  answers_ += answers;
  if (phase_ == Phase::kMeasuring) result_.answers += answers;
  last_answer_ = now;
}

void LoadGenerator::set_events(int operation, Connection& connection, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &connection;
  if (epoll_ctl(epoll_, operation, connection.file, &event) < 0) fail("epoll_ctl", errno);
}

}  // namespace rollcall::apps
