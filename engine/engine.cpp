#include "engine/engine.h"

#include <algorithm>
#include <string_view>

#include "engine/assert.h"

namespace rollcall::engine {

Engine::Engine(Registry& registry, const EngineOptions& options, RandomSource& random,
               ChangeLog* changes)
    : registry_(registry),
      options_(options),
      changes_(changes),
      writer_(options.success_code),
      samples_(SampleGenerator(random)),
      sweep_from_(options.index) {
  ROLLCALL_ASSERT(options.index < options.count);
  ROLLCALL_ASSERT(options.answer_peers_max >= 1);
  ROLLCALL_ASSERT(options.answer_peers_max <= limits::kAnswerPeersMax);
  ROLLCALL_ASSERT(options.idle_timeout > Duration::zero());
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    operations_[i].request = &batch_.messages[i].request;
  }
}

SessionId Engine::open(const HostAddress& host, Time time) {
  ++counters_.sessions_opened;
  return sessions_.add(host, time.now);
}

void Engine::close(SessionId session) {
  held_.forget(session);
  close_session(session);
  sessions_.remove(session);
}

bool Engine::may_execute(SessionId id, const OutputBuffer& out) const {
  return out.size() <= limits::kOutputHighMark && held_.count(id) < limits::kHeldAnswersMax;
}

std::size_t Engine::receive(SessionId id, std::span<const std::byte> bytes, Time time,
                            OutputBuffer& out) {
  Arrival arrival{id, bytes, &out};
  receive({&arrival, 1}, time);
  return arrival.consumed;
}

std::size_t Engine::receive(std::span<Arrival> arrivals, Time time) {
  std::size_t taken = 0;
  answered_bytes_ = 0;
  while (taken < arrivals.size() && answered_bytes_ + list_bytes_ <= limits::kOutputHighMark) {
    Arrival& arrival = arrivals[taken++];
    sessions_.touch(arrival.session, time.now);
    receive(arrival, time);
  }
  answer_batch(time);
  for (Arrival& arrival : arrivals.first(taken)) {
    if (sessions_[arrival.session].is_open()) {
      schedule(arrival.session);
    } else {
      close_session(arrival.session);
      arrival.consumed = arrival.bytes.size();
    }
  }
  return taken;
}

void Engine::receive(Arrival& arrival, Time time) {
  const std::string_view text(reinterpret_cast<const char*>(arrival.bytes.data()),
                              arrival.bytes.size());
  Session& session = sessions_[arrival.session];
  arrival.consumed = 0;
  while (session.is_open() && arrival.consumed < text.size() &&
         may_execute(arrival.session, *arrival.out)) {
    const std::size_t first = batch_.size;
    const std::size_t start = arrival.consumed;
    arrival.consumed = start + session.parse(text.substr(start), time.now, batch_);
    if (batch_.size == first) continue;
    assign(first, arrival, start);
    const bool is_full = batch_.size == batch_.messages.size();
    const bool is_all = start + batch_.ends[batch_.size - 1] == text.size();
    // Others may stand beside them, but no more lists in memory than a mark is meant for.
    if (is_all && !is_full && list_bytes_ <= limits::kOutputHighMark) return;
    // What follows is parsed when these are answered.
    answer_batch(time);
  }
}

void Engine::assign(std::size_t first, Arrival& arrival, std::size_t start) {
  parts_[parts_size_++] = {&arrival, start, batch_.size};
  const HostAddress& host = sessions_[arrival.session].host();
  for (std::size_t i = first; i < batch_.size; ++i) {
    operations_[i].from = &host;
    const Message& message = batch_.messages[i];
    if (message.outcome == Outcome::kSuccess && message.request.method == Method::kPQuery) {
      list_bytes_ += peers_max(message.request) * limits::kPeerTextBytesMax;
    }
  }
}

void Engine::answer_batch(Time time) {
  if (batch_.size == 0) return;
  samples_.scatter();
  std::size_t next = 0;
  const Part* part = parts_.data();
  while (next < batch_.size) {
    const Run run = execute_run(next, time);
    while (next < run.end) {
      next = answer_part(*part, next, run, time);
      if (next == part->end) ++part;
    }
  }
  batch_.size = parts_size_ = list_bytes_ = 0;
}

std::size_t Engine::answer_part(const Part& part, std::size_t next, const Run& run, Time time) {
  const SessionId id = part.arrival->session;
  Session& session = sessions_[id];
  OutputBuffer& out = *part.arrival->out;
  const bool is_holding = ticket_.has_value() || held_.count(id) > 0;
  const std::size_t end = std::min(part.end, run.end);
  while (next < end) {
    const Message& message = batch_.messages[next];
    const bool is_executed = message.outcome == Outcome::kSuccess;
    const Operation* const operation = is_executed ? &operations_[next] : nullptr;
    const std::size_t before = out.size();
    answer(message, operation, time, out);
    answered_bytes_ += out.size() - before;
    if (is_holding) hold_back(id, message, operation, before, out);
    session.answered(message);
    ++next;
    if (run.is_query && out.size() > limits::kOutputHighMark) break;
  }
  part.arrival->consumed = part.start + batch_.ends[next - 1];
  return may_execute(id, out) ? next : part.end;
}

Engine::Run Engine::execute_run(std::size_t first, Time time) {
  ticket_.reset();
  const auto is_executed = [this](std::size_t i) {
    return batch_.messages[i].outcome == Outcome::kSuccess;
  };
  const auto is_query = [this](std::size_t i) {
    return batch_.messages[i].request.method == Method::kPQuery;
  };
  if (!is_executed(first)) return {first + 1, false};
  Run run{first + 1, is_query(first)};
  while (run.end < batch_.size && is_executed(run.end) && is_query(run.end) == run.is_query) {
    ++run.end;
  }
  const auto operations = std::span(operations_).subspan(first, run.end - first);
  if (run.is_query) {
    registry_.execute(operations, options_.open_query, time, nullptr);
  } else {
    execute_changes(operations, time);
  }
  return run;
}

void Engine::execute_changes(std::span<Operation> changes, Time time) {
  if (changes_ != nullptr && !changes_->accepts()) {
    for (Operation& operation : changes) operation.outcome = Outcome::kStoreUnavailable;
    return;
  }
  registry_.execute(changes, options_.open_query, time, changes_);
  const auto is_done = [](const Operation& o) { return o.outcome == Outcome::kSuccess; };
  if (changes_ != nullptr && std::ranges::any_of(changes, is_done)) ticket_ = changes_->ticket();
}

void Engine::answer(const Message& message, const Operation* operation, Time time,
                    OutputBuffer& out) {
  ServerResponse response;
  response.framing = message.framing;
  response.outcome = operation == nullptr ? message.outcome : operation->outcome;
  ++counters_.answers[static_cast<std::size_t>(response.outcome)];
  if (operation != nullptr) ++counters_.requests[static_cast<std::size_t>(message.request.method)];

  if (response.outcome == Outcome::kSuccess) {
    if (message.request.method == Method::kPQuery) {
      return write_list(response, message.request, time.now, out);
    }
    if (message.request.cookie_header == CookieHeader::kNew) response.cookie = operation->issued;
  }
  writer_.write(response, out);
}

void Engine::hold_back(SessionId id, const Message& message, const Operation* operation,
                       std::size_t before, OutputBuffer& out) {
  const std::size_t bytes = out.size() - before;
  // A run has a ticket only if it is one of changes.
  if (ticket_.has_value() && operation != nullptr && operation->outcome == Outcome::kSuccess) {
    held_.add(id, *ticket_, bytes, message.framing);
  } else if (held_.count(id) > 0) {
    held_.add_behind(id, bytes);
  } else {
    return;
  }
  out.hold(bytes);
}

void Engine::resolve(Ticket up_to, Verdict verdict) {
  ROLLCALL_ASSERT(!releasable().has_value());
  resolved_up_to_ = up_to;
  verdict_ = verdict;
}

std::optional<SessionId> Engine::releasable() {
  const HeldAnswers::Series* next = held_.next(resolved_up_to_);
  return next == nullptr ? std::nullopt : std::optional(next->session);
}

void Engine::release(SessionId id, OutputBuffer& out) {
  if (verdict_ != Verdict::kDurable) return release_unknown(id, out);
  for (auto series = held_.next(resolved_up_to_); series != nullptr && series->session == id;
       series = held_.next(resolved_up_to_)) {
    out.let_go(series->bytes() + series->behind_bytes);
    held_.take_next();
  }
}

void Engine::release_unknown(SessionId id, OutputBuffer& out) {
  const std::size_t ready = out.ready().size();
  const std::string held(out.view().substr(ready));
  std::string_view rest = held;
  out.let_go(out.held());
  out.drop_back(held.size());

  ServerResponse response;
  response.outcome =
      verdict_ == Verdict::kFailed ? Outcome::kStoreFailed : Outcome::kServerStopping;
  for (auto series = held_.next(resolved_up_to_); series != nullptr && series->session == id;
       series = held_.next(resolved_up_to_)) {
    response.framing = series->framing;
    for (std::uint32_t i = 0; i < series->answers; ++i) writer_.write(response, out);
    counters_.answers[static_cast<std::size_t>(response.outcome)] += series->answers;
    counters_.answers[static_cast<std::size_t>(Outcome::kSuccess)] -= series->answers;
    rest.remove_prefix(series->bytes());
    out.append(rest.substr(0, series->behind_bytes));
    rest.remove_prefix(series->behind_bytes);
    held_.take_next();
  }
  out.append(rest);
  out.hold(rest.size());
  close_session(id);
}

void Engine::write_list(ServerResponse& response, const Request& request, Instant now,
                        OutputBuffer& out) {
  if (request.limit != 0) response.total = registry_.active();
  writer_.write_list(response, out, [&](OutputBuffer& list) {
    registry_.append_listing(peers_max(request), samples_, now, list);
  });
}

std::size_t Engine::peers_max(const Request& query) const {
  return query.limit != 0 ? query.limit : options_.answer_peers_max;
}

void Engine::quiet(SessionId id, Time time, OutputBuffer& out) {
  Session& session = sessions_[id];
  if (session.quiet(batch_.messages[0])) answer_only(id, time, out);
  schedule(id);
}

bool Engine::awaits_quiet(SessionId session) const { return sessions_[session].awaits_quiet(); }

void Engine::end_of_stream(SessionId id, Time time, OutputBuffer& out) {
  Session& session = sessions_[id];
  if (session.is_open() && session.end_of_stream(batch_.messages[0])) {
    answer_only(id, time, out);
  }
  close_session(id);
}

bool Engine::is_open(SessionId session) const { return sessions_[session].is_open(); }

std::optional<SessionId> Engine::due(Instant now) const {
  if (deadlines_.earliest() <= now) return static_cast<SessionId>(deadlines_.front());
  const auto idle = sessions_.longest_idle();
  if (idle.has_value() && idle_deadline(*idle) <= now) return idle;
  return std::nullopt;
}

void Engine::time_out(SessionId id, Time time, OutputBuffer& out) {
  Session& session = sessions_[id];
  if (session.deadline() <= time.now) {
    session.time_out(batch_.messages[0]);
    answer_only(id, time, out);
  } else if (session.is_open() && idle_deadline(id) <= time.now) {
    ++counters_.sessions_idle_closed;
    session.close();
  }
  session.is_open() ? schedule(id) : close_session(id);
}

void Engine::answer_only(SessionId id, Time time, OutputBuffer& out) {
  Arrival nothing{id, {}, &out};
  batch_.size = 1;
  batch_.ends[0] = 0;
  assign(0, nothing, 0);
  answer_batch(time);
}

Instant Engine::idle_deadline(SessionId id) const {
  return sessions_.last_active(id) + options_.idle_timeout;
}

void Engine::close_session(SessionId id) {
  sessions_[id].close();
  sessions_.retire(id);
  deadlines_.clear(static_cast<std::uint32_t>(id));
}

void Engine::schedule(SessionId id) {
  const Instant deadline = sessions_[id].deadline();
  if (deadline == kNever) {
    deadlines_.clear(static_cast<std::uint32_t>(id));
  } else {
    deadlines_.set(static_cast<std::uint32_t>(id), deadline);
  }
}

void Engine::tick(Time time) {
  // Shards take turns, so that one with much to do keeps none of the others waiting for long.
  for (std::size_t turn = options_.index; turn < registry_.shards(); turn += options_.count) {
    const std::size_t shard = sweep_from_;
    sweep_from_ += options_.count;
    if (sweep_from_ >= registry_.shards()) sweep_from_ = options_.index;
    if (registry_.sweep(shard, time.now)) {
      next_sweep_ = time.now;
      return;
    }
  }
  next_sweep_ = time.now + limits::kWheelSlot;
}

Instant Engine::next_deadline() const {
  Instant next = std::min(next_sweep_, deadlines_.earliest());
  const auto idle = sessions_.longest_idle();
  if (idle.has_value()) next = std::min(next, idle_deadline(*idle));
  return next;
}

std::optional<SessionId> Engine::longest_idle() const { return sessions_.longest_idle(); }

Instant Engine::longest_idle_since() const {
  const auto idle = sessions_.longest_idle();
  ROLLCALL_ASSERT(idle.has_value());
  return sessions_.last_active(*idle);
}

void Engine::check_invariants() const {
  ROLLCALL_ASSERT(batch_.size == 0);
  ROLLCALL_ASSERT(parts_size_ == 0);
  ROLLCALL_ASSERT(list_bytes_ == 0);
  sessions_.check_invariants();
  deadlines_.check_invariants();
  held_.check_invariants();
}

}  // namespace rollcall::engine
