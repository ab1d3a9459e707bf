#include "apps/server_counters.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "engine/outcome.h"

namespace rollcall::apps {
namespace {

using nlohmann::ordered_json;

std::string_view name_of(engine::Status status) {
  switch (status) {
    case engine::Status::kSuccess:
      return "success";
    case engine::Status::kBadMessage:
      return "bad_message";
    case engine::Status::kForbidden:
      return "forbidden";
    case engine::Status::kMethodNotAllowed:
      return "method_not_allowed";
    case engine::Status::kInternalError:
      return "internal_error";
    case engine::Status::kUnknown:
      return "unknown";
  }
  return {};
}

// In the order of engine::Method.
constexpr std::array<std::string_view, 4> kMethodNames{"Register", "Leave", "KeepAlive", "PQuery"};

ordered_json connections_json(const transport::TcpCounters& tcp) {
  const auto ended = [&tcp](transport::TcpEvent event) {
    return tcp.events[static_cast<std::size_t>(event)];
  };
  return {{"open", tcp.connections_open},
          {"accepted", tcp.connections_accepted},
          {"host_full", ended(transport::TcpEvent::kHostFull)},
          {"made_room", ended(transport::TcpEvent::kMadeRoom)},
          {"idle", tcp.engine.sessions_idle_closed},
          {"output_stalled", ended(transport::TcpEvent::kOutputStalled)},
          {"output_too_much", ended(transport::TcpEvent::kOutputTooMuch)}};
}

ordered_json accept_pauses_json(const transport::TcpCounters& tcp) {
  const auto pauses = [&tcp](transport::TcpEvent event) {
    return tcp.events[static_cast<std::size_t>(event)];
  };
  return {{"files_exhausted", pauses(transport::TcpEvent::kFilesExhausted)},
          {"failed", pauses(transport::TcpEvent::kAcceptFailed)}};
}

ordered_json requests_json(const engine::EngineCounters& engine) {
  ordered_json requests;
  for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
    requests[std::string(kMethodNames[i])] = engine.requests[i];
  }
  return requests;
}

ordered_json statuses_json(const engine::EngineCounters& engine) {
  ordered_json statuses;
  for (const auto status : {engine::Status::kSuccess, engine::Status::kBadMessage,
                            engine::Status::kForbidden, engine::Status::kMethodNotAllowed,
                            engine::Status::kInternalError, engine::Status::kUnknown}) {
    statuses[std::string(name_of(status))] = std::uint64_t{0};
  }
  for (std::size_t i = 0; i < engine.answers.size(); ++i) {
    ordered_json& count =
        statuses[std::string(name_of(status_of(static_cast<engine::Outcome>(i))))];
    count = count.get<std::uint64_t>() + engine.answers[i];
  }
  return statuses;
}

ordered_json answers_json(const engine::EngineCounters& engine) {
  ordered_json answers;
  for (std::size_t i = 0; i < engine.answers.size(); ++i) {
    answers[std::string(message_of(static_cast<engine::Outcome>(i)))] = engine.answers[i];
  }
  return answers;
}

ordered_json peers_json(const engine::RegistryCounters& registry) {
  return {{"active", registry.active},   {"inactive", registry.inactive},
          {"bytes", registry.bytes},     {"registered", registry.registered},
          {"renewed", registry.renewed}, {"left", registry.left},
          {"expired", registry.expired}, {"forgotten", registry.forgotten}};
}

ordered_json expiry_lag_json(const engine::LagHistogram& lag) {
  ordered_json buckets = ordered_json::object();
  for (std::size_t i = 0; i < lag.size(); ++i) {
    if (lag[i] != 0) buckets[std::to_string(std::uint64_t{1} << i)] = lag[i];
  }
  return buckets;
}

}  // namespace

std::string counters_json(const transport::TcpCounters& tcp,
                          const engine::RegistryCounters& registry, engine::Duration uptime) {
  const ordered_json counters{
      {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(uptime).count()},
      {"connections", connections_json(tcp)},
      {"accept_pauses", accept_pauses_json(tcp)},
      {"requests", requests_json(tcp.engine)},
      {"statuses", statuses_json(tcp.engine)},
      {"answers", answers_json(tcp.engine)},
      {"peers", peers_json(registry)},
      {"expiry_lag_us", expiry_lag_json(registry.expiry_lag)},
  };
  return counters.dump();
}

}  // namespace rollcall::apps
