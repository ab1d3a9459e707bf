#include "tests/support/arrivals_trial.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "tests/support/engine_under_test.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;
using engine::Arrival;
using engine::HostAddress;

constexpr engine::Duration kTtl = 10s;

const std::array kHosts = {HostAddress::v4(10, 0, 0, 1), HostAddress::v4(10, 0, 0, 2),
                           HostAddress{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

constexpr std::array kTexts = std::to_array<std::string_view>({
    "Register P2Pv1\n\na\n80\n",
    "Register P2Pv1\n\nb\n80\n",
    "Register P2Pv1\n\nc\n81\n",
    "KeepAlive P2Pv1\n\na\n",
    "Leave P2Pv1\n\nb\n",
    "PQuery P2Pv1\n\na\n",
    "PQuery P2Pv1\nLimit: 50\n\nb\n",  // more than there are
    "PQuery P2Pv1\n\nc\nLeave P2Pv1\n\nc\n",
    "Register P2Pv1\nContentLength: 4\n\ne\n80",
    "\n",  // may be the line end behind what was framed by its length
    "Register P2Pv1\n\nnot a nick\x01\n80\n",
    "Other P2Pv1\n\na\n",  // no such method
    "Leave\n",             // closes
    "Regist",              // goes on, or does not
    "er P2Pv1\n\na\n80\n",
    "KeepAlive P2Pv1\n\na",
    "Register P2Pv1\nCookie: new\n\nd\n80\n",
});
constexpr std::size_t kWholeTexts = 9;  // requests, at its beginning
constexpr std::size_t kNewCookie = kTexts.size() - 1;

}  // namespace

ArrivalsTrial::Server::Server(const engine::RegistryOptions& options, bool has_store)
    : log(has_store), registry(options, random), engine(registry, {}, random, &log) {}

engine::RegistryOptions ArrivalsTrial::choose_options(const Choose& choose) {
  engine::RegistryOptions options;
  options.ttl = kTtl;
  options.shards = std::size_t{1} << choose(3);
  options.inactive_max = choose(3);
  // Far from every limit, or near some.
  if (choose(2) == 0) return options;
  options.peers_max = 2 + choose(4);
  options.peers_per_host_max = 1 + choose(4);
  return options;
}

ArrivalsTrial::ArrivalsTrial(Choose choose)
    : choose_(std::move(choose)),
      options_(choose_options(choose_)),
      has_store_(choose_(2) == 1),
      together_(options_, has_store_),
      in_turn_(options_, has_store_) {
  for (std::size_t i = 0; i < kConnections; ++i) open(i);
}

void ArrivalsTrial::open(std::size_t number) {
  hosts_[number] = kHosts[choose_(kHosts.size())];
  on_both([&](Server& server) {
    Connection& connection = server.connections[number];
    connection.session = server.engine.open(hosts_[number], time());
    connection.out.release();
    connection.unread.clear();
  });
  // What an earlier answer left there, up to a few answers below the mark, or one byte above it.
  constexpr std::array<std::size_t, 4> kBelowMark = {0, 30, 200, 1};
  const std::size_t choice = choose_(16);
  if (choice > kBelowMark.size()) return;
  const std::size_t bytes = choice == kBelowMark.size()
                                ? engine::limits::kOutputHighMark + 1
                                : engine::limits::kOutputHighMark - kBelowMark[choice];
  on_both([&](Server& server) {
    engine::OutputBuffer& out = server.connections[number].out;
    std::fill_n(out.prepare(bytes), bytes, 'x');
    out.commit(bytes);
  });
}

std::string ArrivalsTrial::step() {
  const std::size_t choice = choose_(16);
  if (choice < 10) {
    arrive();
  } else if (choice < 12) {
    constexpr std::array<std::size_t, 4> kBytes = {SIZE_MAX, 1, 40, 1000};
    send(choose_(kConnections), kBytes[choose_(kBytes.size())]);
  } else if (choice < 14) {
    resolve();
  } else {
    pass_time();
  }
  return compare();
}

std::string ArrivalsTrial::choose_text() {
  std::string text;
  // Sometimes a batch is full, to the request.
  if (choose_(8) == 0) {
    const std::size_t requests = engine::limits::kBatchRequestsMax - 2 + choose_(5);
    const std::string_view request = kTexts[choose_(kWholeTexts)];
    for (std::size_t i = 0; i < requests; ++i) text += request;
  }
  for (std::size_t i = choose_(4); i > 0; --i) {
    const std::size_t choice = choose_(kTexts.size());
    // Which shard draws its cookies first depends on where batches end.
    if (choice != kNewCookie || options_.shards == 1) text += kTexts[choice];
  }
  return text;
}

void ArrivalsTrial::arrive() {
  std::vector<std::size_t> who;
  const std::size_t first = choose_(kConnections);
  const std::size_t members = 1 + choose_(15);
  for (std::size_t i = 0; i < kConnections; ++i) {
    const std::size_t number = (first + i) % kConnections;
    if ((members >> number & 1) == 0) continue;
    replace(number);
    if (!together_.engine.is_open(together_.connections[number].session)) continue;
    const std::string text = choose_text();
    on_both([&](Server& server) { server.connections[number].unread += text; });
    if (!together_.connections[number].unread.empty()) who.push_back(number);
  }
  if (may_differ(who)) who.resize(1);
  std::size_t bytes = 0;
  for (const std::size_t number : who) bytes += together_.connections[number].unread.size();
  const std::size_t full_bytes = engine::limits::kBatchRequestsMax * kTexts[0].size();
  if (who.size() > 1 && bytes >= full_bytes) ++seen_.full_batches;
  if (who.size() > 1) seen_.together += who.size();

  std::vector<Arrival> arrivals;
  for (const std::size_t number : who) {
    Connection& connection = together_.connections[number];
    arrivals.push_back({connection.session, bytes_of(connection.unread), &connection.out});
  }
  for (std::span<Arrival> rest(arrivals); !rest.empty();) {
    rest = rest.subspan(together_.engine.receive(rest, time()));
  }
  for (std::size_t i = 0; i < who.size(); ++i) {
    together_.connections[who[i]].unread.erase(0, arrivals[i].consumed);
    Connection& connection = in_turn_.connections[who[i]];
    connection.unread.erase(
        0, in_turn_.engine.receive(connection.session, bytes_of(connection.unread), time(),
                                   connection.out));
    seen_.left_over += connection.unread.empty() ? 0u : 1u;
    seen_.held += connection.out.held() > 0 ? 1u : 0u;
  }
}

// How far a connection goes beyond its mark depends on where batches end, which with others beside
// it is elsewhere.
bool ArrivalsTrial::may_differ(std::span<const std::size_t> who) const {
  constexpr std::size_t kRequestBytesMin = 15;
  constexpr std::size_t kAnswerBytesMax = 400;
  std::size_t all_requests = 0;
  bool may_reach_mark = false;
  for (const std::size_t number : who) {
    const Connection& connection = together_.connections[number];
    const std::size_t requests = connection.unread.size() / kRequestBytesMin + 1;
    const std::size_t held = together_.engine.held_answers(connection.session);
    const std::size_t bytes = connection.out.size() + requests * kAnswerBytesMax;
    may_reach_mark = may_reach_mark || held + requests >= engine::limits::kHeldAnswersMax ||
                     bytes > engine::limits::kOutputHighMark;
    all_requests += requests;
  }
  return may_reach_mark && all_requests >= engine::limits::kBatchRequestsMax;
}

void ArrivalsTrial::send(std::size_t number, std::size_t bytes_max) {
  on_both([&](Server& server) {
    engine::OutputBuffer& out = server.connections[number].out;
    out.drop_front(std::min(out.ready().size(), bytes_max));
  });
}

// Another one takes the place of a connection that has closed and waits for nothing any more.
void ArrivalsTrial::replace(std::size_t number) {
  const Connection& connection = together_.connections[number];
  if (together_.engine.is_open(connection.session) || connection.out.held() > 0) return;
  ++seen_.closed;
  on_both([&](Server& server) { server.engine.close(server.connections[number].session); });
  open(number);
}

// The store has kept everything, or failed.
void ArrivalsTrial::resolve() {
  if (!has_store_) return;
  const auto verdict = choose_(8) == 0 ? engine::Verdict::kFailed : engine::Verdict::kDurable;
  on_both([&](Server& server) {
    server.engine.resolve(server.log.last_ticket, verdict);
    while (const auto session = server.engine.releasable()) {
      for (Connection& connection : server.connections) {
        if (connection.session == *session) server.engine.release(*session, connection.out);
      }
    }
  });
  const bool accepts = choose_(4) != 0;
  on_both([&](Server& server) { server.log.is_accepting = accepts; });
}

void ArrivalsTrial::pass_time() {
  constexpr std::array<engine::Duration, 4> kSteps = {1ms, 250ms, kTtl - 1ns, kTtl};
  now_ += kSteps[choose_(kSteps.size())];
  on_both([&](Server& server) {
    while (const auto session = server.engine.due(now_)) {
      for (Connection& connection : server.connections) {
        if (connection.session != *session) continue;
        server.engine.time_out(*session, time(), connection.out);
        break;
      }
    }
    for (Connection& connection : server.connections) {
      if (connection.unread.empty() && server.engine.awaits_quiet(connection.session)) {
        server.engine.quiet(connection.session, time(), connection.out);
      }
    }
    while (server.engine.next_deadline() <= now_) server.engine.tick(time());
  });
}

std::string ArrivalsTrial::compare() {
  for (std::size_t i = 0; i < kConnections; ++i) {
    const Connection& one = together_.connections[i];
    const Connection& other = in_turn_.connections[i];
    if (one.out.view() != other.out.view()) return "other answers";
    if (one.out.held() != other.out.held()) return "more is held, or less";
    if (one.unread != other.unread) return "more is consumed, or less";
    if (together_.engine.is_open(one.session) != in_turn_.engine.is_open(other.session)) {
      return "one of the two has closed";
    }
  }
  if (!were_told_the_same()) return "other changes";
  const engine::RegistryCounters one = together_.registry.counters();
  const engine::RegistryCounters other = in_turn_.registry.counters();
  if (one.renewed != other.renewed || one.registered != other.registered ||
      one.left != other.left || one.active != other.active || one.inactive != other.inactive) {
    return "other peers";
  }
  if (together_.engine.counters().answers != in_turn_.engine.counters().answers) {
    return "other counts of answers";
  }
  return "";
}

bool ArrivalsTrial::were_told_the_same() {
  const auto is_same = [](const ToldChange& one, const ToldChange& other) {
    const auto all_of = [](const engine::Change& c) {
      return std::tie(c.shard, c.sequence, c.extent, c.host, c.port, c.active, c.has_cookie,
                      c.deadline, c.registered_at, c.activity_bits, c.activity_day);
    };
    return one.nick == other.nick && all_of(one.change) == all_of(other.change) &&
           one.change.cookie == other.change.cookie;
  };
  const auto all_are_same = [&](const auto& one, const auto& other) {
    return one.first == other.first && std::ranges::equal(one.second, other.second, is_same);
  };
  const bool are_same = std::ranges::equal(together_.log.told, in_turn_.log.told, all_are_same);
  on_both([](Server& server) { server.log.told.clear(); });
  return are_same;
}

void ArrivalsTrial::check_invariants() const {
  for (const Server* const server : {&together_, &in_turn_}) {
    server->engine.check_invariants();
    server->registry.check_invariants();
  }
}

}  // namespace rollcall::tests
