#include "transport/tcp_worker.h"

#include <algorithm>
#include <asio/post.hpp>
#include <future>
#include <utility>

#include "engine/assert.h"
#include "engine/limits.h"

namespace rollcall::transport {
namespace {

namespace limits = engine::limits;
using std::chrono::steady_clock;

// Deadlines of one kind that are served in a turn. More wait for the next turn, behind the sockets
// that are ready by then.
constexpr int kDeadlinesPerTurn = 64;

// Connections whose answers are released in a turn, for the same reason.
constexpr int kReleasesPerTurn = 64;

// What is read waits for others in the turn until there are so many bytes of it: some batches of
// the engine's of small requests.
constexpr std::size_t kBytesReceivedTogether = std::size_t{4} << 10;

// Answers that were given wait for others in the turn until there are so many bytes of them, which
// the processor's caches still hold.
constexpr std::size_t kBytesSentTogether = limits::kOutputHighMark;

// How long a commit waits for what others send, and for the rest of a turn: about as long as it and
// its sync take. The requests of fifty clients that send one each are gathered by then.
constexpr engine::Duration kGatheringMax = std::chrono::microseconds(500);

engine::Time read_clocks() {
  return {engine::Instant(steady_clock::now().time_since_epoch()),
          std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
}

}  // namespace

TcpWorker::TcpWorker(engine::Registry& registry, const engine::EngineOptions& engine_options,
                     const TcpOptions& options, engine::RandomSource& random,
                     engine::ChangeLog* changes, TcpAdmission& admission, TcpEventCounters& events)
    : options_(options),
      admission_(admission),
      events_(events),
      changes_(changes),
      engine_(registry, engine_options, random, changes),
      read_buffer_(kBytesReceivedTogether + limits::kReadBytesMax) {}

void TcpWorker::start() {
  wait_for_sockets();
  thread_ = std::thread([this] {
    turn([] {});
    context_.run();
  });
}

void TcpWorker::begin_stop() {
  asio::post(context_, [this] { turn([this] { stop(); }); });
}

void TcpWorker::join() { thread_.join(); }

template <typename Work>
void TcpWorker::run_between_turns(Work work) {
  if (!thread_.joinable()) return work();
  std::promise<void> done;
  asio::post(context_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

engine::EngineCounters TcpWorker::counters() {
  engine::EngineCounters counters;
  run_between_turns([&] { counters = engine_.counters(); });
  return counters;
}

void TcpWorker::check_invariants() {
  run_between_turns([this] {
    engine_.check_invariants();
    quiet_.check_invariants();
    patience_.check_invariants();
    draining_.check_invariants();
    std::size_t open = 0;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (connections_[i] == nullptr) continue;
      ROLLCALL_ASSERT(number(*connections_[i]) == i);
      check_connection(*connections_[i]);
      ++open;
      bytes += connections_[i]->counted_bytes;
    }
    ROLLCALL_ASSERT(open == open_connections_);
    ROLLCALL_ASSERT(open == engine_.sessions());
    ROLLCALL_ASSERT(open <= load());
    ROLLCALL_ASSERT(bytes == counted_bytes_);
    ROLLCALL_ASSERT(bytes <= options_.output_total_max);
  });
}

// Every connection waits for something, and for the right thing.
void TcpWorker::check_connection(const TcpConnection& c) const {
  const bool is_serving = c.stage == TcpStage::kServing;
  ROLLCALL_ASSERT(c.stage != TcpStage::kClosed);
  ROLLCALL_ASSERT(c.counted_bytes == c.output.capacity() + c.unread.capacity());
  ROLLCALL_ASSERT(c.unread.size() <= limits::kReadBytesMax);
  ROLLCALL_ASSERT((c.output.held() > 0) == (engine_.held_answers(c.session) > 0));
  if (c.is_held()) ROLLCALL_ASSERT(is_serving);
  if (waits_for_writable(c)) ROLLCALL_ASSERT(c.waits_writable);
  ROLLCALL_ASSERT(c.watched.readable == waits_for_readable(c));
  ROLLCALL_ASSERT(c.watched.writable == waits_for_writable(c));
  if (is_serving) ROLLCALL_ASSERT(engine_.is_open(c.session));
  if (c.stage == TcpStage::kFlushing) ROLLCALL_ASSERT(!c.output.empty());
}

void TcpWorker::give(TcpSocket socket, const engine::HostAddress& host) {
  load_.fetch_add(1, std::memory_order_relaxed);
  asio::post(context_, [this, socket = std::move(socket), host]() mutable {
    turn([&] { open(std::move(socket), host); });
  });
}

void TcpWorker::ask_to_make_room() {
  asio::post(context_, [this] { turn([this] { make_room(); }); });
}

// ---- Turns ----

template <typename Work>
void TcpWorker::turn(Work work) {
  time_ = read_clocks();
  work();
  ROLLCALL_ASSERT(arrivals_.empty() && unsettled_.empty());
  closed_.clear();
  arm_timer();
}

void TcpWorker::open(TcpSocket socket, const engine::HostAddress& host) {
  const engine::SessionId session = engine_.open(host, time_);
  auto owned = std::make_unique<TcpConnection>(std::move(socket), host, session);
  TcpConnection& connection = *owned;
  if (connections_.size() <= number(connection)) connections_.resize(number(connection) + 1);
  connections_[number(connection)] = std::move(owned);
  ++open_connections_;
  if (is_stopping_) return close(connection);
  if (const auto error = sockets_.add(connection.socket, number(connection))) {
    events_.report(TcpEvent::kFilesExhausted, host, error);
    return close(connection);
  }
  settle(connection);
}

void TcpWorker::wait_for_sockets() {
  sockets_.async_wait([this](std::error_code error) {
    if (error) return;  // the end
    turn([this] { serve_ready(); });
    if (!is_ended_) wait_for_sockets();
  });
}

// Whether any socket was ready. None of their numbers is another connection's by now: whoever
// comes, comes in a turn of its own.
bool TcpWorker::serve_ready() {
  const std::span<const ReadySocket> all = sockets_.take();
  for (const ReadySocket& ready : all) {
    TcpConnection* const connection = connections_[ready.number].get();
    if (connection == nullptr) continue;
    if (arrivals_.empty()) time_ = read_clocks();
    serve(*connection, ready);
  }
  receive_all();
  settle_all();
  return !all.empty();
}

void TcpWorker::serve(TcpConnection& connection, const ReadySocket& ready) {
  const Interest watched = connection.watched;
  if (ready.ready.writable && watched.writable) on_writable(connection);
  if (ready.ready.readable && watched.readable) on_readable(connection);
  // Nothing is read or written that would notice; and it would be told again and again.
  if (ready.is_lost && watched == Interest{}) close(connection);
}

void TcpWorker::on_readable(TcpConnection& connection) {
  switch (connection.stage) {
    case TcpStage::kServing:
      if (!connection.is_held()) read(connection, WhenNothingCame::kWaitOn);
      break;
    case TcpStage::kDraining:
      drain(connection);
      break;
    case TcpStage::kFlushing:
    case TcpStage::kClosed:
      break;
  }
}

void TcpWorker::on_writable(TcpConnection& connection) {
  connection.waits_writable = false;
  switch (connection.stage) {
    case TcpStage::kServing:
      if (connection.is_held()) present_unread(connection);
      settle(connection);
      break;
    case TcpStage::kFlushing:
      settle(connection);
      break;
    case TcpStage::kDraining:
    case TcpStage::kClosed:
      break;
  }
}

void TcpWorker::on_timer() {
  run_quiet();
  run_patience();
  run_draining();
  if (!is_stopping_) run_sessions();
  if (stop_deadline_ <= time_.now) give_up();
}

// ---- Input ----

void TcpWorker::read(TcpConnection& c, WhenNothingCame when_nothing_came) {
  const auto room = std::span(read_buffer_).subspan(arrived_bytes_, limits::kReadBytesMax);
  const Received received = receive_now(c.socket, room);
  switch (received.outcome) {
    case ReceiveOutcome::kBytes:
      return receive_later(c, room.first(received.bytes));
    case ReceiveOutcome::kNothing:
      if (when_nothing_came == WhenNothingCame::kReportQuiet) {
        engine_.quiet(c.session, time_, outputs_.prepared(c.output));
      }
      break;
    case ReceiveOutcome::kEndOfStream:
      c.client_has_ended = true;
      engine_.end_of_stream(c.session, time_, outputs_.prepared(c.output));
      break;
    case ReceiveOutcome::kLost:
      return close(c);
  }
  settle_later(c);
  settle_if_many();
}

void TcpWorker::receive_later(TcpConnection& connection, std::span<const std::byte> bytes) {
  arrivals_.push_back({connection.session, bytes, &outputs_.prepared(connection.output)});
  arrived_bytes_ += bytes.size();
  if (arrived_bytes_ >= kBytesReceivedTogether) receive_all();
}

// The requests of several connections wait for memory together.
void TcpWorker::receive_all() {
  while (!arrivals_.empty()) {
    const std::size_t taken = engine_.receive(arrivals_, time_);
    for (const engine::Arrival& arrival : std::span(arrivals_).first(taken)) {
      TcpConnection& connection = *connections_[static_cast<std::uint32_t>(arrival.session)];
      const auto rest = arrival.bytes.subspan(arrival.consumed);
      if (!rest.empty()) {
        connection.unread.append({reinterpret_cast<const char*>(rest.data()), rest.size()});
      }
      watch_silence(connection);
      settle_later(connection);
    }
    arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(taken));
    settle_if_many();
  }
  arrived_bytes_ = 0;
}

void TcpWorker::present_unread(TcpConnection& connection) {
  const auto bytes = std::as_bytes(std::span(connection.unread.view()));
  connection.unread.drop_front(
      engine_.receive(connection.session, bytes, time_, outputs_.prepared(connection.output)));
  if (connection.unread.empty()) connection.unread.release();
  watch_silence(connection);
}

void TcpWorker::watch_silence(TcpConnection& connection) {
  if (!connection.is_held() && engine_.awaits_quiet(connection.session)) {
    quiet_.set(number(connection), time_.now + options_.quiet);
  } else {
    quiet_.clear(number(connection));
  }
}

void TcpWorker::drain(TcpConnection& connection) {
  const auto room = std::span(read_buffer_).subspan(arrived_bytes_);
  const Received received = receive_now(connection.socket, room);
  switch (received.outcome) {
    case ReceiveOutcome::kBytes:
      connection.drained_bytes += static_cast<std::uint32_t>(received.bytes);
      if (connection.drained_bytes >= limits::kDrainBytesMax) return close(connection);
      break;
    case ReceiveOutcome::kNothing:
      break;
    case ReceiveOutcome::kEndOfStream:
    case ReceiveOutcome::kLost:
      return close(connection);
  }
}

// ---- Output ----

// Sends what the system takes; nothing is tried while it says that it takes nothing. False if the
// connection is lost.
bool TcpWorker::send(TcpConnection& connection) {
  engine::OutputBuffer& output = connection.output;
  if (output.ready().empty() || connection.waits_writable) return true;
  const std::optional<std::size_t> sent = send_now(connection.socket, output.ready());
  output.drop_front(sent.value_or(0));
  return sent.has_value();
}

// ---- The store ----

// A commit costs the same for one change as for fifty: those who have sent something meanwhile are
// served before it is asked for.
void TcpWorker::begin_gathering() {
  if (std::exchange(is_gathering_, true)) return;
  gathering_until_ = time_.now + kGatheringMax;
  gather_on();
}

void TcpWorker::gather_on() {
  asio::post(context_, [this] {
    turn([this] {
      if (serve_ready() && time_.now < gathering_until_) return gather_on();
      is_gathering_ = false;
      changes_->commit_soon();
    });
  });
}

void TcpWorker::resolve(engine::Ticket up_to, engine::Verdict verdict) {
  const std::lock_guard lock(verdicts_mutex_);
  // One turn takes all there are.
  if (verdicts_.empty()) {
    asio::post(context_, [this] { turn([this] { take_verdicts(); }); });
  }
  verdicts_.push_back({up_to, verdict});
}

void TcpWorker::take_verdicts() {
  {
    const std::lock_guard lock(verdicts_mutex_);
    resolved_.insert(resolved_.end(), verdicts_.begin(), verdicts_.end());
    verdicts_.clear();
  }
  if (!is_releasing_) release_some();
}

// Tells the engine one verdict after the other, each when the answers that the one before was about
// have been released; a bounded number of them in a turn.
void TcpWorker::release_some() {
  is_releasing_ = false;
  for (int i = 0; i < kReleasesPerTurn; ++i) {
    if (!release_next()) return;
  }
  is_releasing_ = true;
  asio::post(context_, [this] { turn([this] { release_some(); }); });
}

bool TcpWorker::release_next() {
  while (!engine_.releasable().has_value()) {
    if (resolved_told_ == resolved_.size()) {
      resolved_.clear();
      resolved_told_ = 0;
      return false;
    }
    const Resolved& next = resolved_[resolved_told_++];
    engine_.resolve(next.up_to, next.verdict);
  }
  release(*engine_.releasable());
  return true;
}

void TcpWorker::release(engine::SessionId session) {
  TcpConnection& connection = *connections_[static_cast<std::uint32_t>(session)];
  engine_.release(session, connection.output);
  if (connection.is_held() && connection.stage == TcpStage::kServing) {
    present_unread(connection);
  }
  settle(connection);
}

void TcpWorker::count_buffers(TcpConnection& connection) {
  const std::size_t bytes = connection.output.capacity() + connection.unread.capacity();
  counted_bytes_ += bytes - connection.counted_bytes;
  connection.counted_bytes = bytes;
}

// ---- What comes next ----

// Brings a connection to rest after the engine was told something: sends what is ready, and waits
// for whatever the connection needs next.
void TcpWorker::settle(TcpConnection& c) {
  if (c.stage == TcpStage::kServing && !engine_.is_open(c.session)) stop_serving(c);

  // Before the answer leaves: its client may connect again at once, and this one is not idle then.
  publish_idleness();
  const bool is_lost = !send(c);
  outputs_.tidy(c.output);
  if (c.output.held() > 0) begin_gathering();
  if (is_lost) return close(c);
  count_buffers(c);
  reset_longest_waiting(c);
  if (c.stage == TcpStage::kClosed) return;

  if (waits_for_writable(c)) {
    // That the system takes more is the progress that a stalled output lacks. Held input counts as
    // output here: its answers have nowhere to go.
    if (!std::exchange(c.waits_writable, true)) {
      patience_.set(number(c), time_.now + options_.output_stall);
    }
  } else {
    c.waits_writable = false;
    patience_.clear(number(c));
    if (c.stage == TcpStage::kFlushing && c.output.empty()) return finish(c);
  }
  watch(c);
}

// Answers leave together, as a rule all of a turn: sent one by one, each would wake a client that
// sleeps again before the next comes.
void TcpWorker::settle_later(TcpConnection& connection) {
  // Now, because another one may be settled first, and this one reset by that.
  if (connection.output.held() > 0) begin_gathering();
  unsettled_.push_back(&connection);
  unsettled_bytes_ += connection.output.size();
}

void TcpWorker::settle_if_many() {
  if (unsettled_bytes_ >= kBytesSentTogether) settle_all();
}

void TcpWorker::settle_all() {
  for (TcpConnection* const connection : unsettled_) {
    if (connection->stage != TcpStage::kClosed) settle(*connection);
  }
  unsettled_.clear();
  unsettled_bytes_ = 0;
}

// While too much waits to be sent. Who reads, or only waits for the store, need not go for others
// that do not read; `last` goes where there are none.
void TcpWorker::reset_longest_waiting(TcpConnection& last) {
  while (counted_bytes_ > options_.output_total_max) {
    reset(patience_.empty() ? last : *connections_[patience_.front()], TcpEvent::kOutputTooMuch);
  }
}

bool TcpWorker::waits_for_readable(const TcpConnection& connection) {
  return connection.stage == TcpStage::kDraining ||
         (connection.stage == TcpStage::kServing && !connection.is_held());
}

// Where answers are held, the store has to move first.
bool TcpWorker::waits_for_writable(const TcpConnection& connection) {
  return !connection.output.ready().empty() ||
         (connection.is_held() && connection.output.held() == 0);
}

void TcpWorker::stop_serving(TcpConnection& connection) {
  connection.stage = TcpStage::kFlushing;
  connection.unread.release();
  quiet_.clear(number(connection));
}

// The last answer is sent. A close would turn into a reset if bytes of the client were still to
// come, and a reset can overtake the answer.
void TcpWorker::finish(TcpConnection& connection) {
  if (connection.client_has_ended || !connection.socket.end_sending()) return close(connection);
  connection.stage = TcpStage::kDraining;
  draining_.set(number(connection), time_.now + limits::kDrainTime);
  watch(connection);
}

void TcpWorker::watch(TcpConnection& connection) {
  const Interest interest{waits_for_readable(connection), waits_for_writable(connection)};
  if (interest == connection.watched) return;
  sockets_.change(connection.socket, number(connection), interest);
  connection.watched = interest;
}

// ---- Deadlines ----

// A timer that is armed for an earlier time stays: it finds nothing due, and is armed again. So a
// deadline that moves away with each request costs no system call.
void TcpWorker::arm_timer() {
  const engine::Instant next = next_deadline();
  if (next >= timer_armed_for_) return;
  timer_armed_for_ = next;
  timer_.expires_at(steady_clock::time_point(next.time_since_epoch()));
  timer_.async_wait([this](std::error_code error) {
    if (error) return;  // armed anew
    timer_armed_for_ = engine::kNever;
    turn([this] { on_timer(); });
  });
}

engine::Instant TcpWorker::next_deadline() const {
  const engine::Instant own =
      std::min({quiet_.earliest(), patience_.earliest(), draining_.earliest()});
  return std::min(own, is_stopping_ ? stop_deadline_ : engine_.next_deadline());
}

void TcpWorker::run_quiet() {
  for (int i = 0; i < kDeadlinesPerTurn && quiet_.earliest() <= time_.now; ++i) {
    TcpConnection& connection = *connections_[quiet_.front()];
    quiet_.clear(quiet_.front());
    // What the loop has not seen yet is no silence.
    read(connection, WhenNothingCame::kReportQuiet);
  }
  receive_all();
  settle_all();
}

void TcpWorker::run_patience() {
  for (int i = 0; i < kDeadlinesPerTurn && patience_.earliest() <= time_.now; ++i) {
    reset(*connections_[patience_.front()], TcpEvent::kOutputStalled);
  }
}

void TcpWorker::run_draining() {
  for (int i = 0; i < kDeadlinesPerTurn && draining_.earliest() <= time_.now; ++i) {
    close(*connections_[draining_.front()]);
  }
}

void TcpWorker::run_sessions() {
  for (int i = 0; i < kDeadlinesPerTurn; ++i) {
    const std::optional<engine::SessionId> due = engine_.due(time_.now);
    if (!due.has_value()) break;
    TcpConnection& connection = *connections_[static_cast<std::uint32_t>(*due)];
    engine_.time_out(*due, time_, outputs_.prepared(connection.output));
    settle(connection);
  }
  if (engine_.next_deadline() <= time_.now) engine_.tick(time_);
}

// ---- The end ----

void TcpWorker::close(TcpConnection& connection) {
  engine_.close(connection.session);
  quiet_.clear(number(connection));
  patience_.clear(number(connection));
  draining_.clear(number(connection));
  std::erase_if(arrivals_, [&](const engine::Arrival& arrival) {
    return arrival.session == connection.session;
  });
  connection.output.release();
  connection.unread.release();
  count_buffers(connection);
  connection.stage = TcpStage::kClosed;
  closed_.push_back(std::move(connections_[number(connection)]));
  --open_connections_;
  load_.fetch_sub(1, std::memory_order_relaxed);
  // First, so that whoever takes the room does not choose by a connection that is gone.
  publish_idleness();
  admission_.leave(connection.host);
  // Last, so that whoever sees the end finds the room that it leaves.
  connection.socket.close();
  end_if_stopped();
}

void TcpWorker::reset(TcpConnection& connection, TcpEvent why) {
  events_.report(why, connection.host);
  connection.socket.close_with_reset();
  close(connection);
}

void TcpWorker::make_room() {
  if (!admission_.is_over_limit()) return;
  std::optional<std::uint32_t> victim;
  if (const auto idle = engine_.longest_idle()) {
    victim = static_cast<std::uint32_t>(*idle);
  } else if (!draining_.empty()) {
    victim = draining_.front();  // all of them are closing; this one is the nearest to its end
  } else if (!patience_.empty()) {
    victim = patience_.front();
  }
  if (!victim.has_value()) return;
  TcpConnection& connection = *connections_[*victim];
  events_.report(TcpEvent::kMadeRoom, connection.host);
  close(connection);
}

void TcpWorker::publish_idleness() {
  engine::Instant since = engine::kNever;
  if (open_connections_ > 0) {
    since = engine_.longest_idle().has_value() ? engine_.longest_idle_since() : time_.now;
  }
  longest_idle_since_.store(since, std::memory_order_relaxed);
}

void TcpWorker::stop() {
  is_stopping_ = true;
  stop_deadline_ = time_.now + limits::kStopTime;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    TcpConnection* const connection = connections_[i].get();
    if (connection == nullptr || connection->stage != TcpStage::kServing) continue;
    stop_serving(*connection);
    if (connection->output.empty() && !has_bytes_under_way(connection->socket)) {
      close(*connection);
    } else {
      settle(*connection);
    }
  }
  end_if_stopped();
}

// The time to stop is over. Whoever still waits for the store is told that nobody knows.
void TcpWorker::give_up() {
  while (release_next()) {
  }
  engine_.resolve(engine::kLastTicket, engine::Verdict::kStopping);
  while (const auto session = engine_.releasable()) release(*session);
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (connections_[i] != nullptr) close(*connections_[i]);
  }
}

// The thread ends once nothing is left that could call it.
void TcpWorker::end_if_stopped() {
  if (!is_stopping_ || open_connections_ > 0) return;
  is_ended_ = true;
  stop_deadline_ = engine::kNever;
  timer_.cancel();
  sockets_.cancel();
  work_.reset();
}

}  // namespace rollcall::transport
