// The server: reads its command line, serves until a signal says stop, and tells what it did.

#include <pthread.h>
#include <signal.h>
#include <sysexits.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <variant>

#include "apps/file_limit.h"
#include "apps/printable.h"
#include "apps/server_counters.h"
#include "apps/server_log.h"
#include "apps/server_options.h"
#include "apps/system_random.h"
#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "transport/tcp_server.h"

namespace rollcall::apps {
namespace {

namespace limits = engine::limits;

// Locks that threads meet at cost more than shards that a listing looks into.
constexpr unsigned kShardsPerThread = 4;

void say(const std::string& line) { std::cerr << "rollcalld: " + line + '\n'; }

int fail(int status, const std::string& line) {
  say(line);
  return status;
}

engine::Instant now() {
  return engine::Instant(std::chrono::steady_clock::now().time_since_epoch());
}

std::string text_of(const engine::Endpoint& endpoint) {
  char text[engine::kEndpointTextBytesMax];
  return std::string(text, engine::write_endpoint(endpoint, text));
}

engine::RegistryOptions registry_options(const ServerOptions& options) {
  engine::RegistryOptions registry;
  registry.ttl = options.ttl;
  registry.peers_max = options.peers_max;
  registry.peers_per_host_max = options.peers_per_host_max;
  registry.shards = options.threads == 1 ? 1 : std::bit_ceil(options.threads * kShardsPerThread);
  return registry;
}

engine::EngineOptions engine_options(const ServerOptions& options) {
  engine::EngineOptions engine;
  engine.success_code = options.success_code;
  engine.open_query = options.open_query;
  engine.answer_peers_max = options.answer_peers_max;
  engine.idle_timeout = options.idle_timeout;
  return engine;
}

transport::TcpOptions tcp_options(const ServerOptions& options, std::size_t connections_max) {
  transport::TcpOptions tcp;
  tcp.listen = options.listen;
  tcp.threads = options.threads;
  tcp.quiet = options.quiet;
  tcp.connections_max = connections_max;
  tcp.connections_per_host_max = options.connections_per_host_max;
  return tcp;
}

// The signals that the program waits for. They are blocked in every thread, so that each is taken
// between two steps of the main thread and nowhere else.
class Signals {
 public:
  // REQUIRES: no other thread runs yet.
  Signals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }

  // Waits for the next one, a second at most; empty if none came.
  std::optional<int> next() {
    const timespec second{1, 0};
    const int signal = sigtimedwait(&signals_, nullptr, &second);
    return signal > 0 ? std::optional(signal) : std::nullopt;
  }

  // From here on another SIGTERM or SIGINT ends the program at once.
  void let_end_at_once() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGTERM, SIGINT}) {
      ::signal(signal, SIG_DFL);
      sigaddset(&ending, signal);
    }
    pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  }

 private:
  sigset_t signals_;
};

class Server {
 public:
  Server(const ServerOptions& options, std::size_t connections_max)
      : threads_(options.threads),
        connections_max_(connections_max),
        log_(options.log_level),
        registry_(registry_options(options), random_),
        tcp_(registry_, engine_options(options), tcp_options(options, connections_max), random_,
             &log_) {}

  int serve(Signals& signals) {
    if (const auto failure = tcp_.listen()) {
      return fail(EX_UNAVAILABLE, "cannot listen on " + text_of(failure->endpoint) + ": " +
                                      printable(failure->error.message()));
    }
    tcp_.start();
    log_.info("started with --threads " + std::to_string(threads_) + " --connections-max " +
              std::to_string(connections_max_));
    for (const engine::Endpoint& endpoint : tcp_.endpoints()) say("ready on " + text_of(endpoint));

    log_.info(wait_for_end(signals) == SIGTERM ? "stopping on SIGTERM" : "stopping on SIGINT");
    signals.let_end_at_once();
    tcp_.stop();
    log_.report_suppressed(now() + std::chrono::seconds(1));
    log_.info("stopped");
    print_counters();
    return EX_OK;
  }

  ServerLog& log() { return log_; }

 private:
  int wait_for_end(Signals& signals) {
    while (true) {
      const std::optional<int> signal = signals.next();
      log_.report_suppressed(now());
      if (!signal.has_value()) continue;
      if (*signal != SIGUSR1) return *signal;
      print_counters();
    }
  }

  void print_counters() {
    const engine::Duration uptime = now() - started_;
    std::cout << counters_json(tcp_.counters(), registry_.counters(), uptime) + '\n' << std::flush;
  }

  const engine::Instant started_ = now();
  const unsigned threads_;
  const std::size_t connections_max_;
  ServerLog log_;
  SystemRandom random_;
  engine::Registry registry_;
  transport::TcpServer tcp_;
};

int run(const ServerOptions& options) {
  const std::size_t room = raise_file_limit();
  const std::size_t wanted = options.connections_max.value_or(limits::kDefaultConnectionsMax);
  const std::size_t connections_max = std::min(wanted, room);
  if (connections_max == 0 || (options.connections_max.has_value() && wanted > room)) {
    return fail(EX_CONFIG, "the file limit of this process allows " + std::to_string(room) +
                               " connections, not " + std::to_string(wanted));
  }

  Signals signals;
  try {
    Server server(options, connections_max);
    if (connections_max < wanted) {
      server.log().info("the file limit of this process allows " + std::to_string(connections_max) +
                        " connections");
    }
    return server.serve(signals);
  } catch (const std::system_error& error) {
    // The system has no files, threads or memory for what comes before the first connection.
    return fail(EX_OSERR, "cannot start: " + printable(error.what()));
  }
}

}  // namespace
}  // namespace rollcall::apps

int main(int argc, char** argv) {
  using namespace rollcall::apps;
  const auto command =
      parse_server_options({argv + 1, argv + argc}, std::thread::hardware_concurrency());
  if (const auto* exit = std::get_if<EarlyExit>(&command)) return leave_early(*exit, "rollcalld");
  return run(std::get<ServerOptions>(command));
}
