#include "transport/tcp_server.h"

#include <asio/post.hpp>
#include <future>

#include "engine/assert.h"
#include "transport/tcp_acceptor.h"
#include "transport/tcp_admission.h"
#include "transport/tcp_worker.h"

namespace rollcall::transport {
namespace {

std::vector<std::unique_ptr<TcpWorker>> make_workers(
    engine::Registry& registry, engine::EngineOptions engine_options, const TcpOptions& options,
    engine::RandomSource& random, engine::ChangeLog* changes, TcpAdmission& admission,
    TcpEventCounters& events) {
  std::vector<std::unique_ptr<TcpWorker>> workers;
  engine_options.count = options.threads;
  for (unsigned i = 0; i < options.threads; ++i) {
    engine_options.index = i;
    workers.push_back(std::make_unique<TcpWorker>(registry, engine_options, options, random,
                                                  changes, admission, events));
  }
  return workers;
}

const TcpOptions& checked(const TcpOptions& options) {
  ROLLCALL_ASSERT(!options.listen.empty());
  ROLLCALL_ASSERT(options.threads >= 1);
  ROLLCALL_ASSERT(options.threads <= engine::limits::kThreadsMax);
  ROLLCALL_ASSERT(options.quiet >= engine::limits::kQuietMin);
  ROLLCALL_ASSERT(options.quiet <= engine::limits::kQuietMax);
  ROLLCALL_ASSERT(options.connections_max >= 1);
  ROLLCALL_ASSERT(options.connections_per_host_max >= 1);
  return options;
}

}  // namespace

struct TcpServer::Implementation {
  enum class Stage : std::uint8_t { kMade, kListening, kServing, kStopped };

  Implementation(engine::Registry& registry, const engine::EngineOptions& engine_options,
                 const TcpOptions& tcp_options, engine::RandomSource& random, TcpObserver* observer,
                 engine::ChangeLog* changes)
      : options(checked(tcp_options)),
        admission(options.connections_max, options.connections_per_host_max, random),
        events(observer),
        workers(
            make_workers(registry, engine_options, options, random, changes, admission, events)),
        acceptor(workers, admission, events) {}

  // Runs `work` where the acceptor lives, and waits for its end.
  template <typename Work>
  void on_acceptor(Work work) {
    std::promise<void> done;
    asio::post(workers.front()->context(), [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Stops the first `count` workers, which are those that run.
  void stop_workers(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) workers[i]->begin_stop();
    for (std::size_t i = 0; i < count; ++i) workers[i]->join();
  }

  const TcpOptions options;
  Stage stage = Stage::kMade;
  TcpAdmission admission;
  TcpEventCounters events;
  std::vector<std::unique_ptr<TcpWorker>> workers;
  TcpAcceptor acceptor;
};

TcpServer::TcpServer(engine::Registry& registry, const engine::EngineOptions& engine_options,
                     const TcpOptions& options, engine::RandomSource& random, TcpObserver* observer,
                     engine::ChangeLog* changes)
    : implementation_(std::make_unique<Implementation>(registry, engine_options, options, random,
                                                       observer, changes)) {}

TcpServer::~TcpServer() { stop(); }

std::optional<ListenError> TcpServer::listen() {
  ROLLCALL_ASSERT(implementation_->stage == Implementation::Stage::kMade);
  const auto error = implementation_->acceptor.listen(implementation_->options.listen);
  if (!error.has_value()) implementation_->stage = Implementation::Stage::kListening;
  return error;
}

const std::vector<engine::Endpoint>& TcpServer::endpoints() const {
  return implementation_->acceptor.endpoints();
}

void TcpServer::start() {
  ROLLCALL_ASSERT(implementation_->stage == Implementation::Stage::kListening);
  std::size_t started = 0;
  try {
    for (; started < implementation_->workers.size(); ++started) {
      implementation_->workers[started]->start();
    }
  } catch (...) {
    implementation_->stop_workers(started);
    throw;
  }
  implementation_->stage = Implementation::Stage::kServing;
  implementation_->on_acceptor([this] { implementation_->acceptor.start(); });
}

void TcpServer::stop() {
  if (implementation_->stage == Implementation::Stage::kServing) {
    implementation_->on_acceptor([this] { implementation_->acceptor.stop(); });
    implementation_->stop_workers(implementation_->workers.size());
  }
  implementation_->stage = Implementation::Stage::kStopped;
}

void TcpServer::resolve(engine::Ticket up_to, engine::Verdict verdict) {
  for (const auto& worker : implementation_->workers) worker->resolve(up_to, verdict);
}

TcpCounters TcpServer::counters() const {
  TcpCounters sum;
  sum.connections_open = implementation_->admission.connections();
  sum.connections_accepted = implementation_->acceptor.accepted();
  sum.events = implementation_->events.counts();
  for (const auto& worker : implementation_->workers) {
    const engine::EngineCounters counters = worker->counters();
    for (std::size_t i = 0; i < counters.answers.size(); ++i) {
      sum.engine.answers[i] += counters.answers[i];
    }
    for (std::size_t i = 0; i < counters.requests.size(); ++i) {
      sum.engine.requests[i] += counters.requests[i];
    }
    sum.engine.sessions_opened += counters.sessions_opened;
    sum.engine.sessions_idle_closed += counters.sessions_idle_closed;
  }
  return sum;
}

void TcpServer::check_invariants() const {
  for (const auto& worker : implementation_->workers) worker->check_invariants();
}

std::string_view text_of(TcpEvent event) {
  switch (event) {
    case TcpEvent::kHostFull:
      return "connection refused: its host has too many";
    case TcpEvent::kMadeRoom:
      return "longest idle connection closed to make room";
    case TcpEvent::kOutputStalled:
      return "connection reset: it does not read its answers";
    case TcpEvent::kOutputTooMuch:
      return "connection reset: too much output waits";
    case TcpEvent::kFilesExhausted:
      return "accepting pauses";
    case TcpEvent::kAcceptFailed:
      return "accepting failed";
  }
  return {};
}

}  // namespace rollcall::transport
