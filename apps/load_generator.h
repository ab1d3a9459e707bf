#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/answer_judge.h"
#include "apps/latency_histogram.h"
#include "apps/load_failure.h"
#include "apps/load_options.h"
#include "apps/load_schedule.h"
#include "apps/load_script.h"
#include "engine/time.h"

namespace rollcall::apps {

// How fast scripts are played, and for how long.
struct LoadPace {
  // A closed loop has as many unanswered requests on each connection at any time, and an open one
  // at most as many. REQUIRES: at least 1.
  std::size_t in_flight = 1;
  // Requests a second of an open loop, on all connections together; 0 for a closed one.
  double rate = 0;
  engine::Duration warmup{};  // played, but not measured
  // Empty: each script is played once, and measured from its beginning. REQUIRES, then: no rate and
  // no warm-up.
  std::optional<engine::Duration> time;
};

// What was measured while scripts were played.
struct LoadResult {
  std::uint64_t answers = 0;        // in `time`
  std::uint64_t answer_bytes = 0;   // that came in `time`
  std::uint64_t wrong_answers = 0;  // from the first to the last, warm-up and all
  std::string first_wrong_answer;   // as the server sent it
  engine::Duration time{};
  // Of each request that was begun in `time`: in a closed loop from its write, in an open one from
  // when the schedule wanted it written; to the read that completed its answer.
  LatencyHistogram latency;
  // In an open loop, of each request that was written in `time`, from its write.
  LatencyHistogram since_sent;
  // In an open loop, requests that were due but for which there was no room in flight until the
  // time was over. They are never sent, and `latency` has the time that they had waited by then.
  std::uint64_t unsent = 0;
  // Processor time while it was measured: this program's (close to the time itself, it was this
  // program that could not go faster) and the server's, if its process is known, with its memory.
  engine::Duration own_processor_time{};
  std::optional<engine::Duration> server_processor_time;
  std::optional<std::size_t> server_resident_bytes;

  double per_second() const {
    return static_cast<double>(answers) / std::chrono::duration<double>(time).count();
  }
};

// For somebody who watches.
struct LoadProgress {
  std::uint64_t answers = 0;  // since the beginning
  double per_second = 0;      // since the last one
  engine::Duration p99{};     // of what was measured so far
};

// Asks a server and times its answers. Single-threaded. Each wake-up reads once from each
// connection on which something came, and sends what is due there in one write: in a closed loop at
// once, in an open one when all have been read from, as long as there was room in flight.
class LoadGenerator {
 public:
  // Called about once a second.
  using Watch = std::function<void(const LoadProgress&)>;

  // Connects as often as the options say. To a server on this machine each connection comes from an
  // address of its own, 127.1.0.1 and so on, so that limits by host count for each. Throws
  // LoadFailure.
  LoadGenerator(const asio::ip::tcp::endpoint& server, const LoadOptions& options);
  ~LoadGenerator();
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // Plays to each connection its script, once or over and over. Answers that come later than the
  // pace says are awaited and checked. Throws LoadFailure.
  // REQUIRES: as many scripts as connections, none empty.
  LoadResult play(const std::vector<LoadScript>& scripts, const LoadPace& pace, const Watch& watch);

 private:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;
  struct Connection;
  struct Usage {
    engine::Duration own{};
    std::optional<engine::Duration> server;
  };
  enum class Phase : std::uint8_t { kWarmUp, kMeasuring, kDraining };

  void connect(const asio::ip::tcp::endpoint& server);
  void begin_play(const std::vector<LoadScript>& scripts);
  void begin_measuring(TimePoint now);
  void end_measuring(TimePoint now);
  void count_unsent(TimePoint now);
  Usage usage() const;
  void advance(TimePoint now);
  void show(TimePoint now, const Watch& watch);
  void wait_and_handle(TimePoint now);
  engine::Duration time_to_wait(TimePoint now) const;
  void handle(const epoll_event& event);
  // Requests that may be sent now.
  std::uint64_t due(const Connection& connection, TimePoint now) const;
  void send_scheduled(TimePoint now);
  void send_due(Connection& connection);
  void send_unsent(Connection& connection);
  void receive(Connection& connection);
  void record(Connection& connection, std::uint64_t answers, TimePoint now);
  void set_events(int operation, Connection& connection, std::uint32_t events);

  const LoadProtocol protocol_;
  const std::uint16_t limit_;
  const std::optional<pid_t> server_process_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;

  // Of what is being played.
  LoadPace pace_;
  AnswerJudge judge_;
  std::optional<LoadSchedule> schedule_;
  std::uint64_t scheduled_ = 0;  // requests whose time has come and whose connection was told
  Phase phase_ = Phase::kWarmUp;
  TimePoint phase_end_;  // unless each script is played once
  TimePoint measured_from_;
  Usage usage_before_;
  std::uint64_t in_flight_ = 0;
  TimePoint last_answer_;
  std::uint64_t answers_ = 0;  // since the beginning
  TimePoint shown_at_;
  std::uint64_t shown_answers_ = 0;
  LoadResult result_;
};

}  // namespace rollcall::apps
