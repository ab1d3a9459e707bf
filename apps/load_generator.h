#pragma once

#include <sys/epoll.h>

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "apps/latency_histogram.h"
#include "apps/load_options.h"
#include "apps/load_script.h"
#include "engine/time.h"
#include "engine/wire/response_parser.h"

namespace rollcall::apps {

// No server, or none that speaks the protocol, so that there is nothing to measure.
class LoadFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What was measured while scripts were played.
struct LoadResult {
  std::uint64_t answers = 0;
  std::uint64_t wrong_answers = 0;
  std::string first_wrong_answer;  // as the server sent it
  engine::Duration time{};
  LatencyHistogram latency;  // from the request's write to the read that completed its answer

  double per_second() const {
    return static_cast<double>(answers) / std::chrono::duration<double>(time).count();
  }
};

// Asks a server as fast as it answers. Single-threaded; each wake-up reads what came on a
// connection and sends as many requests as were answered, in one write.
//
// It is a closed loop: on each connection `in_flight` requests are unanswered at any time. An open
// one, with requests at a fixed rate, would differ in what is `due`, and in counting each request's
// latency from when it was due.
class LoadGenerator {
 public:
  // Told about once a second of the answers so far.
  using Progress = std::function<void(std::uint64_t answers, engine::Duration time)>;

  // Connects `connections` times. To a server on this machine each connection comes from an address
  // of its own, 127.1.0.1 and so on, so that limits by host count for each. Throws LoadFailure.
  LoadGenerator(const asio::ip::tcp::endpoint& server, std::size_t connections,
                std::size_t in_flight, std::uint16_t limit);
  ~LoadGenerator();
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  // Plays to each connection its script, once. Throws LoadFailure, as the next does.
  // REQUIRES, of both: as many scripts as connections, none empty.
  LoadResult play_once(const std::vector<LoadScript>& scripts, const Progress& progress);

  // Plays them over and over for so long. Answers that come later are awaited and checked, but not
  // measured.
  LoadResult play_for(const std::vector<LoadScript>& scripts, engine::Duration time,
                      const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection;

  void connect(const asio::ip::tcp::endpoint& server, std::size_t number);
  LoadResult play(const std::vector<LoadScript>& scripts, std::optional<engine::Duration> time,
                  const Progress& progress);
  void begin_play(const std::vector<LoadScript>& scripts);
  bool is_over(Clock::time_point now) const;
  void handle(const epoll_event& event);
  // Requests that may be sent now.
  std::uint64_t due(const Connection& connection) const;
  void send_due(Connection& connection);
  void send_unsent(Connection& connection);
  void receive(Connection& connection);
  std::size_t take_answer(const Connection& connection, std::string_view text);
  void judge(const engine::Response& response, engine::Method method);
  bool is_right_list(const engine::Response& response);
  void count_answer(Connection& connection, Clock::time_point now);
  void watch(int operation, Connection& connection, std::uint32_t events);

  std::size_t in_flight_max_;
  std::uint16_t limit_;
  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;

  // Of what is being played.
  bool plays_once_ = false;
  bool is_measuring_ = false;
  bool is_sending_ = false;
  std::uint64_t in_flight_ = 0;
  std::uint64_t lists_ = 0;
  Clock::time_point last_answer_;
  LoadResult result_;
};

}  // namespace rollcall::apps
