// The load generator: how many requests a second a Rollcall server answers, and how soon.

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "apps/file_limit.h"
#include "apps/load_generator.h"
#include "apps/load_options.h"
#include "apps/load_report.h"
#include "apps/load_script.h"
#include "apps/printable.h"
#include "engine/limits.h"

namespace rollcall::apps {
namespace {

constexpr int kWrongAnswers = 1;
// All connections' scripts together: as many as there are peers, so that most have their turn, but
// more than the processor's caches hold, and not more than a few hundred megabytes.
constexpr std::size_t kMixRequestsMin = 1'000'000;
constexpr std::size_t kMixRequestsMax = 10'000'000;
constexpr std::size_t kMixRequestsPerConnectionMin = 1000;
// While peers register, whatever is measured later: enough for the server to be busy.
constexpr std::size_t kRegisteringInFlightMax = 64;

void complain(std::string_view what) { std::cerr << "rollcall-load: " + printable(what) + '\n'; }

// An equal part of the peers for each connection; the first ones have one more if it does not come
// out even.
LoadPeers peers_of(std::size_t connection, const LoadOptions& options) {
  const bool has_one_more = connection < options.peers % options.connections;
  return {connection, options.peers / options.connections + (has_one_more ? 1 : 0)};
}

std::vector<LoadScript> registration_scripts(const LoadOptions& options) {
  std::vector<LoadScript> scripts;
  for (std::size_t i = 0; i < options.connections; ++i) {
    scripts.push_back(registration_script(peers_of(i, options), options));
  }
  return scripts;
}

std::vector<LoadScript> mix_scripts(const LoadOptions& options) {
  const std::size_t in_all = std::clamp(options.peers, kMixRequestsMin, kMixRequestsMax);
  const std::size_t requests = std::max(in_all / options.connections, kMixRequestsPerConnectionMin);
  std::vector<LoadScript> scripts;
  for (std::size_t i = 0; i < options.connections; ++i) {
    scripts.push_back(mix_script(peers_of(i, options), requests, i, options));
  }
  return scripts;
}

asio::ip::tcp::endpoint find(const ServerName& server) {
  asio::io_context loop;
  asio::ip::tcp::resolver resolver(loop);
  std::error_code error;
  const auto found = resolver.resolve(server.host, std::to_string(server.port), error);
  if (error) throw LoadFailure("cannot find " + server.text() + ": " + error.message());
  return found.begin()->endpoint();
}

// One line that is written over, for somebody who watches.
LoadGenerator::Watch live_line(std::string what) {
  if (isatty(STDERR_FILENO) == 0) return [](const LoadProgress&) {};
  return [what = std::move(what)](const LoadProgress& progress) {
    std::cerr << "\r\x1B[K" << what << ": " << progress.answers << " answers, "
              << static_cast<std::uint64_t>(progress.per_second) << " a second, p99 "
              << std::chrono::duration_cast<std::chrono::microseconds>(progress.p99).count()
              << " us" << std::flush;
  };
}

void end_live_line() {
  if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\x1B[K" << std::flush;
}

LoadReport measure(const LoadOptions& options) {
  LoadReport report;
  LoadGenerator generator(find(options.server), options);
  if (options.registers_first) {
    const LoadPace once{.in_flight = options.rate > 0
                                         ? std::min(options.in_flight, kRegisteringInFlightMax)
                                         : options.in_flight};
    report.registering =
        generator.play(registration_scripts(options), once, live_line("registering"));
  }
  if (options.time > engine::Duration::zero() && report.registering.wrong_answers == 0) {
    const LoadPace pace{.in_flight = options.in_flight,
                        .rate = static_cast<double>(options.rate),
                        .warmup = options.warmup,
                        .time = options.time};
    report.mix = generator.play(mix_scripts(options), pace, live_line("playing the mix"));
  }
  end_live_line();
  return report;
}

// False if the result cannot be written to where it is wanted.
bool print(const LoadReport& report, const LoadOptions& options) {
  if (options.json == "-") {
    std::cout << load_report_json(report, options) << std::flush;
    return true;
  }
  std::cout << load_report_text(report, options) << std::flush;
  if (options.json.empty()) return true;
  std::ofstream file(options.json);
  file << load_report_json(report, options) << std::flush;
  return file.good();
}

// A server that was started without the quota it takes refuses most of the load.
void give_advice(const LoadReport& report, const LoadOptions& options) {
  const std::size_t peers_per_host = peers_of(0, options).count;
  const bool may_be_quota = report.first_wrong_answer().starts_with("500 ");
  if (!may_be_quota || peers_per_host <= engine::limits::kDefaultPeersPerHostMax) return;
  complain("start the server with --peers-per-host-max " + std::to_string(peers_per_host) +
           ", or more where connections share an address");
}

int run(const LoadOptions& options) {
  if (options.connections > raise_file_limit(1)) {
    complain("--connections " + std::to_string(options.connections) +
             " is above this process's file limit");
    return EX_CONFIG;
  }
  try {
    const LoadReport report = measure(options);
    if (!print(report, options)) {
      complain("cannot write " + options.json);
      return EX_CANTCREAT;
    }
    if (report.wrong_answers() == 0) return EX_OK;
    complain("wrong answers, the first: " + report.first_wrong_answer());
    give_advice(report, options);
    return kWrongAnswers;
  } catch (const LoadFailure& failure) {
    end_live_line();
    complain(failure.what());
    return EX_UNAVAILABLE;
  }
}

int main_of(const std::vector<std::string>& arguments) {
  const auto parsed = parse_load_options(arguments);
  if (const auto* options = std::get_if<LoadOptions>(&parsed)) return run(*options);

  return leave_early(std::get<EarlyExit>(parsed), "rollcall-load");
}

}  // namespace
}  // namespace rollcall::apps

int main(int argc, char** argv) {
  const int status = rollcall::apps::main_of({argv + (argc > 0 ? 1 : 0), argv + argc});
  return std::cout ? status : EX_IOERR;
}
