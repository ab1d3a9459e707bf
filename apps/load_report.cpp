#include "apps/load_report.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "apps/printable.h"

namespace rollcall::apps {
namespace {

using engine::Method;
using Json = nlohmann::ordered_json;

struct Quantile {
  const char* name;
  double part;
};
constexpr std::array<Quantile, 5> kQuantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};
constexpr std::size_t kBarWidth = 50;
constexpr const char* kIndent = "          ";

double seconds(engine::Duration time) { return std::chrono::duration<double>(time).count(); }
double microseconds(engine::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

void write_quantiles(std::ostream& out, const LatencyHistogram& latency) {
  out << std::fixed << std::setprecision(1);
  for (const Quantile& quantile : kQuantiles) {
    out << quantile.name << ' ' << microseconds(latency.quantile(quantile.part)) << " us, ";
  }
  out << "max " << microseconds(latency.max()) << " us\n";
}

void write_result(std::ostream& out, const char* name, const LoadResult& result) {
  out << name << result.answers << " answers in " << std::fixed << std::setprecision(3)
      << seconds(result.time) << " s: " << std::setprecision(0) << result.per_second()
      << " a second\n"
      << kIndent;
  write_quantiles(out, result.latency);
}

void write_open_loop(std::ostream& out, const LoadResult& result, const LoadOptions& options) {
  out << kIndent << "of " << options.rate << " a second that were wanted; " << result.unsent
      << " were due, but not sent in that time\n"
      << kIndent << "since they were sent: ";
  write_quantiles(out, result.since_sent);
}

void write_usage(std::ostream& out, const LoadResult& result) {
  const double time = seconds(result.time);
  out << std::setprecision(0) << kIndent << "this program used "
      << 100 * seconds(result.own_processor_time) / time << " % of a processor\n";
  if (!result.server_processor_time) return;
  const double server = seconds(*result.server_processor_time);
  out << kIndent << "the server used " << 100 * server / time << " %, "
      << 1e9 * server / static_cast<double>(result.answers) << " ns a request";
  if (result.server_resident_bytes) {
    out << ", and has " << *result.server_resident_bytes / 1'000'000 << " MB of memory";
  }
  out << '\n';
}

// One row for each power of two, the longest as wide as the page allows.
void write_histogram(std::ostream& out, const LatencyHistogram& latency) {
  std::map<std::uint64_t, std::uint64_t> rows;  // by the power above
  std::uint64_t longest = 1;
  latency.visit([&](engine::Duration last, std::uint64_t count) {
    std::uint64_t& row = rows[std::bit_ceil(static_cast<std::uint64_t>(last.count()) + 1)];
    row += count;
    longest = std::max(longest, row);
  });
  for (const auto& [end, count] : rows) {
    const double part = 100 * static_cast<double>(count) / static_cast<double>(latency.count());
    out << kIndent << "< " << std::setw(12) << std::setprecision(1)
        << static_cast<double>(end) / 1000 << " us " << std::setw(8) << std::setprecision(4) << part
        << " % " << std::string(count * kBarWidth / longest, '#') << '\n';
  }
}

Json json_of(const LatencyHistogram& latency) {
  Json json;
  for (const Quantile& quantile : kQuantiles) {
    json[quantile.name] = microseconds(latency.quantile(quantile.part));
  }
  json["max"] = microseconds(latency.max());
  Json histogram = Json::array();
  latency.visit([&](engine::Duration last, std::uint64_t count) {
    histogram.push_back({microseconds(last), count});
  });
  json["histogram"] = std::move(histogram);
  return json;
}

Json json_of(const LoadResult& result) {
  Json json = {{"answers", result.answers},
               {"answer_bytes", result.answer_bytes},
               {"seconds", seconds(result.time)},
               {"per_second", result.per_second()},
               {"wrong_answers", result.wrong_answers},
               {"processor_seconds", seconds(result.own_processor_time)}};
  if (result.server_processor_time) {
    json["server_processor_seconds"] = seconds(*result.server_processor_time);
  }
  if (result.server_resident_bytes) json["server_resident_bytes"] = *result.server_resident_bytes;
  json["latency_us"] = json_of(result.latency);
  return json;
}

Json json_of(const LoadOptions& options) {
  return {{"server", options.server.text()},
          {"protocol", load_protocol_name(options.protocol)},
          {"connections", options.connections},
          {"in_flight", options.in_flight},
          {"rate", options.rate},
          {"peers", options.peers},
          {"nick_bytes", options.nick_bytes},
          {"nicks", peer_order_name(options.peer_order)},
          {"limit", options.limit},
          {"mix",
           {{"register", options.mix[Method::kRegister]},
            {"leave", options.mix[Method::kLeave]},
            {"keepalive", options.mix[Method::kKeepAlive]},
            {"pquery", options.mix[Method::kPQuery]}}}};
}

}  // namespace

std::string load_report_text(const LoadReport& report, const LoadOptions& options) {
  std::ostringstream out;
  if (report.registering.answers > 0) write_result(out, "register  ", report.registering);
  if (report.mix.answers > 0) {
    write_result(out, "mix       ", report.mix);
    if (options.rate > 0) write_open_loop(out, report.mix, options);
    write_usage(out, report.mix);
    write_histogram(out, report.mix.latency);
  }
  if (report.wrong_answers() > 0) {
    out << "wrong     " << report.wrong_answers()
        << " answers; the first: " << printable(report.first_wrong_answer()) << '\n';
  }
  return out.str();
}

std::string load_report_json(const LoadReport& report, const LoadOptions& options) {
  Json json = json_of(options);
  if (report.registering.answers > 0) json["registering"] = json_of(report.registering);
  if (report.mix.answers > 0) {
    Json& played = json["played"] = json_of(report.mix);
    if (options.rate > 0) {
      played["unsent"] = report.mix.unsent;
      played["since_sent_us"] = json_of(report.mix.since_sent);
    }
  }
  if (report.wrong_answers() > 0) json["first_wrong_answer"] = report.first_wrong_answer();
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace rollcall::apps
