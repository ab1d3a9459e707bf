#include "transport/tcp_acceptor.h"

#include <algorithm>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <system_error>
#include <utility>

#include "engine/assert.h"

namespace rollcall::transport {
namespace {

using namespace std::chrono_literals;

// Accepted in one turn of the loop, so that a storm of connections leaves time for the others.
constexpr int kAcceptsPerTurn = 32;
// How long accepting pauses where nobody leaves.
constexpr auto kPause = 100ms;

TcpWorker& least_loaded(const std::vector<std::unique_ptr<TcpWorker>>& workers) {
  return **std::ranges::min_element(workers, {}, [](const auto& worker) { return worker->load(); });
}

TcpWorker& longest_idle(const std::vector<std::unique_ptr<TcpWorker>>& workers) {
  return **std::ranges::min_element(
      workers, {}, [](const auto& worker) { return worker->longest_idle_since(); });
}

}  // namespace

TcpAcceptor::TcpAcceptor(const std::vector<std::unique_ptr<TcpWorker>>& workers,
                         TcpAdmission& admission, TcpEventCounters& events)
    : workers_(workers),
      context_(workers.front()->context()),
      admission_(admission),
      events_(events),
      pause_timer_(context_) {
  admission_.set_room_callback([this] { asio::post(context_, [this] { look_again(); }); });
}

std::optional<ListenError> TcpAcceptor::listen(std::span<const engine::Endpoint> endpoints) {
  for (const engine::Endpoint& endpoint : endpoints) {
    if (const auto error = open(endpoint)) {
      listeners_.clear();
      endpoints_.clear();
      return error;
    }
  }
  return std::nullopt;
}

std::optional<ListenError> TcpAcceptor::open(const engine::Endpoint& endpoint) {
  const asio::ip::tcp::endpoint address = to_asio(endpoint);
  auto listener = std::make_unique<Listener>(context_);
  TcpListener& socket = listener->socket;
  try {
    socket.open(address.protocol());
    socket.set_option(TcpListener::reuse_address(true));
    // IPv4 has listeners of its own: `[::]:9999` does not take their connections.
    if (!endpoint.host.is_v4()) socket.set_option(asio::ip::v6_only(true));
    socket.non_blocking(true);
    socket.bind(address);
    socket.listen();
    endpoints_.push_back(from_asio(socket.local_endpoint()));
  } catch (const std::system_error& failure) {
    // Asio's own category would not compare equal to std::errc.
    return ListenError{endpoint, {failure.code().value(), std::system_category()}};
  }
  listeners_.push_back(std::move(listener));
  return std::nullopt;
}

void TcpAcceptor::start() {
  for (const auto& listener : listeners_) wait(*listener);
}

void TcpAcceptor::stop() {
  is_stopped_ = true;
  pause_timer_.cancel();
  for (const auto& listener : listeners_) {
    std::error_code ignored;
    listener->socket.close(ignored);
  }
}

void TcpAcceptor::wait(Listener& listener) {
  if (listener.is_waiting) return;
  listener.is_waiting = true;
  listener.socket.async_wait(TcpListener::wait_read, [this, &listener](std::error_code) {
    listener.is_waiting = false;
    if (!is_stopped_ && !is_paused_) accept_some(listener);
  });
}

void TcpAcceptor::accept_some(Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn && !is_paused_; ++i) {
    const Accepted accepted = accept_now(listener.socket);
    switch (accepted.outcome) {
      case AcceptOutcome::kAccepted:
        accepted_.fetch_add(1, std::memory_order_relaxed);
        admit(accepted);
        continue;
      case AcceptOutcome::kVanished:
        continue;
      case AcceptOutcome::kNothing:
        return wait(listener);
      case AcceptOutcome::kExhausted:
        events_.report(TcpEvent::kFilesExhausted, std::nullopt, accepted.error);
        return pause();
      case AcceptOutcome::kFailed:
        // Not to be expected, so nobody knows whether it passes; a pause keeps it from spinning.
        events_.report(TcpEvent::kAcceptFailed, std::nullopt, accepted.error);
        return pause();
    }
  }
  if (!is_paused_) wait(listener);
}

void TcpAcceptor::admit(const Accepted& accepted) {
  TcpSocket socket(accepted.descriptor);
  const engine::HostAddress host = from_asio(accepted.from).host;
  if (admission_.admit(host) == AdmissionOutcome::kHostFull) {
    return events_.report(TcpEvent::kHostFull, host);
  }
  socket.set_options();
  // Room is made before the newcomer arrives, so that it cannot be the one that makes it.
  if (admission_.is_over_limit()) pause();
  least_loaded(workers_).give(std::move(socket), host);
}

// Nothing is accepted until there is room again, so the total is over its limit by one at most.
void TcpAcceptor::pause() {
  is_paused_ = true;
  admission_.ask_for_room();
  if (admission_.is_over_limit()) longest_idle(workers_).ask_to_make_room();
  pause_timer_.expires_after(kPause);
  pause_timer_.async_wait([this](std::error_code error) {
    if (!error) look_again();
  });
}

void TcpAcceptor::look_again() {
  if (is_stopped_ || !is_paused_) return;
  if (admission_.is_over_limit()) return pause();
  is_paused_ = false;
  pause_timer_.cancel();
  for (const auto& listener : listeners_) wait(*listener);
}

}  // namespace rollcall::transport
