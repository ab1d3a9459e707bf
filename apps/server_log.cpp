#include "apps/server_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <string>
#include <utility>

#include "apps/clocks.h"
#include "apps/printable.h"
#include "engine/wire/address_text.h"

namespace rollcall::apps {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// A client that is refused is a warning; that the system refuses us is an error.
spdlog::level::level_enum level_of(transport::TcpEvent event) {
  switch (event) {
    case transport::TcpEvent::kHostFull:
    case transport::TcpEvent::kMadeRoom:
    case transport::TcpEvent::kOutputStalled:
    case transport::TcpEvent::kOutputTooMuch:
      return spdlog::level::warn;
    case transport::TcpEvent::kFilesExhausted:
    case transport::TcpEvent::kAcceptFailed:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string line_of(transport::TcpEvent event, const std::optional<engine::HostAddress>& host,
                    std::error_code error) {
  std::string line(text_of(event));
  if (host.has_value()) {
    char text[engine::kHostTextBytesMax];
    line.append(" (").append(text, engine::write_host(*host, text)).append(")");
  }
  if (error) line.append(": ").append(printable(error.message()));
  return line;
}

template <std::size_t... kIndex>
std::array<RateLimit, sizeof...(kIndex)> make_limits(std::index_sequence<kIndex...>) {
  return {(static_cast<void>(kIndex), RateLimit(kLinesPerSecond))...};
}

}  // namespace

ServerLog::ServerLog(LogLevel level)
    : logger_(std::make_shared<spdlog::logger>("rollcalld",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())),
      limits_(make_limits(std::make_index_sequence<transport::kTcpEvents>())) {
  logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %n %l: %v", spdlog::pattern_time_type::utc));
  logger_->set_level(spdlog_level(level));
}

void ServerLog::observe(transport::TcpEvent event, const std::optional<engine::HostAddress>& host,
                        std::error_code error) {
  const engine::Instant when = now();
  const auto index = static_cast<std::size_t>(event);
  const std::lock_guard lock(mutex_);
  report_suppressed_locked(index, when);
  if (limits_[index].admit(when)) logger_->log(level_of(event), line_of(event, host, error));
}

void ServerLog::report_suppressed(engine::Instant when) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < limits_.size(); ++i) report_suppressed_locked(i, when);
}

void ServerLog::report_suppressed_locked(std::size_t event, engine::Instant when) {
  const std::uint64_t suppressed = limits_[event].take_suppressed(when);
  if (suppressed == 0) return;
  const auto kind = static_cast<transport::TcpEvent>(event);
  logger_->log(level_of(kind), "{}: {} more suppressed", text_of(kind), suppressed);
}

}  // namespace rollcall::apps
