#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "engine/change.h"
#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/random.h"
#include "engine/time.h"
#include "engine/wire/address_text.h"

namespace rollcall::transport {

struct TcpOptions {
  // Where to listen, at least one. Port 0 lets the system pick one.
  std::vector<engine::Endpoint> listen;
  // 1 to limits::kThreadsMax.
  unsigned threads = 1;
  // limits::kQuietMin to limits::kQuietMax.
  engine::Duration quiet = engine::limits::kDefaultQuiet;
  std::size_t connections_max = engine::limits::kDefaultConnectionsMax;
  std::size_t connections_per_host_max = engine::limits::kDefaultConnectionsPerHostMax;
  // Shorter where a test cannot wait for it.
  engine::Duration output_stall = engine::limits::kOutputStall;
  // A thread's. Less where a test cannot fill it.
  std::size_t output_total_max = engine::limits::kOutputTotalMax;
};

// What an operator may want to know of besides the counters.
enum class TcpEvent : std::uint8_t {
  kHostFull,       // accepted and closed: the host has as many connections as one may have
  kMadeRoom,       // the longest idle connection was closed for a new one
  kOutputStalled,  // reset: its output made no progress for TcpOptions::output_stall
  kOutputTooMuch,  // reset: the thread held over TcpOptions::output_total_max, this one for longest
  kFilesExhausted,  // accepting pauses: the process or the system has no file or memory left
  kAcceptFailed,    // accepting failed for another reason, and pauses as well
};

inline constexpr std::size_t kTcpEvents = static_cast<std::size_t>(TcpEvent::kAcceptFailed) + 1;

// A short phrase, `accepting pauses` for example. Printable ASCII, static.
std::string_view text_of(TcpEvent event);

// Takes the events of a server. The server itself does not log.
class TcpObserver {
 public:
  virtual ~TcpObserver() = default;

  // `host` is the client's, where there is one; `error` is set where the system gave a reason.
  // Called on the server's threads, on several at once: it must be quick, and may not call the
  // server.
  virtual void observe(TcpEvent event, const std::optional<engine::HostAddress>& host,
                       std::error_code error) = 0;
};

struct TcpCounters {
  std::size_t connections_open = 0;
  std::uint64_t connections_accepted = 0;  // including those that were refused
  std::array<std::uint64_t, kTcpEvents> events{};
  engine::EngineCounters engine;  // the sum over all threads
};

// Why a listener could not be opened.
struct ListenError {
  engine::Endpoint endpoint;
  std::error_code error;
};

// The engine behind TCP: several threads, each with an event loop and an Engine of its own, all of
// them on one registry.
//
//   TcpServer ─► listen ─► start ─► (serves) ─► stop
//
// The calls below belong to one thread, the owner's; the registry, the sources and the observer
// outlive the server. The process ignores SIGPIPE or not, the server does not care.
class TcpServer {
 public:
  // `engine_options` is what each engine gets, save for `index` and `count`. `observer` and
  // `changes` may be null; `changes` is called on all threads, as the registry says.
  TcpServer(engine::Registry& registry, const engine::EngineOptions& engine_options,
            const TcpOptions& options, engine::RandomSource& random,
            TcpObserver* observer = nullptr, engine::ChangeLog* changes = nullptr);
  // Stops, if that was not done.
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  // Opens every listener, or none and says which one could not be. From here on the system takes
  // connections; they are served once the server started. REQUIRES: called once, before start().
  std::optional<ListenError> listen();

  // Where it listens, with the ports that were picked, in the order of TcpOptions::listen.
  // REQUIRES: listen() succeeded.
  const std::vector<engine::Endpoint>& endpoints() const;

  // Starts the threads. Throws std::system_error if the system has not as many; then none is left.
  // REQUIRES: listen() succeeded.
  void start();

  // Takes no new connections, sends the answers on their way for at most limits::kStopTime, closes
  // everything and joins the threads. Answers that still wait for the store by then say that the
  // outcome is unknown. Does nothing the second time.
  void stop();

  // What became of changes, as the store says: see engine::Engine::resolve. May be called on any
  // thread, from before `start` until after `stop`, each time with a higher ticket.
  void resolve(engine::Ticket up_to, engine::Verdict verdict);

  // Consistent within a thread; between threads a request's time apart.
  TcpCounters counters() const;

  // Asserts what must always hold of the threads and their connections. Takes time in proportion.
  void check_invariants() const;

 private:
  // Keeps Asio out of this header.
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace rollcall::transport
