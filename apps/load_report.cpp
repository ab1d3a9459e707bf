#include "apps/load_report.h"

#include <array>
#include <chrono>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/printable.h"

namespace rollcall::apps {
namespace {

struct Quantile {
  const char* name;
  double part;
};
constexpr std::array<Quantile, 5> kQuantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}};

double seconds(engine::Duration time) { return std::chrono::duration<double>(time).count(); }
double microseconds(engine::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

void write_result(std::ostream& out, const char* name, const LoadResult& result) {
  out << name << result.answers << " answers in " << std::fixed << std::setprecision(3)
      << seconds(result.time) << " s: " << std::setprecision(0) << result.per_second()
      << " a second\n          " << std::setprecision(1);
  for (const Quantile& quantile : kQuantiles) {
    out << quantile.name << ' ' << microseconds(result.latency.quantile(quantile.part)) << " us, ";
  }
  out << "max " << microseconds(result.latency.max()) << " us\n";
}

nlohmann::ordered_json json_of(const LoadResult& result) {
  nlohmann::ordered_json latency;
  for (const Quantile& quantile : kQuantiles) {
    latency[quantile.name] = microseconds(result.latency.quantile(quantile.part));
  }
  latency["max"] = microseconds(result.latency.max());
  return {{"answers", result.answers},
          {"seconds", seconds(result.time)},
          {"per_second", result.per_second()},
          {"wrong_answers", result.wrong_answers},
          {"latency_us", latency}};
}

}  // namespace

std::string load_report_text(const LoadReport& report) {
  std::ostringstream out;
  write_result(out, "register  ", report.registering);
  if (report.mix.answers > 0) {
    write_result(out, "mix       ", report.mix);
    out << "          this program used " << std::setprecision(0)
        << 100 * seconds(report.processor_time) / seconds(report.mix.time) << " % of a processor\n";
  }
  if (report.wrong_answers() > 0) {
    out << "wrong     " << report.wrong_answers()
        << " answers; the first: " << printable(report.first_wrong_answer()) << '\n';
  }
  return out.str();
}

std::string load_report_json(const LoadReport& report, const LoadOptions& options) {
  nlohmann::ordered_json json = {{"server", options.server.text()},
                                 {"connections", options.connections},
                                 {"in_flight", options.in_flight},
                                 {"peers", options.peers},
                                 {"nick_bytes", options.nick_bytes},
                                 {"limit", options.limit},
                                 {"mix",
                                  {{"register", options.mix[engine::Method::kRegister]},
                                   {"leave", options.mix[engine::Method::kLeave]},
                                   {"keepalive", options.mix[engine::Method::kKeepAlive]},
                                   {"pquery", options.mix[engine::Method::kPQuery]}}},
                                 {"registering", json_of(report.registering)}};
  if (report.mix.answers > 0) {
    json["played"] = json_of(report.mix);
    json["played"]["processor_seconds"] = seconds(report.processor_time);
  }
  if (report.wrong_answers() > 0) json["first_wrong_answer"] = report.first_wrong_answer();
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace rollcall::apps
