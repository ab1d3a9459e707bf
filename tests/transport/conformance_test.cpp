#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/outcome.h"
#include "tests/support/transport_under_test.h"

// What every transport must do, whichever carries the bytes. The golden exchanges say what the
// answers are; this is about how a transport treats its connections and its engine.

namespace rollcall::tests {
namespace {

using engine::HostAddress;
using namespace std::chrono_literals;
namespace limits = engine::limits;

constexpr HostAddress kHere = HostAddress::v4(127, 0, 0, 1);
constexpr HostAddress kOther = HostAddress::v4(127, 0, 0, 2);

const std::string kSuccess = "Response 20 P2Pv1\n\nSuccess\n";
const std::string kNotRegistered = "Response 400 P2Pv1\n\nBad message: not registered\n";
const std::string kMalformed = "Response 400 P2Pv1\n\nBad message: malformed first line";

std::string register_request(std::size_t peer) {
  return "Register P2Pv1\n\npeer" + std::to_string(peer) + "\n" + std::to_string(peer + 1) + "\n";
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

class TransportConformance : public testing::TestWithParam<NamedTransport> {
 protected:
  void serve(const ServerOptions& options = {}) { transport_ = GetParam().make(options); }

  std::unique_ptr<ClientUnderTest> connect(const HostAddress& from = kHere) {
    return transport_->connect(from);
  }

  // Whether it happens, within a few seconds of the transport's time.
  bool eventually(const std::function<bool()>& happens) {
    for (int i = 0; i < 500; ++i) {
      if (happens()) return true;
      transport_->pass(10ms);
    }
    return false;
  }

  bool everything_is_closed() {
    return eventually([this] { return transport_->connections() == 0; });
  }

  // Sends a request that changes nothing, and reads its answer: whatever was sent before on this
  // connection has been dealt with.
  void expect_is_served(ClientUnderTest& client) {
    client.send("Leave P2Pv1\n\nnobody\n");
    EXPECT_EQ(client.await(kNotRegistered.size()), kNotRegistered);
  }

  // Registers peers that make a list of more than `bytes` bytes, and returns its answer's length.
  std::size_t fill_list(ClientUnderTest& client, std::size_t bytes) {
    constexpr std::size_t kBytesOfPeerMin = 13;  // `'127.0.0.1:1'`
    const std::size_t peers = bytes / kBytesOfPeerMin;
    std::string requests;
    for (std::size_t i = 0; i < peers; ++i) requests += register_request(i);
    client.send(requests);
    EXPECT_EQ(client.await(peers * kSuccess.size()), repeated(kSuccess, peers));
    client.send("PQuery P2Pv1\n\npeer0\n");
    std::size_t answer = 0;
    while (client.received().find("]\n") == std::string::npos && client.await_more()) {
    }
    answer = client.received().size();
    EXPECT_GT(answer, bytes);
    client.take(answer);
    return answer;
  }

  std::uint64_t lists_made() const {
    return transport_->counters().requests[static_cast<std::size_t>(engine::Method::kPQuery)];
  }

  std::unique_ptr<TransportUnderTest> transport_;
};

TEST_P(TransportConformance, ARequestIsAnsweredAndTheConnectionStaysOpen) {
  serve();
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
  client->send("Leave P2Pv1\n\nalice\n");
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
  EXPECT_EQ(client->state(), ClientState::kOpen);
}

TEST_P(TransportConformance, QuietIsReported) {
  serve();
  const auto client = connect();
  const std::string bare = kSuccess.substr(0, kSuccess.size() - 1);
  for (const std::string request :
       {"Register P2Pv1\n\nalice\n9999", "KeepAlive P2Pv1\n\nalice", "Leave P2Pv1\n\nalice"}) {
    client->send(request);
    transport_->pass(limits::kDefaultQuiet);
    EXPECT_EQ(client->await(bare.size()), bare) << request;
  }
  client->half_close();
  EXPECT_EQ(client->await_end(), "");
}

TEST_P(TransportConformance, QuietTimeIsAnOption) {
  serve({.quiet = 500ms});
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n99");
  transport_->pass(20ms);
  client->send("99\n");
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
}

TEST_P(TransportConformance, TheEnginesTimersAreRun) {
  serve();
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n");
  transport_->pass(limits::kIncompleteSilence);
  const std::string answer = "Response 400 P2Pv1\n\nBad message: missing line";
  EXPECT_EQ(client->await(answer.size()), answer);
  EXPECT_EQ(client->state(), ClientState::kOpen);
}

TEST_P(TransportConformance, EndOfStreamIsReportedAndAnswered) {
  serve();
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n9999");
  client->half_close();
  EXPECT_EQ(client->await_end() + "\n", kSuccess);
  EXPECT_EQ(client->state(), ClientState::kEnded);
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, EverythingSentBeforeTheEndOfStreamIsAnswered) {
  serve();
  const auto client = connect();
  client->send(repeated("Leave P2Pv1\n\nnobody\n", 500));
  client->half_close();
  EXPECT_EQ(client->await_end(), repeated(kNotRegistered, 500));
  EXPECT_EQ(client->state(), ClientState::kEnded);
}

TEST_P(TransportConformance, AConnectionWithoutARequestGetsNoAnswer) {
  serve();
  const auto client = connect();
  client->half_close();
  EXPECT_EQ(client->await_end(), "");
  EXPECT_EQ(client->state(), ClientState::kEnded);
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, AClosingAnswerArrivesThoughTheClientSendsOn) {
  serve();
  const auto client = connect();
  client->send("Nonsense\n" + repeated("Register P2Pv1\n\nalice\n9999\n", 1000));
  EXPECT_EQ(client->await_end(), kMalformed);
  EXPECT_EQ(client->state(), ClientState::kEnded);
  const auto other = connect();
  other->send("Leave P2Pv1\n\nalice\n");
  EXPECT_EQ(other->await(kNotRegistered.size()), kNotRegistered);
}

TEST_P(TransportConformance, AfterAClosingAnswerTheServerWaitsForTheClientAtMostASecond) {
  serve();
  const auto client = connect();
  client->send("Nonsense\n");
  EXPECT_EQ(client->await_end(), kMalformed);
  EXPECT_EQ(transport_->connections(), 1u);
  transport_->pass(limits::kDrainTime);
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, AClientThatClosesAfterAClosingAnswerIsNotWaitedFor) {
  serve();
  const auto client = connect();
  client->send("Nonsense\n");
  EXPECT_EQ(client->await_end(), kMalformed);
  client->half_close();
  EXPECT_TRUE(eventually([this] { return transport_->connections() == 0; }));
}

TEST_P(TransportConformance, AFloodBehindAClosingAnswerIsCutOff) {
  serve();
  const auto client = connect();
  client->send("Nonsense\n");
  EXPECT_EQ(client->await_end(), kMalformed);
  client->send(std::string(4 * limits::kDrainBytesMax, 'x'));
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, PipelinedRequestsAreAnsweredInOrder) {
  serve({.registry = {.peers_per_host_max = 2000}});
  const auto client = connect();
  std::string requests;
  std::string answers;
  for (std::size_t i = 0; i < 2000; ++i) {
    requests += register_request(i);
    answers += kSuccess;
    if (i % 7 == 0) {
      requests += "Register P2Pv1\n\nalice\n0\n";
      answers += "Response 400 P2Pv1\n\nBad message: bad port\n";
    }
  }
  client->send(requests);
  EXPECT_EQ(client->await(answers.size()), answers);
  client->half_close();
  EXPECT_EQ(client->await_end(), "");
}

TEST_P(TransportConformance, ConnectionsAreNotMixedUp) {
  serve({.quiet = limits::kQuietMax});  // a pause of the machine is no silence of a client
  std::vector<std::unique_ptr<ClientUnderTest>> clients;
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < 40; ++i) {
    clients.push_back(connect(i % 2 == 0 ? kHere : kOther));
    // Peers of even and odd clients have their own hosts, and each its own port.
    requests.push_back(register_request(i) + "PQuery P2Pv1\nLimit: 1\n\nnobody\n");
  }
  const std::size_t longest =
      std::accumulate(requests.begin(), requests.end(), std::size_t{0},
                      [](std::size_t most, const auto& r) { return std::max(most, r.size()); });
  for (std::size_t at = 0; at < longest; ++at) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (at < requests[i].size()) clients[i]->send(requests[i].substr(at, 1));
    }
  }
  const std::string answers = kSuccess + kNotRegistered;
  for (const auto& client : clients) EXPECT_EQ(client->await(answers.size()), answers);
}

TEST_P(TransportConformance, ManyConnectionsAtOnceAllGetAnswers) {
  serve();
  std::vector<std::unique_ptr<ClientUnderTest>> clients;
  for (std::size_t i = 0; i < 500; ++i) clients.push_back(connect());
  for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->send(register_request(i));
  for (const auto& client : clients) EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
  EXPECT_EQ(transport_->connections(), clients.size());
  clients.clear();
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, AClientThatResetsLeavesNothingBehind) {
  serve();
  const auto client = connect();
  const auto other = connect();
  expect_is_served(*client);
  client->send("Register P2Pv1\n\nalice\n");
  client->reset();
  EXPECT_TRUE(eventually([this] { return transport_->connections() == 1; }));
  expect_is_served(*other);
}

// A list of 20 kB for each of 2,000 requests would be 40 MB; a server that made them all as the
// requests came would hold what the network does not take.
TEST_P(TransportConformance, AClientThatDoesNotReadIsNotReadEither) {
  constexpr std::size_t kRequests = 2000;
  serve({.registry = {.peers_per_host_max = 5000}});
  const auto client = connect();
  const std::size_t answer = fill_list(*client, 20'000);
  const std::uint64_t lists_before = lists_made();

  client->stop_reading();
  client->send(repeated("PQuery P2Pv1\n\npeer0\n", kRequests));
  transport_->pass(300ms);
  EXPECT_LT(lists_made() - lists_before, kRequests);
  const auto other = connect();
  expect_is_served(*other);

  client->read_on();
  const std::string answers = client->await(kRequests * answer);
  EXPECT_EQ(answers.size(), kRequests * answer);
  EXPECT_TRUE(answers.ends_with("]\n"));
  expect_is_served(*client);
  EXPECT_EQ(lists_made() - lists_before, kRequests);
}

TEST_P(TransportConformance, AClientThatNeverReadsIsReset) {
  serve({.registry = {.peers_per_host_max = 5000}, .output_stall = 200ms});
  const auto client = connect();
  fill_list(*client, 20'000);
  client->stop_reading();
  client->send(repeated("PQuery P2Pv1\n\npeer0\n", 2000));
  EXPECT_TRUE(everything_is_closed());
  client->read_on();
  client->await_end();
  EXPECT_EQ(client->state(), ClientState::kReset);
}

TEST_P(TransportConformance, WhoTakesTheOutputOverItsTotalIsNotTheOneThatGoes) {
  constexpr std::size_t kRequests = 2000;
  constexpr std::size_t kClientsMax = 100;
  serve({.registry = {.peers_per_host_max = 5000}, .output_total_max = 1'000'000});
  const auto reader = connect();
  const std::size_t answer = fill_list(*reader, 20'000);
  std::vector<std::unique_ptr<ClientUnderTest>> clients;
  for (bool was_one_reset = false; !was_one_reset;) {
    ASSERT_LT(clients.size(), kClientsMax);
    clients.push_back(connect());
    const std::size_t all = clients.size() + 1;
    ASSERT_TRUE(eventually([&] { return transport_->connections() == all; }));
    clients.back()->stop_reading();
    clients.back()->send(repeated("PQuery P2Pv1\n\npeer0\n", kRequests));
    transport_->pass(30ms);
    was_one_reset = transport_->connections() < all;
  }

  expect_is_served(*reader);
  // Each thread has one of the first three.
  int resets = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    clients[i]->read_on();
    clients[i]->await(kRequests * answer);
    resets += clients[i]->state() == ClientState::kReset;
  }
  EXPECT_GT(resets, 0);
  clients.back()->read_on();
  EXPECT_EQ(clients.back()->await(kRequests * answer).size(), kRequests * answer);
}

TEST_P(TransportConformance, AClientThatGoesWhileItsAnswersWaitIsForgotten) {
  serve({.registry = {.peers_per_host_max = 5000}});
  auto client = connect();
  fill_list(*client, 20'000);
  client->stop_reading();
  client->send(repeated("PQuery P2Pv1\n\npeer0\n", 2000));
  transport_->pass(100ms);
  client.reset();
  EXPECT_TRUE(everything_is_closed());
}

TEST_P(TransportConformance, AnIdleConnectionIsClosed) {
  serve({.engine = {.idle_timeout = 200ms}});
  const auto client = connect();
  expect_is_served(*client);
  EXPECT_TRUE(eventually([&] {
    client->look();
    return client->state() == ClientState::kEnded;
  }));
  EXPECT_EQ(client->received(), "");
}

TEST_P(TransportConformance, ABusyConnectionIsNotIdle) {
  serve({.engine = {.idle_timeout = 400ms}});
  const auto client = connect();
  for (int i = 0; i < 12; ++i) {
    expect_is_served(*client);
    transport_->pass(100ms);
  }
  client->look();
  EXPECT_EQ(client->state(), ClientState::kOpen);
}

TEST_P(TransportConformance, OneConnectionTooManyOfAHostIsAcceptedAndClosed) {
  serve({.connections_per_host_max = 2});
  const auto first = connect();
  auto second = connect();
  expect_is_served(*first);
  expect_is_served(*second);

  const auto third = connect();
  EXPECT_EQ(third->await_end(), "");
  EXPECT_NE(third->state(), ClientState::kOpen);
  const auto other = connect(kOther);
  expect_is_served(*other);
  expect_is_served(*first);

  second->half_close();
  EXPECT_EQ(second->await_end(), "");
  EXPECT_TRUE(eventually([this] { return transport_->connections() == 2; }));
  const auto fourth = connect();
  expect_is_served(*fourth);
}

TEST_P(TransportConformance, AtTheTotalTheLongestIdleConnectionMakesRoom) {
  serve({.connections_max = 3});
  std::vector<std::unique_ptr<ClientUnderTest>> clients;
  for (std::size_t i = 0; i < 3; ++i) {
    clients.push_back(connect());
    expect_is_served(*clients.back());
    transport_->pass(20ms);
  }
  expect_is_served(*clients[0]);

  const auto newcomer = connect();
  expect_is_served(*newcomer);
  EXPECT_EQ(clients[1]->await_end(), "");
  EXPECT_NE(clients[1]->state(), ClientState::kOpen);
  expect_is_served(*clients[0]);
  expect_is_served(*clients[2]);
  EXPECT_EQ(transport_->connections(), 3u);
}

TEST_P(TransportConformance, ExpiryNeedsNoTraffic) {
  serve({.registry = {.ttl = 1s}});
  const auto client = connect();
  client->send("Register P2Pv1\n\nalice\n9999\n");
  EXPECT_EQ(client->await(kSuccess.size()), kSuccess);
  transport_->pass(1s);
  client->send("KeepAlive P2Pv1\n\nalice\n");
  EXPECT_EQ(client->await(kNotRegistered.size()), kNotRegistered);
}

TEST_P(TransportConformance, EveryRequestIsCountedOnce) {
  serve();
  const auto client = connect();
  const auto other = connect(kOther);
  for (ClientUnderTest* each : {client.get(), other.get()}) {
    each->send(register_request(0) + "Leave P2Pv1\n\nnobody\nNonsense\n");
    each->await_end();
  }
  const engine::EngineCounters counters = transport_->counters();
  EXPECT_EQ(counters.answers[static_cast<std::size_t>(engine::Outcome::kSuccess)], 1u);
  EXPECT_EQ(counters.answers[static_cast<std::size_t>(engine::Outcome::kOtherHost)], 1u);
  EXPECT_EQ(counters.answers[static_cast<std::size_t>(engine::Outcome::kNotRegistered)], 2u);
  EXPECT_EQ(counters.answers[static_cast<std::size_t>(engine::Outcome::kMalformedFirstLine)], 2u);
  EXPECT_EQ(std::accumulate(counters.answers.begin(), counters.answers.end(), std::uint64_t{0}),
            6u);
  EXPECT_EQ(counters.sessions_opened, 2u);
}

INSTANTIATE_TEST_SUITE_P(, TransportConformance, testing::ValuesIn(all_transports()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace rollcall::tests
