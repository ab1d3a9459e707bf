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

template <typename Histogram>
ordered_json buckets_json(const Histogram& histogram) {
  ordered_json buckets = ordered_json::object();
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    if (histogram[i] != 0) buckets[std::to_string(std::uint64_t{1} << i)] = histogram[i];
  }
  return buckets;
}

std::string_view name_of(store::Result state) {
  switch (state) {
    case store::Result::kDone:
      return "working";
    case store::Result::kFull:
      return "full";
    case store::Result::kFailed:
      return "failed";
    case store::Result::kDistrusted:
      return "distrusted";
  }
  return {};
}

ordered_json store_json(const StoreCounters& store) {
  return {{"state", name_of(store.commits.state)},
          {"commits", store.commits.commits},
          {"failures", store.commits.failures},
          {"replacements", store.commits.replacements},
          {"changes", store.commits.changes},
          {"bytes", store.commits.bytes},
          {"changes_a_commit", buckets_json(store.commits.changes_a_commit)},
          {"peers_written", store.sizes.peers},
          {"journal_rows", store.sizes.journal_rows},
          {"journal_bytes", store.sizes.journal_bytes}};
}

}  // namespace

std::string counters_json(const ServerCounters& counters) {
  ordered_json json{
      {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(counters.uptime).count()},
      {"connections", connections_json(counters.tcp)},
      {"accept_pauses", accept_pauses_json(counters.tcp)},
      {"requests", requests_json(counters.tcp.engine)},
      {"statuses", statuses_json(counters.tcp.engine)},
      {"answers", answers_json(counters.tcp.engine)},
      {"peers", peers_json(counters.registry)},
      {"expiry_lag_us", buckets_json(counters.registry.expiry_lag)},
  };
  if (counters.store.has_value()) json["store"] = store_json(*counters.store);
  return json.dump();
}

}  // namespace rollcall::apps
