// The load generator: how many requests a second a Rollcall server answers, and how soon.

#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
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
// All connections' scripts together: more than the processor's caches hold, and a second's work.
constexpr std::size_t kMixRequests = 1'000'000;
constexpr std::size_t kMixRequestsPerConnectionMin = 1000;

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
  const std::size_t requests =
      std::max(kMixRequests / options.connections, kMixRequestsPerConnectionMin);
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
void show_progress(std::string_view what, std::uint64_t answers, engine::Duration time) {
  if (isatty(STDERR_FILENO) == 0) return;
  const double seconds = std::chrono::duration<double>(time).count();
  const auto per_second = static_cast<std::uint64_t>(static_cast<double>(answers) / seconds);
  std::cerr << '\r' << what << ": " << answers << " answers, " << per_second << " a second        "
            << std::flush;
}

void end_progress() {
  if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\x1B[K" << std::flush;
}

engine::Duration processor_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto duration = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return duration(usage.ru_utime) + duration(usage.ru_stime);
}

LoadReport measure(const LoadOptions& options) {
  const auto progress = [](std::string_view what) {
    return [what](std::uint64_t answers, engine::Duration time) {
      show_progress(what, answers, time);
    };
  };
  LoadReport report;
  LoadGenerator generator(find(options.server), options.connections, options.in_flight,
                          options.limit);
  report.registering = generator.play_once(registration_scripts(options), progress("registering"));
  if (options.time > engine::Duration::zero() && report.registering.wrong_answers == 0) {
    const std::vector<LoadScript> scripts = mix_scripts(options);
    const engine::Duration before = processor_time();
    report.mix = generator.play_for(scripts, options.time, progress("playing the mix"));
    report.processor_time = processor_time() - before;
  }
  end_progress();
  return report;
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
  if (options.connections > raise_file_limit()) {
    complain("--connections " + std::to_string(options.connections) +
             " is above this process's file limit");
    return EX_CONFIG;
  }
  try {
    const LoadReport report = measure(options);
    std::cout << (options.json ? load_report_json(report, options) : load_report_text(report))
              << std::flush;
    if (report.wrong_answers() == 0) return EX_OK;
    complain("wrong answers, the first: " + report.first_wrong_answer());
    give_advice(report, options);
    return kWrongAnswers;
  } catch (const LoadFailure& failure) {
    end_progress();
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
