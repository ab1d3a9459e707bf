#include "transport/loopback.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "engine/assert.h"
#include "engine/output_buffer.h"
#include "transport/loopback_pipe.h"

namespace rollcall::transport {
namespace {

namespace limits = engine::limits;
using engine::Duration;
using engine::Instant;
using engine::kNever;

// More timers than any registry has work for at one instant: whoever runs them is going in circles.
constexpr std::uint64_t kTimersAtOneInstantMax = std::uint64_t{1} << 24;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Where the server is with a connection.
//
//   kArriving ─► kServing ─► kFlushing ─► kDraining ─► kGone
//       │                        (the engine closed; FIN sent)
//       └─ the host has too many ─────────────────────► kGone
enum class Phase : std::uint8_t {
  kArriving,  // not accepted yet
  kServing,
  kFlushing,  // the engine closed the session; its output is on its way
  kDraining,  // FIN was sent; what still comes is dropped
  kGone,      // the server knows nothing of it
};

}  // namespace

struct Loopback::Connection {
  Connection(std::uint32_t number_given, const engine::HostAddress& from, Duration delay)
      : number(number_given), host(from), to_server(delay), to_client(delay) {}

  LoopbackPipe& pipe(Direction direction) {
    return direction == Direction::kToServer ? to_server : to_client;
  }
  void reset_to_server(Instant now) {
    to_server.reset(now);
    unconsumed = 0;
  }
  bool has_session() const { return phase != Phase::kArriving && phase != Phase::kGone; }

  const std::uint32_t number;
  const engine::HostAddress host;
  LoopbackPipe to_server;
  LoopbackPipe to_client;
  std::set<Turn>::iterator turn;

  // The server's side.
  Phase phase = Phase::kArriving;
  Instant arrives = kNever;
  engine::SessionId session{};
  engine::OutputBuffer output;
  std::uint64_t answered = 0;
  // Bytes at the front of `to_server` that were read and that the engine has not consumed.
  std::size_t unconsumed = 0;
  // Bytes came since the engine was last told of quiet.
  bool quiet_untold = false;
  Instant quiet_at = kNever;
  bool stream_ended = false;
  Instant stall_at = kNever;
  Instant drain_until = kNever;
  std::size_t drained = 0;

  // The client's side.
  ClientState client_state = ClientState::kOpen;
  bool client_exists = true;
  bool client_reads = true;
  std::string delivered;
};

// ---- LoopbackClient ----

LoopbackClient::LoopbackClient(LoopbackClient&& other) noexcept
    : loopback_(std::exchange(other.loopback_, nullptr)), number_(other.number_) {}

LoopbackClient& LoopbackClient::operator=(LoopbackClient&& other) noexcept {
  if (this != &other) {
    close();
    loopback_ = std::exchange(other.loopback_, nullptr);
    number_ = other.number_;
  }
  return *this;
}

LoopbackClient::~LoopbackClient() { close(); }

void LoopbackClient::close() {
  if (loopback_ == nullptr) return;
  Loopback& loopback = *std::exchange(loopback_, nullptr);
  Loopback::Connection& connection = loopback.at(number_);
  connection.client_exists = false;
  connection.delivered.clear();
  if (connection.to_client.arrived(loopback.now_).empty()) {
    connection.to_server.finish(loopback.now_);
  } else {
    connection.reset_to_server(loopback.now_);  // as a socket that is closed with bytes unread
  }
  loopback.reschedule(connection);
}

void LoopbackClient::send(std::string_view bytes) {
  Loopback::Connection& connection = loopback_->at(number_);
  if (connection.client_state == ClientState::kReset) return;
  ROLLCALL_ASSERT(connection.to_server.end() != StreamEnd::kFinished);
  connection.to_server.send(bytes, loopback_->now_);
  loopback_->reschedule(connection);
}

void LoopbackClient::half_close() {
  Loopback::Connection& connection = loopback_->at(number_);
  connection.to_server.finish(loopback_->now_);
  loopback_->reschedule(connection);
}

void LoopbackClient::stop_reading() { loopback_->at(number_).client_reads = false; }

void LoopbackClient::read_on() {
  Loopback::Connection& connection = loopback_->at(number_);
  connection.client_reads = true;
  loopback_->reschedule(connection);
}

const std::string& LoopbackClient::delivered() const { return loopback_->at(number_).delivered; }

std::string LoopbackClient::take() { return std::exchange(loopback_->at(number_).delivered, {}); }

ClientState LoopbackClient::state() const { return loopback_->at(number_).client_state; }

std::size_t LoopbackClient::unread_by_server() const {
  const Loopback::Connection& connection = loopback_->at(number_);
  return connection.to_server.waiting() - connection.unconsumed;
}

std::uint64_t LoopbackClient::answered() const { return loopback_->at(number_).answered; }

void LoopbackClient::delay(Direction direction, Duration duration) {
  loopback_->at(number_).pipe(direction).set_delay(duration);
}

void LoopbackClient::cut(Direction direction, std::size_t bytes) {
  ROLLCALL_ASSERT(bytes > 0);
  loopback_->at(number_).pipe(direction).set_piece(bytes);
}

void LoopbackClient::cut_at(Direction direction, std::size_t offset) {
  loopback_->at(number_).pipe(direction).cut_at(offset);
}

void LoopbackClient::hold(Direction direction) {
  Loopback::Connection& connection = loopback_->at(number_);
  connection.pipe(direction).set_held(true);
  loopback_->reschedule(connection);
}

void LoopbackClient::let_through(Direction direction) {
  Loopback::Connection& connection = loopback_->at(number_);
  connection.pipe(direction).set_held(false);
  loopback_->reschedule(connection);
}

void LoopbackClient::reset(Direction direction) {
  Loopback::Connection& connection = loopback_->at(number_);
  if (direction == Direction::kToServer) {
    connection.reset_to_server(loopback_->now_);
    connection.to_client.abandon();
    connection.client_state = ClientState::kReset;
  } else {
    connection.to_client.reset(loopback_->now_);
  }
  loopback_->reschedule(connection);
}

void LoopbackClient::window(std::size_t bytes) {
  Loopback::Connection& connection = loopback_->at(number_);
  connection.to_client.set_window(bytes);
  loopback_->reschedule(connection);
}

// ---- Loopback: time ----

Loopback::Loopback(engine::Engine& engine, const LoopbackOptions& options)
    : engine_(engine), options_(options), now_(options.start.now) {
  ROLLCALL_ASSERT(engine.sessions() == 0);
  ROLLCALL_ASSERT(options.connections_max > 0);
}

Loopback::~Loopback() {
  for (const auto& connection : slots_) {
    if (connection != nullptr && connection->has_session()) engine_.close(connection->session);
  }
}

engine::Time Loopback::time() const {
  const auto passed = std::chrono::floor<std::chrono::seconds>(now_ - options_.start.now);
  return {now_, options_.start.wall + passed + wall_jump_};
}

LoopbackClient Loopback::connect(const engine::HostAddress& from, Duration delay) {
  std::uint32_t number = static_cast<std::uint32_t>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    number = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[number] = std::make_unique<Connection>(number, from, delay);
  slots_[number]->arrives = now_ + delay;
  slots_[number]->turn = turns_.insert({now_ + delay, ++turns_given_, number}).first;
  return LoopbackClient(*this, number);
}

bool Loopback::step() {
  if (!turns_.empty() && turns_.begin()->when <= now_) {
    consecutive_timers_ = 0;
    Connection& connection = at(turns_.begin()->connection);
    take_turn(connection);
    reschedule(connection, true);
    return true;
  }
  if (engine_.next_deadline() <= now_) {
    run_timer();
    return true;
  }
  return false;
}

void Loopback::settle() {
  while (step()) {
  }
}

void Loopback::advance(Duration duration) {
  ROLLCALL_ASSERT(duration >= Duration::zero());
  const Instant until = now_ + duration;
  settle();
  for (Instant next = next_event(); next <= until; next = next_event()) {
    skip_to(next);
    settle();
  }
  now_ = until;
}

void Loopback::skip_to(Instant when) {
  ROLLCALL_ASSERT(now_ <= when);
  ROLLCALL_ASSERT(when <= next_event());
  if (when > now_) consecutive_timers_ = 0;
  now_ = when;
}

Instant Loopback::next_event() const {
  const Instant turn = turns_.empty() ? kNever : turns_.begin()->when;
  return std::max(now_, std::min(turn, engine_.next_deadline()));
}

std::uint64_t Loopback::answered() const {
  const auto& by_outcome = engine_.counters().answers;
  return std::accumulate(by_outcome.begin(), by_outcome.end(), std::uint64_t{0});
}

void Loopback::resolve(engine::Ticket up_to, engine::Verdict verdict) {
  engine_.resolve(up_to, verdict);
  while (const std::optional<engine::SessionId> session = engine_.releasable()) {
    Connection& connection = at(by_session_.at(*session));
    tell_engine(connection, [&] { engine_.release(connection.session, connection.output); });
    reschedule(connection);
  }
}

void Loopback::run_timer() {
  ++consecutive_timers_;
  ROLLCALL_ASSERT(consecutive_timers_ < kTimersAtOneInstantMax);
  if (const std::optional<engine::SessionId> session = engine_.due(now_)) {
    Connection& connection = at(by_session_.at(*session));
    tell_engine(connection,
                [&] { engine_.time_out(connection.session, time(), connection.output); });
    reschedule(connection);
  } else {
    engine_.tick(time());
  }
}

// ---- Loopback: turns ----

// Backpressure: nothing is read while more output than this waits to be sent, or more answers wait
// for the store.
bool Loopback::may_read(const Connection& connection) const {
  return connection.phase == Phase::kServing &&
         connection.output.size() <= limits::kOutputHighMark &&
         engine_.held_answers(connection.session) < limits::kHeldAnswersMax;
}

Instant Loopback::next_turn(Connection& connection) const {
  const LoopbackPipe& in = connection.to_server;
  Instant next = kNever;
  const auto at_latest = [&next](Instant when) { next = std::min(next, when); };

  if (connection.client_reads || !connection.client_exists) {
    at_latest(connection.to_client.next_arrival());
  }
  at_latest(connection.to_client.next_reset());

  if (!connection.output.ready().empty()) {
    at_latest(connection.to_client.room() > 0 ? now_ : connection.stall_at);
  }
  switch (connection.phase) {
    case Phase::kArriving:
      at_latest(connection.arrives);
      break;
    case Phase::kServing:
      at_latest(in.next_reset());
      if (may_read(connection)) {
        at_latest(connection.unconsumed > 0 ? now_ : in.next_arrival());
        at_latest(connection.quiet_at);
      }
      break;
    case Phase::kFlushing:
      at_latest(in.next_reset());
      if (connection.output.empty()) at_latest(now_);
      break;
    case Phase::kDraining:
      at_latest(std::min(in.next_arrival(), connection.drain_until));
      break;
    case Phase::kGone:
      at_latest(in.next_arrival());
      break;
  }
  return next;
}

void Loopback::reschedule(Connection& connection, bool took_turn) {
  if (connection.phase == Phase::kGone && !connection.client_exists) {
    forget(connection.number);
    return;
  }
  // Reading began again, or bytes were consumed: the silence starts here.
  if (!may_read(connection)) {
    connection.quiet_at = kNever;
  } else if (connection.quiet_at == kNever && connection.quiet_untold &&
             connection.unconsumed == 0 && engine_.awaits_quiet(connection.session)) {
    connection.quiet_at = now_ + options_.quiet;
  }

  const Instant when = next_turn(connection);
  const Instant not_before_now = std::max(when, now_);
  if (!took_turn && connection.turn->when == not_before_now) return;
  auto turn = turns_.extract(connection.turn);
  turn.value() = {not_before_now, ++turns_given_, connection.number};
  connection.turn = turns_.insert(std::move(turn)).position;
}

void Loopback::take_turn(Connection& connection) {
  deliver(connection);
  switch (connection.phase) {
    case Phase::kArriving:
      if (connection.arrives <= now_) accept(connection);
      break;
    case Phase::kServing:
    case Phase::kFlushing:
      serve(connection);
      break;
    case Phase::kDraining:
      drain(connection);
      break;
    case Phase::kGone:
      // Bytes for a connection that the server does not know are answered with a reset.
      if (!connection.to_server.arrived(now_).empty()) {
        connection.to_server.abandon();
        connection.to_client.reset(now_);
      } else {
        connection.to_server.take_end(now_);
      }
      break;
  }
}

void Loopback::deliver(Connection& connection) {
  LoopbackPipe& out = connection.to_client;
  const std::string_view arrived = out.arrived(now_);
  if (!connection.client_exists && !arrived.empty()) {
    connection.reset_to_server(now_);
    out.abandon();
    return;
  }
  if (connection.client_reads && !arrived.empty()) {
    connection.delivered.append(arrived);
    out.drop_front(arrived.size());
  }
  switch (out.take_end(now_)) {
    case StreamEnd::kNone:
      break;
    case StreamEnd::kFinished:
      connection.client_state = ClientState::kEnded;
      break;
    case StreamEnd::kReset:
      connection.client_state = ClientState::kReset;
      break;
  }
}

void Loopback::accept(Connection& connection) {
  std::size_t& of_host = by_host_[connection.host.quota_key()];
  if (of_host == options_.connections_per_host_max) {
    ++refused_;
    connection.phase = Phase::kGone;
    connection.to_client.finish(now_);
    return;
  }
  ++of_host;
  if (connections_ == options_.connections_max) make_room();
  ++connections_;
  connection.phase = Phase::kServing;
  connection.session = engine_.open(connection.host, time());
  by_session_[connection.session] = connection.number;
}

// Closes the connection that was silent for the longest time; where all are closing already, one of
// those.
void Loopback::make_room() {
  const std::optional<engine::SessionId> idle = engine_.longest_idle();
  const std::uint32_t number = idle ? by_session_.at(*idle) : by_session_.begin()->second;
  Connection& connection = at(number);
  ++made_room_;
  if (connection.output.empty()) {
    connection.to_client.finish(now_);
    leave(connection);
  } else {
    reset_by_server(connection);
  }
  reschedule(connection);
}

template <typename Call>
void Loopback::tell_engine(Connection& connection, Call call) {
  engine::OutputBuffer& output = connection.output;
  const std::size_t before = output.size();
  const std::size_t ready_before = output.ready().size();
  const std::uint64_t answered_before = answered();
  call();
  connection.answered += answered() - answered_before;
  output_bytes_ += output.size() - before;
  if (ready_before == 0 && !output.ready().empty()) {
    connection.stall_at = now_ + options_.output_stall;
  }

  reset_longest_waiting(connection);
  if (connection.has_session() && !engine_.is_open(connection.session)) {
    connection.unconsumed = 0;
    connection.phase = Phase::kFlushing;
  }
}

void Loopback::serve(Connection& connection) {
  if (connection.to_server.next_reset() <= now_) {
    // A reset that is under way to the client as well still gets there.
    if (connection.to_client.end() != StreamEnd::kReset) connection.to_client.abandon();
    leave(connection);
    return;
  }
  if (may_read(connection)) take_input(connection);
  if (connection.has_session()) flush(connection);
}

// One read, or what else happened on the connection.
void Loopback::take_input(Connection& connection) {
  LoopbackPipe& in = connection.to_server;
  if (connection.unconsumed == 0) {
    connection.unconsumed =
        std::min({in.arrived(now_).size(), in.piece_at(in.received()), limits::kReadBytesMax});
  }
  if (connection.unconsumed > 0) {
    connection.quiet_untold = true;
    connection.quiet_at = kNever;
    tell_engine(connection, [&] {
      const std::string_view bytes = in.arrived(now_).substr(0, connection.unconsumed);
      const std::size_t consumed =
          engine_.receive(connection.session, as_bytes(bytes), time(), connection.output);
      ROLLCALL_ASSERT(consumed <= bytes.size());
      ROLLCALL_ASSERT(consumed == bytes.size() || !may_read(connection));
      in.drop_front(consumed);
      connection.unconsumed -= consumed;
    });
  } else if (in.take_end(now_) == StreamEnd::kFinished) {
    connection.stream_ended = true;
    tell_engine(connection,
                [&] { engine_.end_of_stream(connection.session, time(), connection.output); });
  } else if (connection.quiet_at <= now_) {
    connection.quiet_untold = false;
    connection.quiet_at = kNever;
    tell_engine(connection, [&] { engine_.quiet(connection.session, time(), connection.output); });
  }
}

// One write, then whatever follows from the output being empty or stuck.
void Loopback::flush(Connection& connection) {
  LoopbackPipe& out = connection.to_client;
  engine::OutputBuffer& output = connection.output;
  const std::size_t ready = output.ready().size();
  const std::size_t bytes = std::min({ready, out.room(), out.piece_at(out.sent())});
  if (bytes > 0) {
    // The client's side of the connection is gone, and says so.
    if (out.end() == StreamEnd::kReset) connection.reset_to_server(now_);
    out.send(output.ready().substr(0, bytes), now_);
    output.drop_front(bytes);
    output_bytes_ -= bytes;
    connection.stall_at = output.ready().empty() ? kNever : now_ + options_.output_stall;
  }
  if (connection.stall_at <= now_) {
    reset_by_server(connection);
    return;
  }
  if (connection.phase == Phase::kFlushing && output.empty()) {
    out.finish(now_);
    connection.phase = Phase::kDraining;
    connection.drain_until = now_ + limits::kDrainTime;
    if (connection.stream_ended) leave(connection);
  }
}

void Loopback::drain(Connection& connection) {
  LoopbackPipe& in = connection.to_server;
  const std::size_t bytes = std::min({in.arrived(now_).size(), in.piece_at(in.received()),
                                      limits::kDrainBytesMax - connection.drained});
  in.drop_front(bytes);
  connection.drained += bytes;
  if (in.take_end(now_) != StreamEnd::kNone || connection.drained == limits::kDrainBytesMax ||
      connection.drain_until <= now_) {
    leave(connection);
  }
}

// While too much waits to be sent; `last` where no other waits.
void Loopback::reset_longest_waiting(Connection& last) {
  while (output_bytes_ > options_.output_total_max) {
    Connection* longest = nullptr;
    for (const auto& [session, number] : by_session_) {
      Connection& each = at(number);
      if (&each == &last || each.stall_at == kNever) continue;
      if (longest == nullptr || each.stall_at < longest->stall_at) longest = &each;
    }
    if (longest == nullptr) return reset_by_server(last);
    reset_by_server(*longest);
    reschedule(*longest);
  }
}

void Loopback::reset_by_server(Connection& connection) {
  connection.to_server.abandon();
  connection.to_client.reset(now_);
  connection.unconsumed = 0;
  leave(connection);
}

void Loopback::leave(Connection& connection) {
  engine_.close(connection.session);
  by_session_.erase(connection.session);
  const auto of_host = by_host_.find(connection.host.quota_key());
  if (--of_host->second == 0) by_host_.erase(of_host);
  --connections_;
  output_bytes_ -= connection.output.size();
  connection.output.release();
  connection.unconsumed = 0;
  connection.phase = Phase::kGone;
}

void Loopback::forget(std::uint32_t number) {
  turns_.erase(at(number).turn);
  slots_[number].reset();
  free_slots_.push_back(number);
}

void Loopback::check_invariants() const {
  engine_.check_invariants();
  ROLLCALL_ASSERT(turns_.size() + free_slots_.size() == slots_.size());
  std::size_t sessions = 0;
  std::size_t output_bytes = 0;
  for (const auto& connection : slots_) {
    if (connection == nullptr) continue;
    connection->to_server.check_invariants();
    connection->to_client.check_invariants();
    ROLLCALL_ASSERT(connection->unconsumed <= connection->to_server.waiting());
    ROLLCALL_ASSERT(connection->turn->connection == connection->number);
    ROLLCALL_ASSERT(connection->turn->when >= now_);
    output_bytes += connection->output.size();
    if (!connection->has_session()) {
      ROLLCALL_ASSERT(connection->output.empty());
      continue;
    }
    ++sessions;
    ROLLCALL_ASSERT(by_session_.at(connection->session) == connection->number);
    ROLLCALL_ASSERT(by_host_.at(connection->host.quota_key()) <= options_.connections_per_host_max);
  }
  ROLLCALL_ASSERT(sessions == connections_);
  ROLLCALL_ASSERT(sessions == by_session_.size());
  ROLLCALL_ASSERT(sessions == engine_.sessions());
  ROLLCALL_ASSERT(sessions <= options_.connections_max);
  ROLLCALL_ASSERT(output_bytes == output_bytes_);
  ROLLCALL_ASSERT(output_bytes <= options_.output_total_max);
}

}  // namespace rollcall::transport
