#include "apps/stay.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "engine/outcome.h"

namespace rollcall::apps {
namespace {

using engine::Method;

// Keeping alive this often survives one lost KeepAlive and the time to notice.
constexpr int kKeepAlivesPerTtl = 3;
constexpr std::chrono::steady_clock::duration kRetryMin = std::chrono::milliseconds(250);
constexpr std::chrono::steady_clock::duration kRetryMax = std::chrono::seconds(30);

// The server could not, or does not know whether it could: not this peer's fault, and it may pass.
bool may_pass(const Answer& answer) { return answer.status >= 500; }

bool is_forgotten(const Answer& answer) {
  return answer.status == static_cast<std::uint16_t>(engine::Status::kBadMessage);
}

}  // namespace

Stay::Stay(asio::io_context& loop, Client& client, ClientOptions options,
           engine::RandomSource& random, Listener listener)
    : loop_(loop),
      client_(client),
      options_(std::move(options)),
      sample_(random),
      listener_(std::move(listener)),
      signals_(loop, SIGINT, SIGTERM),
      timer_(loop),
      retry_(kRetryMin) {}

Answer Stay::run() {
  await_signal();
  Answer last_word = register_peer();
  if (!last_word.is_success) return last_word;
  while (!is_stopping_) {
    if (!is_interrupted_) wait(options_.ttl / kKeepAlivesPerTtl);
    // Perhaps only now: even a connection that was just lost is not sought again at once.
    if (is_interrupted_ && !is_stopping_) wait(next_retry());
    if (!is_stopping_ && !keep_on_list(last_word)) return last_word;
  }
  return client_.exchange(options_.request(Method::kLeave));
}

void Stay::await_signal() {
  signals_.async_wait([this](std::error_code error, int) {
    if (error) return;
    is_stopping_ = true;
    timer_.cancel();
    // From here on a signal does what it does to any program.
    signals_.clear();
  });
}

Answer Stay::register_peer() {
  Answer answer = client_.exchange(options_.request(Method::kRegister));
  if (!answer.is_success) return answer;
  if (answer.cookie) {
    options_.cookie_header = engine::CookieHeader::kShown;
    options_.cookie = *answer.cookie;
  }
  is_interrupted_ = false;
  registered_at_ = Clock::now();
  listener_.registered(answer);
  return answer;
}

// Keeps alive, or registers where that is needed. False if the server refuses; then `last_word`
// says how.
bool Stay::keep_on_list(Answer& last_word) {
  try {
    const bool can_keep_alive = client_.is_connected() && !is_interrupted_;
    if (can_keep_alive) last_word = client_.exchange(options_.request(Method::kKeepAlive));
    if (!can_keep_alive || is_forgotten(last_word)) last_word = register_peer();
    if (last_word.is_success) return true;
    if (!may_pass(last_word)) return false;
    interrupt(last_word.refusal());
  } catch (const ServerUnavailable& reason) {
    interrupt(reason.what());
  }
  return true;
}

void Stay::interrupt(const std::string& reason) {
  if (is_interrupted_) return;
  is_interrupted_ = true;
  // A server that drops everybody at once is called ever more seldom, too.
  if (Clock::now() - registered_at_ > 2 * retry_) retry_ = kRetryMin;
  listener_.interrupted(reason);
}

// Returns after `time`, or as soon as the program is to stop, or the connection ends.
void Stay::wait(Clock::duration time) {
  bool is_over = false;
  bool is_watching = client_.is_connected();
  timer_.expires_after(time);
  timer_.async_wait([&is_over](std::error_code) { is_over = true; });
  if (is_watching) {
    // No answer is due, so whatever there is to read is the end of the connection, or nonsense.
    client_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                                [this, &is_watching](std::error_code error) {
                                  is_watching = false;
                                  if (error) return;
                                  interrupt(client_.server().text() + " closed the connection");
                                  client_.disconnect();
                                  timer_.cancel();
                                });
  }
  loop_.restart();
  while (!is_over) loop_.run_one();

  std::error_code ignored;
  if (is_watching) client_.socket().cancel(ignored);
  while (is_watching) loop_.run_one();
}

// Half of it is random, so that the many peers of a server that was restarted do not come back in
// step.
Stay::Clock::duration Stay::next_retry() {
  const auto half = static_cast<std::uint64_t>(retry_.count() / 2);
  const Clock::duration time(static_cast<Clock::rep>(half + sample_.below(half + 1)));
  const Clock::duration longest =
      std::min<Clock::duration>(kRetryMax, options_.ttl / kKeepAlivesPerTtl);
  retry_ = std::min(2 * retry_, longest);
  return time;
}

}  // namespace rollcall::apps
