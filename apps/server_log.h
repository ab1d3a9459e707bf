#pragma once

#include <spdlog/logger.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>

#include "apps/rate_limit.h"
#include "apps/server_options.h"
#include "engine/host_address.h"
#include "engine/time.h"
#include "transport/tcp_server.h"

namespace rollcall::apps {

// Lines of one kind in a second; the others are counted and told of in one line.
inline constexpr std::uint32_t kLinesPerSecond = 10;

// What the server says on standard error, besides that it is ready: start and stop, and at a
// bounded rate whom it refused and what failed. Safe to use from several threads.
class ServerLog final : public transport::TcpObserver {
 public:
  explicit ServerLog(LogLevel level);

  // `text` may quote bytes from outside only if they were made printable.
  void info(std::string_view text) { logger_->info("{}", text); }
  void error(std::string_view text) { logger_->error("{}", text); }

  void observe(transport::TcpEvent event, const std::optional<engine::HostAddress>& host,
               std::error_code error) override;

  // Says how many lines were suppressed until `now`. To be called every second or so; a time later
  // than it is includes those of the current second.
  void report_suppressed(engine::Instant now);

 private:
  void report_suppressed_locked(std::size_t event, engine::Instant now);

  std::shared_ptr<spdlog::logger> logger_;
  std::mutex mutex_;
  std::array<RateLimit, transport::kTcpEvents> limits_;
};

}  // namespace rollcall::apps
