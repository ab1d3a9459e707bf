#include "transport/ready_sockets.h"

#include <algorithm>
#include <cerrno>

#include "engine/assert.h"

namespace rollcall::transport {
namespace {

int make_set() {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return set;
}

epoll_event event_of(std::uint32_t number, Interest interest) {
  epoll_event event{};
  event.events = (interest.readable ? EPOLLIN : 0u) | (interest.writable ? EPOLLOUT : 0u);
  event.data.u32 = number;
  return event;
}

}  // namespace

ReadySockets::ReadySockets(asio::io_context& context) : set_(context, make_set()) {}

std::error_code ReadySockets::add(const TcpSocket& socket, std::uint32_t number) {
  epoll_event event = event_of(number, {});
  if (::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, socket.descriptor(), &event) == 0) return {};
  return {errno, std::system_category()};
}

void ReadySockets::change(const TcpSocket& socket, std::uint32_t number, Interest interest) {
  epoll_event event = event_of(number, interest);
  const int result = ::epoll_ctl(set_.native_handle(), EPOLL_CTL_MOD, socket.descriptor(), &event);
  ROLLCALL_ASSERT(result == 0);
}

std::span<const ReadySocket> ReadySockets::take() {
  const int found = ::epoll_wait(set_.native_handle(), events_.data(), kAtATime, 0);
  // A signal may interrupt it; what is ready is told again.
  const auto count = static_cast<std::size_t>(std::max(found, 0));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t events = events_[i].events;
    const bool is_lost = (events & (EPOLLERR | EPOLLHUP)) != 0;
    ready_[i] = {events_[i].data.u32,
                 {is_lost || (events & EPOLLIN) != 0, is_lost || (events & EPOLLOUT) != 0},
                 is_lost};
  }
  return std::span(ready_).first(count);
}

void ReadySockets::cancel() { set_.cancel(); }

}  // namespace rollcall::transport
