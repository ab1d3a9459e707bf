#include "transport/tcp_admission.h"

#include <bit>
#include <utility>

namespace rollcall::transport {
namespace {

engine::HashKey draw_key(engine::RandomSource& random) {
  std::array<std::byte, sizeof(engine::HashKey)> bytes;
  random.fill(bytes);
  return std::bit_cast<engine::HashKey>(bytes);
}

}  // namespace

TcpAdmission::TcpAdmission(std::size_t connections_max, std::size_t per_host_max,
                           engine::RandomSource& random)
    : connections_max_(connections_max),
      per_host_max_(per_host_max),
      by_host_(draw_key(random), /*stripes=*/1) {}

AdmissionOutcome TcpAdmission::admit(const engine::HostAddress& host) {
  if (!by_host_.add_below(by_host_.host(host), per_host_max_)) return AdmissionOutcome::kHostFull;
  connections_.fetch_add(1);
  return AdmissionOutcome::kAdmitted;
}

void TcpAdmission::leave(const engine::HostAddress& host) {
  by_host_.subtract(by_host_.host(host));
  connections_.fetch_sub(1);
  if (is_room_wanted_.exchange(false)) room_();
}

void TcpEventCounters::report(TcpEvent event, const std::optional<engine::HostAddress>& host,
                              std::error_code error) {
  counts_[static_cast<std::size_t>(event)].fetch_add(1, std::memory_order_relaxed);
  if (observer_ != nullptr) observer_->observe(event, host, error);
}

std::array<std::uint64_t, kTcpEvents> TcpEventCounters::counts() const {
  std::array<std::uint64_t, kTcpEvents> counts;
  for (std::size_t i = 0; i < kTcpEvents; ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace rollcall::transport
