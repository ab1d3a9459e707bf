#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/limits.h"
#include "engine/outcome.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/socket_client.h"
#include "tests/transport/tcp_test_server.h"

// What only the TCP transport does. What every transport does is in the conformance suite.

namespace rollcall::tests::on_tcp {
namespace {

// ---- Listening ----

TEST(TcpServer, ReportsThePortsThatWerePicked) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}, {kOtherLoopback, 0}}}});
  server.serve();
  const auto& endpoints = server.server().endpoints();
  ASSERT_EQ(endpoints.size(), 2u);
  EXPECT_EQ(endpoints[0].host, kLoopback);
  EXPECT_EQ(endpoints[1].host, kOtherLoopback);
  for (const Endpoint& endpoint : endpoints) {
    EXPECT_NE(endpoint.port, 0);
    SocketClient client(endpoint);
    EXPECT_TRUE(is_served(client));
  }
}

TEST(TcpServer, SaysWhichEndpointIsTaken) {
  TestServer first;
  first.serve();
  TestServer second({.tcp = {.listen = {{kLoopback, 0}, first.endpoint()}}});
  const auto error = second.server().listen();
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->endpoint, first.endpoint());
  EXPECT_EQ(error->error, std::errc::address_in_use);
}

TEST(TcpServer, Ipv6ListenerLeavesThePortToIpv4) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  TestServer ipv4;
  ipv4.serve();
  TestServer ipv6({.tcp = {.listen = {{HostAddress{}, ipv4.endpoint().port}}}});
  ipv6.serve();
  SocketClient client({kIpv6Loopback, ipv4.endpoint().port});
  EXPECT_TRUE(is_served(client));
}

TEST(TcpServer, ListsIpv6PeersInBrackets) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6";
  TestServer server({.tcp = {.listen = {{kIpv6Loopback, 0}}}});
  server.serve();
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "six"));
  client.send("PQuery P2Pv1\n\nsix\n");
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), "Response 20 P2Pv1\n\n['[::1]:3333']\n");
}

// ---- Serving ----

TEST(TcpServer, AnswersAnUnterminatedRequestWithExactlyTheOriginalBytes) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  for (const std::string_view request :
       {"Register P2Pv1\n\nalice\n3333", "KeepAlive P2Pv1\n\nalice", "Leave P2Pv1\n\nalice"}) {
    client.send(request);
    EXPECT_EQ(client.receive(kSuccess.size()), kSuccess) << request;
  }
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), "") << "something followed the last answer";
}

TEST(TcpServer, AnswersPipelinedRequestsInOrder) {
  TestServer server({.registry = {.peers_per_host_max = 2000}});
  server.serve();
  SocketClient client = server.connect();
  // Every third has a bad port, so that the answers differ.
  constexpr int kRequests = 2000;
  std::string requests;
  std::string answers;
  for (int i = 0; i < kRequests; ++i) {
    const bool is_bad = i % 3 == 0;
    requests += register_request("peer" + std::to_string(i), is_bad ? 0 : 3333);
    answers += is_bad ? "Response 400 P2Pv1\n\nBad message: bad port\n" : kSuccessLine;
  }
  client.send(requests);
  EXPECT_EQ(client.receive(answers.size()), answers);
}

TEST(TcpServer, ServesFiveHundredConnectionsAtOnce) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .threads = 4}});
  server.serve();
  std::vector<SocketClient> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(server.connect());
  for (SocketClient& client : clients) client.send(register_request("everyone", 3333));
  for (SocketClient& client : clients) {
    EXPECT_EQ(client.receive(kSuccessLine.size()), kSuccessLine);
  }
  EXPECT_EQ(server.server().counters().connections_open, clients.size());
}

TEST(TcpServer, HalfCloseEndsARequestAndTheAnswerStillComes) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("Register P2Pv1\n\nalice\n3333");
  client.half_close();
  EXPECT_EQ(client.receive_to_end(), kSuccess);
  EXPECT_FALSE(client.was_reset());
}

TEST(TcpServer, ResetInMidRequestRegistersNobody) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  ASSERT_TRUE(is_served(client, "before"));
  client.send("Register P2Pv1\n\nafter\n33");
  client.reset();
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 0; }));
  EXPECT_EQ(server.answers(engine::Outcome::kSuccess), 1u);
}

TEST(TcpServer, ClosingAnswerSurvivesWhatTheClientStillSends) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("GET / HTTP/1.1\r\n" + std::string(32 << 10, 'x'));
  EXPECT_EQ(client.receive_to_end(), "Response 400 P2Pv1\n\nBad message: malformed first line");
  EXPECT_FALSE(client.was_reset());
}

TEST(TcpServer, ClientThatSendsOnAfterAClosingAnswerIsClosed) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  client.send("nonsense\n");
  const std::string junk(64 << 10, 'x');
  EXPECT_TRUE(eventually([&] {
    client.send_some(junk);
    return server.server().counters().connections_open == 0;
  }));
}

TEST(TcpServer, ClientThatReadsLateGetsEveryAnswer) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  // Far more than the system takes for a client that does not read.
  constexpr int kQueries = 200;
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  std::string queries;
  for (int i = 0; i < kQueries; ++i) queries += LongLists::kQuery;
  client.send(queries);
  const std::string list = LongLists::list();
  for (int i = 0; i < kQueries; ++i) {
    ASSERT_TRUE(client.receive(list.size()) == list) << "answer " << i;
    server.server().check_invariants();
  }
}

TEST(TcpServer, SteadyStateAllocatesNothing) {
  TestServer server;
  server.serve();
  SocketClient client = server.connect();
  ASSERT_TRUE(is_served(client, "steady"));
  const std::string request = "KeepAlive P2Pv1\n\nsteady\n";
  std::array<char, kSuccessLine.size()> answer;
  const auto keep_alive = [&] {
    client.send(request);
    client.receive_exactly(answer);
  };
  for (int i = 0; i < 100; ++i) keep_alive();

  const AllocationCounter allocations;
  for (int i = 0; i < 1000; ++i) keep_alive();
  EXPECT_EQ(allocations.count(), 0u);
}

TEST(TcpServer, UnterminatedRequestsInSteadyStateAllocateNothing) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .quiet = 1ms}});
  server.serve();
  SocketClient client = server.connect();
  const std::string request = "Register P2Pv1\n\nsteady\n3333";
  std::array<char, kSuccess.size()> answer;
  const auto ask = [&] {
    client.send(request);
    client.receive_exactly(answer);
  };
  for (int i = 0; i < 10; ++i) ask();

  const AllocationCounter allocations;
  for (int i = 0; i < 100; ++i) ask();
  EXPECT_EQ(allocations.count(), 0u);
}

// ---- Limits ----

TEST(TcpServer, ClosesOneConnectionTooManyOfAHost) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .connections_per_host_max = 2}});
  server.serve();
  SocketClient first = server.connect();
  SocketClient second = server.connect();
  ASSERT_TRUE(is_served(first));
  ASSERT_TRUE(is_served(second));

  SocketClient third = server.connect();
  EXPECT_EQ(third.receive_to_end(), "");
  EXPECT_TRUE(server.observer().await(TcpEvent::kHostFull, kLoopback));
  SocketClient other = server.connect(kOtherLoopback);
  EXPECT_TRUE(is_served(other, "other")) << "another host has connections of its own";

  first.reset();
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 2; }));
  SocketClient fourth = server.connect();
  EXPECT_TRUE(is_served(fourth)) << "one has left";
  const transport::TcpCounters counters = server.server().counters();
  EXPECT_EQ(counters.connections_accepted, 5u);
  EXPECT_EQ(counters.events[static_cast<std::size_t>(TcpEvent::kHostFull)], 1u);
}

class MakingRoom : public testing::TestWithParam<unsigned> {};

TEST_P(MakingRoom, TakesTheLongestIdleConnection) {
  TestServer server(
      {.tcp = {.listen = {{kLoopback, 0}}, .threads = GetParam(), .connections_max = 3}});
  server.serve();
  SocketClient first = server.connect();
  SocketClient second = server.connect(kOtherLoopback);
  SocketClient third = server.connect();
  ASSERT_TRUE(is_served(first));
  ASSERT_TRUE(is_served(second, "other"));
  ASSERT_TRUE(is_served(third));
  ASSERT_TRUE(is_served(first)) << "so the second is the longest idle one";

  SocketClient fourth = server.connect();
  EXPECT_TRUE(is_served(fourth));
  EXPECT_EQ(second.receive_to_end(), "");
  EXPECT_TRUE(server.observer().await(TcpEvent::kMadeRoom, kOtherLoopback));
  EXPECT_TRUE(is_served(first));
  EXPECT_TRUE(is_served(third));
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 3; }));
}

TEST_P(MakingRoom, GoesOnForAsManyAsCome) {
  constexpr std::size_t kConnectionsMax = 4;
  TestServer server(
      {.tcp = {
           .listen = {{kLoopback, 0}}, .threads = GetParam(), .connections_max = kConnectionsMax}});
  server.serve();
  constexpr std::size_t kClients = 100;
  std::vector<SocketClient> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(server.connect());
    ASSERT_TRUE(is_served(clients.back())) << "client " << i;
  }
  for (std::size_t i = 0; i < kClients - kConnectionsMax; ++i) {
    EXPECT_EQ(clients[i].receive_to_end(), "") << "client " << i;
  }
  EXPECT_TRUE(
      eventually([&] { return server.server().counters().connections_open == kConnectionsMax; }));
}

INSTANTIATE_TEST_SUITE_P(TcpServer, MakingRoom, testing::Values(1u, 3u),
                         [](const auto& of) { return std::to_string(of.param) + "Threads"; });

TEST(TcpServer, ClientThatNeverReadsIsBoundedAndDropped) {
  Options options = LongLists::options();
  options.tcp.output_stall = 100ms;
  TestServer server(options);
  server.serve();
  LongLists::fill(server);
  std::string queries;
  for (int i = 0; i < 1000; ++i) queries += LongLists::kQuery;
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  EXPECT_TRUE(eventually([&] {
    client.send_some(queries);
    server.server().check_invariants();
    return server.observer().has(TcpEvent::kOutputStalled);
  }));
  EXPECT_TRUE(eventually([&] { return server.server().counters().connections_open == 0; }));
  // What the system takes for both ends is some megabytes, and each list is a fifth of one.
  const auto lists = server.answers(engine::Outcome::kSuccess) - LongLists::kPeers;
  EXPECT_LT(lists * LongLists::list().size(), std::size_t{32} << 20);
  client.receive_to_end();
  EXPECT_TRUE(client.was_reset());
}

// ---- Stopping ----

TEST(TcpServer, CanBeStoppedAtAnyTime) {
  TestServer never_listened;
  never_listened.server().stop();
  TestServer never_started;
  EXPECT_FALSE(never_started.server().listen().has_value());
  never_started.server().stop();
  TestServer served;
  served.serve();
  served.server().stop();
  served.server().stop();
  EXPECT_EQ(served.server().counters().connections_open, 0u);
}

TEST(TcpServer, StopEndsTheStreamOfIdleClients) {
  TestServer server({.tcp = {.listen = {{kLoopback, 0}}, .threads = 2}});
  server.serve();
  std::vector<SocketClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(server.connect());
    ASSERT_TRUE(is_served(clients.back()));
  }
  server.server().stop();
  for (SocketClient& client : clients) {
    EXPECT_EQ(client.receive_to_end(), "");
    EXPECT_FALSE(client.was_reset());
  }
  EXPECT_THROW(server.connect(), std::system_error) << "it still listens";
}

TEST(TcpServer, StopSendsTheAnswersOnTheirWay) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  client.send(LongLists::kQuery);
  constexpr auto kQueries = static_cast<std::size_t>(engine::Method::kPQuery);
  ASSERT_TRUE(
      eventually([&] { return server.server().counters().engine.requests[kQueries] == 1; }));
  std::thread stopping([&] { server.server().stop(); });
  const std::string received = client.receive_to_end();
  stopping.join();
  EXPECT_TRUE(received == LongLists::list()) << received.size() << " bytes came";
}

TEST(TcpServer, StopDoesNotWaitForAClientThatNeverReads) {
  TestServer server(LongLists::options());
  server.serve();
  LongLists::fill(server);
  SocketClient client(server.endpoint(), {.receive_buffer_bytes = 16 << 10});
  for (int i = 0; i < 100; ++i) client.send(LongLists::kQuery);
  constexpr auto kQueries = static_cast<std::size_t>(engine::Method::kPQuery);
  ASSERT_TRUE(eventually([&] { return server.server().counters().engine.requests[kQueries] > 0; }));
  const auto begin = std::chrono::steady_clock::now();
  server.server().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, engine::limits::kOutputStall);
  EXPECT_EQ(server.server().counters().connections_open, 0u);
}

}  // namespace
}  // namespace rollcall::tests::on_tcp
