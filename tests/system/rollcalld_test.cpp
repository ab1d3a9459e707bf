// The server program: its command line, its signals, its limits, and what it says.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/limits.h"
#include "tests/support/child_process.h"
#include "tests/support/server_process.h"
#include "tests/support/socket_client.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::tests {
namespace {

using Arguments = std::vector<std::string>;
using nlohmann::json;

constexpr int kUsage = 64;
constexpr int kUnavailable = 69;
constexpr int kSystemError = 71;
constexpr int kOutputError = 74;
constexpr int kConfig = 78;

constexpr std::string_view kReady = "rollcalld: ready on ";

Arguments listening(const Arguments& more = {}) {
  Arguments arguments{"--listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Arguments words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size()) << "the last line has no end: " << text;
  return lines;
}

bool is_served(SocketClient& client, std::string_view nick = "someone") {
  client.send(register_request(nick, 3333));
  return client.receive(kSuccessLine.size()) == kSuccessLine;
}

std::string ask(SocketClient& client, std::string_view request) {
  client.send(request);
  client.half_close();
  return client.receive_to_end();
}

// Whether something that is under way comes about.
template <typename Condition>
bool eventually(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

bool has_ipv6() {
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const auto* address = reinterpret_cast<const sockaddr*>(&loopback);
  const bool is_bound = ::bind(descriptor, address, sizeof loopback) == 0;
  ::close(descriptor);
  return is_bound;
}

// ---- Command line ----

TEST(Rollcalld, HelpNamesEveryOption) {
  ChildProcess process(ROLLCALLD_PATH, {"--help"});
  EXPECT_EQ(process.await_end(), exited(0));
  EXPECT_EQ(process.errors(), "");
  for (const std::string_view option :
       {"--listen", "--threads", "--ttl", "--data", "--memory", "--durability", "--quiet",
        "--success-code", "--open-query", "--answer-peers-max", "--peers-max",
        "--peers-per-host-max", "--connections-max", "--connections-per-host-max", "--idle-timeout",
        "--log-level", "--version", "--help"}) {
    EXPECT_NE(process.output().find(option), std::string::npos) << option;
  }
}

TEST(Rollcalld, VersionIsOneLine) {
  ChildProcess process(ROLLCALLD_PATH, {"--version"});
  EXPECT_EQ(process.await_end(), exited(0));
  const auto lines = lines_of(process.output());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with("rollcalld ")) << lines[0];
}

TEST(Rollcalld, BadCommandLineIsOneLineAndExit64) {
  const std::vector<Arguments> command_lines{
      {"--bogus"},
      {"--port", "80"},
      {"--listen"},
      {"--listen", "localhost"},
      {"--listen", "localhost:80"},
      {"--listen", "127.0.0.1"},
      {"--listen", "127.0.0.1:65536"},
      {"--listen", "[::1]"},
      {"--listen", "[fe80::1%eth0]:80"},
      {"--threads", "0"},
      {"--threads", "65"},
      {"--threads", "two"},
      {"--threads", "-1"},
      {"--ttl", "999ms"},
      {"--ttl", "169h"},
      {"--ttl", "7200"},
      {"--ttl", "1 h"},
      {"--ttl", "\n1h"},
      {"--quiet", "0ms"},
      {"--quiet", "501ms"},
      {"--success-code", "21"},
      {"--success-code", "020"},
      {"--open-query=perhaps"},
      {"--memory=disk"},
      {"--answer-peers-max", "0"},
      {"--answer-peers-max", "100001"},
      {"--peers-max", "0"},
      {"--peers-max", "1000000001"},
      {"--peers-per-host-max", "0"},
      {"--peers-per-host-max", "1000000001"},
      {"--connections-max", "0"},
      {"--connections-max", "1000001"},
      {"--connections-per-host-max", "0"},
      {"--connections-per-host-max", "1000001"},
      {"--idle-timeout", "999ms"},
      {"--idle-timeout", "8d"},
      {"--log-level", "loud"},
      {"--ttl", "1h", "--ttl", "2h"},
  };
  for (const Arguments& arguments : command_lines) {
    ChildProcess process(ROLLCALLD_PATH, arguments);
    SCOPED_TRACE(arguments.front() + ' ' + arguments.back());
    EXPECT_EQ(process.await_end(), exited(kUsage));
    EXPECT_EQ(process.output(), "");
    const auto lines = lines_of(process.errors());
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].starts_with("rollcalld: ")) << lines[0];
    const std::string name = arguments.front().substr(2, arguments.front().find('=') - 2);
    EXPECT_NE(lines[0].find(name), std::string::npos) << lines[0] << " does not say what is wrong";
  }
}

TEST(Rollcalld, WhatItQuotesIsPrintable) {
  ChildProcess process(ROLLCALLD_PATH, {"--ttl", "\x1b[31m1h\n"});
  EXPECT_EQ(process.await_end(), exited(kUsage));
  EXPECT_EQ(process.errors(),
            "rollcalld: --ttl: '\\x1b[31m1h\\x0a' is not a duration from 1s to 7d\n");
}

TEST(Rollcalld, EveryOptionTogetherServes) {
  ServerProcess server(listening(
      words("--threads 2 --ttl 7d --memory --quiet 500ms --success-code 200 --open-query "
            "--answer-peers-max 100000 --peers-max 1000000000 --peers-per-host-max 1000000000 "
            "--connections-max 100 --connections-per-host-max 1000000 --idle-timeout 168h "
            "--log-level error")));
  SocketClient client(server.endpoint());
  EXPECT_EQ(ask(client, register_request("alice", 1)), "Response 200 P2Pv1\n\nSuccess\n");
  EXPECT_EQ(server.stop(), exited(0));
}

// ---- Listening ----

TEST(Rollcalld, SaysThatItIsReadyOnEachListener) {
  Arguments arguments{"--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"};
  if (has_ipv6()) arguments.insert(arguments.end(), {"--listen", "[::1]:0"});
  ServerProcess server(arguments);
  ASSERT_EQ(server.endpoints().size(), arguments.size() / 2);
  for (const auto& endpoint : server.endpoints()) {
    SocketClient client(endpoint);
    EXPECT_TRUE(is_served(client, "peer" + std::to_string(endpoint.port)));
  }
  EXPECT_EQ(server.stop(), exited(0));
}

TEST(Rollcalld, TakenPortIsExit69) {
  ServerProcess first(listening());
  const std::string endpoint = "127.0.0.1:" + std::to_string(first.port());
  ChildProcess second(ROLLCALLD_PATH,
                      {"--memory", "--listen", "127.0.0.1:0", "--listen", endpoint});
  EXPECT_EQ(second.await_end(), exited(kUnavailable));
  EXPECT_EQ(second.errors(),
            "rollcalld: cannot listen on " + endpoint + ": Address already in use\n");
}

TEST(Rollcalld, AddressOfAnotherMachineIsExit69) {
  ChildProcess process(ROLLCALLD_PATH, {"--memory", "--listen", "192.0.2.1:0"});
  EXPECT_EQ(process.await_end(), exited(kUnavailable));
  EXPECT_EQ(lines_of(process.errors()).size(), 1u);
}

// ---- Signals ----

class Ending : public testing::TestWithParam<int> {};

TEST_P(Ending, SignalStopsItInOrder) {
  ServerProcess server(listening());
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client));
  server.process().send(GetParam());
  EXPECT_EQ(client.receive_to_end(), "");
  EXPECT_FALSE(client.was_reset());
  EXPECT_EQ(server.process().await_end(), exited(0));
}

INSTANTIATE_TEST_SUITE_P(Rollcalld, Ending, testing::Values(SIGTERM, SIGINT),
                         [](const auto& of) { return of.param == SIGTERM ? "Term" : "Int"; });

TEST(Rollcalld, SecondSignalEndsItAtOnce) {
  Arguments arguments = listening({"--peers-per-host-max", "10000"});
  ServerProcess server(arguments);
  SocketClient filler(server.endpoint());
  constexpr std::size_t kPeers = 10'000;
  std::string requests;
  for (std::size_t i = 0; i < kPeers; ++i) requests += register_request("p" + std::to_string(i), 1);
  filler.send(requests);
  ASSERT_EQ(filler.receive(kPeers * kSuccessLine.size()).size(), kPeers * kSuccessLine.size());
  // Answers that nobody reads keep the first signal busy.
  SocketClient deaf(server.endpoint(), {.receive_buffer_bytes = 4096});
  for (int i = 0; i < 100; ++i) deaf.send("PQuery P2Pv1\n\np0\n");
  ASSERT_NE(deaf.receive(1), "");

  server.process().send(SIGINT);
  server.process().send(SIGTERM);
  EXPECT_EQ(server.process().await_end(), killed(SIGTERM));
}

TEST(Rollcalld, PrintsItsCountersOnRequestAndAtTheEnd) {
  ServerProcess server(listening());
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "alice"));
  client.send("Leave P2Pv1\n\nbob\n");
  const std::string_view refusal = "Response 400 P2Pv1\n\nBad message: not registered\n";
  ASSERT_EQ(client.receive(refusal.size()), refusal);

  server.process().send(SIGUSR1);
  const json during = json::parse(server.process().await_output_line("{"));
  EXPECT_GE(during.at("uptime_ms"), 0);
  EXPECT_EQ(during.at("connections").at("open"), 1);
  EXPECT_EQ(during.at("connections").at("accepted"), 1);
  EXPECT_EQ(during.at("requests").at("Register"), 1);
  EXPECT_EQ(during.at("requests").at("Leave"), 1);
  EXPECT_EQ(during.at("statuses").at("success"), 1);
  EXPECT_EQ(during.at("statuses").at("bad_message"), 1);
  EXPECT_EQ(during.at("answers").at("Bad message: not registered"), 1);
  EXPECT_EQ(during.at("peers").at("active"), 1);
  EXPECT_EQ(during.at("peers").at("inactive"), 0);

  EXPECT_EQ(server.stop(), exited(0));
  const auto lines = lines_of(server.process().output());
  ASSERT_EQ(lines.size(), 2u);
  const json after = json::parse(lines[1]);
  EXPECT_EQ(after.at("connections").at("open"), 0);
  EXPECT_EQ(after.at("requests").at("Register"), 1);
}

// ---- Options that change what it does ----

TEST(Rollcalld, QuietTimeEndsAnUnterminatedRequest) {
  ServerProcess server(listening({"--quiet", "1ms"}));
  SocketClient client(server.endpoint());
  for (int i = 0; i < 5; ++i) {
    client.send("Register P2Pv1\n\nalice\n3333");
    EXPECT_EQ(client.receive(kSuccess.size()), kSuccess);
  }
}

TEST(Rollcalld, OpenQueryLetsAnyoneAsk) {
  ServerProcess server(listening({"--open-query"}));
  SocketClient client(server.endpoint());
  EXPECT_EQ(ask(client, "PQuery P2Pv1\n\nstranger\n"), "Response 20 P2Pv1\n\n[]\n");
}

TEST(Rollcalld, PeersOfAHostAreLimited) {
  ServerProcess server(listening({"--peers-per-host-max", "1"}));
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "alice"));
  EXPECT_EQ(ask(client, register_request("bob", 1)),
            "Response 500 P2Pv1\n\nInternal error: too many peers of this host\n");
}

TEST(Rollcalld, PeersAreLimited) {
  ServerProcess server(listening({"--peers-max", "1", "--answer-peers-max", "1"}));
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "alice"));
  EXPECT_EQ(ask(client, register_request("bob", 1)),
            "Response 500 P2Pv1\n\nInternal error: registry full\n");
}

TEST(Rollcalld, PeerIsGoneAfterItsTtl) {
  ServerProcess server(listening({"--ttl", "1s", "--open-query"}));
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client, "alice"));
  EXPECT_TRUE(eventually([&] {
    SocketClient asker(server.endpoint());
    return ask(asker, "PQuery P2Pv1\n\nx\n") == "Response 20 P2Pv1\n\n[]\n";
  }));
}

TEST(Rollcalld, IdleConnectionIsClosed) {
  ServerProcess server(listening({"--idle-timeout", "1s"}));
  SocketClient client(server.endpoint());
  ASSERT_TRUE(is_served(client));
  EXPECT_EQ(client.receive_to_end(), "");
}

TEST(Rollcalld, LongestIdleConnectionMakesRoom) {
  ServerProcess server(listening({"--connections-max", "2"}));
  SocketClient first(server.endpoint());
  ASSERT_TRUE(is_served(first));
  SocketClient second(server.endpoint());
  ASSERT_TRUE(is_served(second));
  SocketClient third(server.endpoint());
  EXPECT_TRUE(is_served(third));
  EXPECT_EQ(first.receive_to_end(), "");
  server.process().await_error_line("warning: longest idle connection closed");
}

// ---- What it logs ----

TEST(Rollcalld, OrdinaryRequestsAreNotLogged) {
  ServerProcess server(listening());
  for (int i = 0; i < 20; ++i) {
    SocketClient client(server.endpoint());
    ask(client, i % 2 == 0 ? register_request("alice", 1) : "nonsense\n");
  }
  EXPECT_EQ(server.stop(), exited(0));
  const auto lines = lines_of(server.process().errors());
  ASSERT_EQ(lines.size(), 4u) << server.process().errors();
  EXPECT_TRUE(lines[0].find("rollcalld info: started with ") != std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].starts_with(kReady)) << lines[1];
  EXPECT_TRUE(lines[2].ends_with("rollcalld info: stopping on SIGTERM")) << lines[2];
  EXPECT_TRUE(lines[3].ends_with("rollcalld info: stopped")) << lines[3];
}

TEST(Rollcalld, LogLevelOffLeavesTheReadyLine) {
  ServerProcess server(listening({"--log-level", "off"}));
  EXPECT_EQ(server.stop(), exited(0));
  const auto lines = lines_of(server.process().errors());
  ASSERT_EQ(lines.size(), 1u) << server.process().errors();
  EXPECT_TRUE(lines[0].starts_with(kReady)) << lines[0];
}

TEST(Rollcalld, RefusalsAreLoggedAtABoundedRateAndNoneIsForgotten) {
  constexpr std::size_t kRefused = 100;
  constexpr std::string_view kLine = "warning: connection refused: its host has too many";
  constexpr std::string_view kMore = " more suppressed";
  ServerProcess server(listening({"--connections-per-host-max", "1"}));
  SocketClient first(server.endpoint());
  ASSERT_TRUE(is_served(first));
  for (std::size_t i = 0; i < kRefused; ++i) {
    SocketClient client(server.endpoint());
    EXPECT_EQ(client.receive_to_end(), "");
  }
  EXPECT_EQ(server.stop(), exited(0));

  std::size_t told = 0;
  std::size_t suppressed = 0;
  for (const std::string& line : lines_of(server.process().errors())) {
    if (line.find(kLine) == std::string::npos) continue;
    if (line.ends_with(kMore)) {
      const std::size_t number = line.rfind(' ', line.size() - kMore.size() - 1);
      suppressed += std::stoul(line.substr(number));
    } else {
      EXPECT_TRUE(line.ends_with(" (127.0.0.1)")) << line;
      ++told;
    }
  }
  EXPECT_EQ(told + suppressed, kRefused) << server.process().errors();
  EXPECT_GE(told, 10u);
}

// ---- What the system does not give ----

TEST(Rollcalld, CountersThatCannotBeWrittenAreExit74) {
  ChildProcess server(
      "/bin/sh", {"-c", "exec \"$0\" --listen 127.0.0.1:0 --memory > /dev/full", ROLLCALLD_PATH});
  server.await_error_line(kReady);
  constexpr std::string_view kLost = "error: the counters could not be written to standard output";
  for (std::size_t time = 0; time < 2; ++time) {
    server.send(SIGUSR1);
    server.await_error_line(kLost, time);
  }
  server.send(SIGTERM);
  EXPECT_EQ(server.await_end(), exited(kOutputError));
}

// Too little for any of its threads, and for all of them.
TEST(Rollcalld, ThreadsThatCannotBeStartedAreExit71) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "AddressSanitizer itself takes terabytes of address space";
#endif
#endif
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/peers.db";
  for (const std::string& list : {std::string("--memory"), "--data " + file}) {
    for (const std::string limit : {"ulimit -s 8589934592", "ulimit -v 400000"}) {
      ChildProcess server(
          "/bin/sh",
          {"-c", limit + " && exec \"$0\" --listen 127.0.0.1:0 " + list + " --threads 64",
           ROLLCALLD_PATH});
      EXPECT_EQ(server.await_end(), exited(kSystemError)) << limit;
      EXPECT_NE(server.errors().find("rollcalld: cannot start: "), std::string::npos)
          << server.errors();
    }
  }
}

// ---- Files ----

constexpr std::size_t kFilesOfOneThread =
    engine::limits::kFilesReserved + engine::limits::kFilesPerThread;

TEST(Rollcalld, ConnectionsAboveTheFileLimitAreExit78) {
  constexpr std::size_t kFiles = 200;
  constexpr std::size_t kRoom = kFiles - kFilesOfOneThread;
  const auto serving = [](std::size_t connections_max) {
    return listening({"--threads", "1", "--connections-max", std::to_string(connections_max)});
  };
  ChildProcess process(ROLLCALLD_PATH, serving(kRoom + 1), ChildProcess::FileLimit{kFiles, kFiles});
  EXPECT_EQ(process.await_end(), exited(kConfig));
  EXPECT_EQ(process.errors(),
            "rollcalld: the file limit of this process allows 132 connections, not 133\n");

  ServerProcess server(serving(kRoom), ChildProcess::FileLimit{kFiles, kFiles});
  EXPECT_EQ(server.stop(), exited(0));
}

TEST(Rollcalld, RaisesItsSoftFileLimitToTheHardOne) {
  ServerProcess server(listening({"--threads", "1", "--connections-max", "132"}),
                       ChildProcess::FileLimit{20, 200});
  EXPECT_EQ(server.stop(), exited(0));
}

TEST(Rollcalld, DefaultOfConnectionsFollowsTheFileLimit) {
  constexpr std::size_t kFiles = kFilesOfOneThread + 2;
  ServerProcess server(listening({"--threads", "1"}), ChildProcess::FileLimit{kFiles, kFiles});
  server.process().await_error_line("the file limit of this process allows 2 connections");
  SocketClient first(server.endpoint());
  ASSERT_TRUE(is_served(first));
  SocketClient second(server.endpoint());
  ASSERT_TRUE(is_served(second));
  SocketClient third(server.endpoint());
  EXPECT_TRUE(is_served(third));
  EXPECT_EQ(first.receive_to_end(), "");
}

TEST(Rollcalld, NoFilesForAnyConnectionIsExit78) {
  ChildProcess process(ROLLCALLD_PATH, listening({"--threads", "1"}),
                       ChildProcess::FileLimit{kFilesOfOneThread, kFilesOfOneThread});
  EXPECT_EQ(process.await_end(), exited(kConfig));
  EXPECT_EQ(lines_of(process.errors()).size(), 1u);
}

TEST(Rollcalld, PausesAcceptingWithoutFilesAndGoesOnWhenOneIsFree) {
  ServerProcess server(listening());
  std::vector<SocketClient> served;
  for (int i = 0; i < 10; ++i) {
    served.emplace_back(server.endpoint());
    ASSERT_TRUE(is_served(served.back()));
  }
  // All the files it has now, and no more.
  const pid_t id = server.process().id();
  const auto files = static_cast<rlim_t>(
      std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(id) + "/fd"),
                    std::filesystem::directory_iterator()));
  const rlimit limit{files, files};
  ASSERT_EQ(::prlimit(id, RLIMIT_NOFILE, &limit, nullptr), 0);

  std::vector<SocketClient> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.emplace_back(server.endpoint());
    waiting.back().send(register_request("someone", 3333));
  }
  constexpr std::string_view kPause = "error: accepting pauses: ";
  server.process().await_error_line(kPause);
  const double before = server.process().processor_seconds();
  // A pause takes a tenth of a second, and a spinning server all of it.
  server.process().await_error_line(kPause, 8);
  EXPECT_LT(server.process().processor_seconds() - before, 0.4);
  EXPECT_TRUE(is_served(served.front())) << "those that were accepted are served meanwhile";

  served.clear();
  for (SocketClient& client : waiting) {
    EXPECT_EQ(client.receive(kSuccessLine.size()), kSuccessLine);
  }
  EXPECT_EQ(server.stop(), exited(0));
}

}  // namespace
}  // namespace rollcall::tests
