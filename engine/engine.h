#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/change.h"
#include "engine/deadline_queue.h"
#include "engine/held_answers.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/outcome.h"
#include "engine/output_buffer.h"
#include "engine/random.h"
#include "engine/registry/registry.h"
#include "engine/session_table.h"
#include "engine/time.h"
#include "engine/wire/text_response.h"

namespace rollcall::engine {

struct EngineOptions {
  // 20, or 200 for clients that insist on it.
  std::uint16_t success_code = 20;
  // Anyone may ask for the list, with any valid nick.
  bool open_query = false;
  // Peers in an answer to a PQuery without Limit: 1 to limits::kAnswerPeersMax.
  std::size_t answer_peers_max = limits::kDefaultAnswerPeersMax;
  // A connection on which nothing came for this long is closed.
  Duration idle_timeout = limits::kDefaultTtl;
  // This engine sweeps the registry's shards `index`, `index + count`, and so on: where several
  // engines share one registry, each has its own index.
  unsigned index = 0;
  unsigned count = 1;
};

// Bytes that arrived on a connection, for the engine to interpret.
struct Arrival {
  SessionId session;
  std::span<const std::byte> bytes;
  OutputBuffer* out;         // where the answers go
  std::size_t consumed = 0;  // of the bytes, from the first on; set by the engine
};

// What an engine did since it was made.
struct EngineCounters {
  std::array<std::uint64_t, kOutcomes> answers{};  // by outcome
  std::array<std::uint64_t, 4> requests{};         // well-formed ones, by method
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_idle_closed = 0;
};

// The protocol engine: bytes in, answers out. It knows no I/O. A transport opens a session for each
// connection and tells the engine what happened on it; each of these calls appends the answers that
// are ready to `out`, in the order of the requests. `out` is the output that waits on that
// connection: empty, or what could not be sent yet.
//
//   open ─► receive, quiet, end_of_stream, time_out … ─► is_open() false ─► flush, then close
//                                                   └──► connection lost ──────────► close
//
// Where changes go to a store, the answers to them are held in `out` until `resolve` says what
// became of the changes; the transport sends what is ready and flushes only when nothing is held
// any more:
//
//   receive ─► change log ─► … ─► resolve ─► releasable() ─► release ─► ready
//
// Time is handed in and may not go back. One engine belongs to one thread; several may share a
// registry. REQUIRES, of all calls with a session: it was opened and not yet closed.
class Engine {
 public:
  // `changes` takes what the requests change; null where nobody wants to know and nothing is held.
  Engine(Registry& registry, const EngineOptions& options, RandomSource& random,
         ChangeLog* changes = nullptr);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A connection from `host` was accepted.
  SessionId open(const HostAddress& host, Time time);

  // The connection is gone; the session's number may be given to another.
  void close(SessionId session);

  // `bytes` arrived. Consumes a prefix of them and returns its length. It stops early only while
  // `out` has more than limits::kOutputHighMark bytes, or limits::kHeldAnswersMax answers are held:
  // the transport keeps the rest, does not read on, and presents the rest again when some of the
  // output was sent or released. Nothing else is ever left over: an unfinished request is kept
  // here, and what follows a closing answer is dropped.
  std::size_t receive(SessionId session, std::span<const std::byte> bytes, Time time,
                      OutputBuffer& out);

  // The same for several sessions at once, each of them once, in this order: their requests wait
  // for memory together. Sets what was consumed of each arrival that it has looked at, and returns
  // how many these are: all of them, or fewer where the answers to these may have more
  // than limits::kOutputHighMark bytes together, and are better sent before there are more.
  std::size_t receive(std::span<Arrival> arrivals, Time time);

  // The connection was being read, nothing came for the quiet time, and a last read found nothing.
  // To be told once for each silence, where `awaits_quiet` says so.
  void quiet(SessionId session, Time time, OutputBuffer& out);
  bool awaits_quiet(SessionId session) const;

  // The client shut down its sending side; every byte before that was consumed.
  void end_of_stream(SessionId session, Time time, OutputBuffer& out);

  // False once nothing more will be interpreted: the transport flushes the output, then closes.
  bool is_open(SessionId session) const;

  // The session whose timer is due at `now`, if there is one: the caller hands it to `time_out`
  // with its output, and asks again.
  std::optional<SessionId> due(Instant now) const;
  void time_out(SessionId session, Time time, OutputBuffer& out);

  // All changes whose ticket is no higher than `up_to`, and whose fate was not told before, are
  // durable or not. Then `releasable` gives the sessions with answers to them, one after the other,
  // and `release` makes these ready: as they are, or rewritten to say that the outcome is unknown,
  // whereupon the session closes. REQUIRES: releasable() is empty.
  void resolve(Ticket up_to, Verdict verdict);
  std::optional<SessionId> releasable();
  void release(SessionId session, OutputBuffer& out);
  // Answers of this session that are held.
  std::size_t held_answers(SessionId session) const { return held_.count(session); }

  // A bounded step of the registry's background work, to be called when `next_deadline` has come;
  // while there is more to do, `next_deadline` stays in the past.
  void tick(Time time);

  // When `due` or `tick` will next have something to do; kNever if nothing is foreseen.
  Instant next_deadline() const;

  // The session on which nothing came for the longest time.
  std::optional<SessionId> longest_idle() const;
  // When its last byte came. REQUIRES: longest_idle() is not empty.
  Instant longest_idle_since() const;

  std::size_t sessions() const { return sessions_.size(); }
  const EngineCounters& counters() const { return counters_; }

  // Asserts what must always hold of the engine and its sessions. Takes time in proportion.
  void check_invariants() const;

 private:
  // A stretch of the batch that ends before message `end`: changes, or queries, or one message that
  // is refused anyway. A query lists what the changes before it made.
  struct Run {
    std::size_t end;
    bool is_query;
  };

  // The messages of the batch that came in one arrival: those before `end`, from the part before
  // on.
  struct Part {
    Arrival* arrival;
    std::size_t start;  // in its bytes
    std::size_t end;
  };

  // Parses an arrival, and answers it but for what stays in the batch.
  void receive(Arrival& arrival, Time time);
  // The messages of the batch from `first` on make a part.
  void assign(std::size_t first, Arrival& arrival, std::size_t start);
  // Answers the messages of the batch, each session's until its output is over its mark; the first
  // one always. Leaves the batch empty.
  void answer_batch(Time time);
  // Answers the messages of a part that are in a run. Returns the number of the one to go on with.
  std::size_t answer_part(const Part& part, std::size_t next, const Run& run, Time time);
  // The first message of the batch is all there is.
  void answer_only(SessionId id, Time time, OutputBuffer& out);
  Run execute_run(std::size_t first, Time time);
  void execute_changes(std::span<Operation> changes, Time time);
  void answer(const Message& message, const Operation* operation, Time time, OutputBuffer& out);
  // The answer that begins at `before` in `out` waits for the store, or behind one that does.
  void hold_back(SessionId id, const Message& message, const Operation* operation,
                 std::size_t before, OutputBuffer& out);
  bool may_execute(SessionId id, const OutputBuffer& out) const;
  void release_unknown(SessionId id, OutputBuffer& out);
  void write_list(ServerResponse& response, const Request& request, Instant now, OutputBuffer& out);
  std::size_t peers_max(const Request& query) const;

  Instant idle_deadline(SessionId id) const;
  void close_session(SessionId id);
  void schedule(SessionId id);

  Registry& registry_;
  const EngineOptions options_;
  ChangeLog* const changes_;
  const TextResponseWriter writer_;
  SampleCursor samples_;

  SessionTable sessions_;
  DeadlineQueue deadlines_;  // of unfinished requests, by session
  HeldAnswers held_;
  std::optional<Ticket> ticket_;  // of the changes of this run, if answers to them are held
  Ticket resolved_up_to_ = 0;
  Verdict verdict_ = Verdict::kDurable;
  Instant next_sweep_{};
  std::size_t sweep_from_;  // the shard that the next sweep begins with

  // Scratch space, so that a request in steady state allocates nothing.
  MessageBatch batch_;
  std::array<Part, limits::kBatchRequestsMax> parts_;
  std::size_t parts_size_ = 0;
  std::size_t list_bytes_ = 0;      // that the lists of the batch may take
  std::size_t answered_bytes_ = 0;  // of answers to what arrived together, so far
  std::array<Operation, limits::kBatchRequestsMax> operations_;  // that the messages ask for

  EngineCounters counters_;
};

}  // namespace rollcall::engine
