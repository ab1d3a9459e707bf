// The server: reads its command line, serves until a signal says stop, and tells what it did. Or it
// does something with the data file of a server that does not run.

#include <pthread.h>
#include <signal.h>
#include <sysexits.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "apps/clocks.h"
#include "apps/data_file.h"
#include "apps/durable_list.h"
#include "apps/file_limit.h"
#include "apps/huge_page_memory.h"
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

void say(const std::string& line) { std::cerr << "rollcalld: " + line + '\n'; }

int fail(const Failure& failure) {
  say(failure.line);
  return failure.status;
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
  registry.shards = std::bit_ceil((options.threads + 1) / 2);
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
  // REQUIRES: no other thread runs yet that takes signals.
  Signals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    ::signal(SIGUSR1, SIG_DFL);
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
      : options_(options),
        connections_max_(connections_max),
        log_(options.log_level),
        registry_(registry_options(options), random_, memory_) {}

  // Whatever ended it: first those who make changes, then the thread that tells them of these.
  ~Server() {
    if (tcp_.has_value()) tcp_->stop();
    if (is_list_started_) list_->stop();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int serve() {
    // Who asks for the counters too early gets none; SIGTERM ends the program where it stands, as
    // nothing was promised yet.
    ::signal(SIGUSR1, SIG_IGN);
    if (options_.data_file.has_value()) {
      list_.emplace(*options_.data_file, registry_, options_.durability);
      const auto progress = [this](const std::string& line) { log_.info(printable(line)); };
      if (const auto failure = list_->recover(progress)) return fail(*failure);
    }
    Signals signals;
    tcp_.emplace(registry_, engine_options(options_), tcp_options(options_, connections_max_),
                 random_, &log_, list_.has_value() ? &list_->changes() : nullptr);
    if (const auto failure = tcp_->listen()) {
      return fail({EX_UNAVAILABLE, "cannot listen on " + text_of(failure->endpoint) + ": " +
                                       printable(failure->error.message())});
    }
    start();
    log_.info(wait_for_end(signals) == SIGTERM ? "stopping on SIGTERM" : "stopping on SIGINT");
    signals.let_end_at_once();
    return stop();
  }

  ServerLog& log() { return log_; }

 private:
  void log_recovery() {
    const store::Recovered& recovered = list_->recovered();
    log_.info(printable(*options_.data_file) + " holds " + std::to_string(recovered.active) +
              " active and " + std::to_string(recovered.inactive) + " inactive peers");
  }

  void start() {
    if (list_.has_value()) {
      log_recovery();
      list_->start([this](const store::Resolved& resolved) {
        tcp_->resolve(resolved.up_to, resolved.verdict);
        log_store(resolved.result);
      });
      is_list_started_ = true;
    }
    tcp_->start();
    log_.info("started with --threads " + std::to_string(options_.threads) + " --connections-max " +
              std::to_string(connections_max_));
    for (const engine::Endpoint& endpoint : tcp_->endpoints()) say("ready on " + text_of(endpoint));
  }

  // On the store's thread, which alone knows of `store_result_`.
  void log_store(store::Result result) {
    if (result == std::exchange(store_result_, result)) return;
    switch (result) {
      case store::Result::kDone:
        return log_.info("the data file can be written again");
      case store::Result::kFull:
      case store::Result::kFailed:
        return log_.error("changes are refused: " + printable(list_->error()));
      case store::Result::kDistrusted:
        return log_.error("the data file cannot be trusted any more and is written anew: " +
                          printable(list_->error()));
    }
  }

  int stop() {
    tcp_->stop();
    const bool is_durable = !list_.has_value() || list_->stop();
    log_.report_suppressed(now() + std::chrono::seconds(1));
    if (!is_durable) log_.error("the last changes could not be written to the data file");
    log_.info("stopped");
    print_counters();
    return is_durable ? EX_OK : EX_IOERR;
  }

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
    ServerCounters counters{tcp_->counters(), registry_.counters(), std::nullopt, now() - started_};
    if (list_.has_value()) counters.store = {list_->counters(), list_->sizes()};
    std::cout.clear();  // whoever reads may do so again
    std::cout << counters_json(counters) + '\n' << std::flush;
    if (!std::cout) log_.error("the counters could not be written to standard output");
  }

  const engine::Instant started_ = now();
  const ServerOptions& options_;
  const std::size_t connections_max_;
  ServerLog log_;
  SystemRandom random_;
  HugePageMemory memory_;
  engine::Registry registry_;
  std::optional<DurableList> list_;
  bool is_list_started_ = false;
  std::optional<transport::TcpServer> tcp_;
  store::Result store_result_ = store::Result::kDone;
};

int serve(const ServerOptions& options) {
  const std::size_t room = raise_file_limit(options.threads);
  const std::size_t wanted = options.connections_max.value_or(limits::kDefaultConnectionsMax);
  const std::size_t connections_max = std::min(wanted, room);
  if (connections_max == 0 || (options.connections_max.has_value() && wanted > room)) {
    return fail({EX_CONFIG, "the file limit of this process allows " + std::to_string(room) +
                                " connections, not " + std::to_string(wanted)});
  }

  try {
    Server server(options, connections_max);
    if (connections_max < wanted) {
      server.log().info("the file limit of this process allows " + std::to_string(connections_max) +
                        " connections");
    }
    return server.serve();
  } catch (const std::system_error& error) {
    // The system has no files, threads or memory for what comes before the first connection.
    return fail({EX_OSERR, "cannot start: " + printable(error.what())});
  } catch (const std::bad_alloc&) {
    return fail({EX_OSERR, "cannot start: out of memory"});
  }
}

int run(const ServerOptions& options) {
  switch (options.command) {
    case ServerCommand::kServe:
      return serve(options);
    case ServerCommand::kCheck:
      return check_data_file(options.file);
    case ServerCommand::kExport:
      return export_data_file(options.file, options.with_cookies);
    case ServerCommand::kImport:
      return import_data_file(options.file);
  }
  __builtin_unreachable();
}

std::string_view state_directories() {
  const char* const directories = std::getenv("STATE_DIRECTORY");
  return directories == nullptr ? "" : directories;
}

int main_of(const std::vector<std::string>& arguments) {
  const auto command =
      parse_server_options(arguments, std::thread::hardware_concurrency(), state_directories());
  if (const auto* options = std::get_if<ServerOptions>(&command)) return run(*options);
  return leave_early(std::get<EarlyExit>(command), "rollcalld");
}

}  // namespace
}  // namespace rollcall::apps

int main(int argc, char** argv) {
  const int status = rollcall::apps::main_of({argv + (argc > 0 ? 1 : 0), argv + argc});
  return std::cout ? status : EX_IOERR;
}
