// The load generator, against a real server and against servers that misbehave.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <latch>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/fake_server.h"
#include "tests/support/server_process.h"

namespace rollcall::tests {
namespace {

using Arguments = std::vector<std::string>;

constexpr int kWrongAnswers = 1;
constexpr int kUsage = 64;
constexpr int kUnavailable = 69;
constexpr int kCannotCreate = 73;

// A load generator that has ended.
struct Ended {
  ProcessEnd end;
  std::string output;
  std::string errors;
};

Ended run(const std::string& address, const Arguments& more) {
  Arguments arguments{"--server", address};
  arguments.insert(arguments.end(), more.begin(), more.end());
  ChildProcess load(ROLLCALL_LOAD_PATH, arguments);
  const ProcessEnd end = load.await_end();
  return {end, load.output(), load.errors()};
}

std::string address_of(const ServerProcess& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// ---- With a real server ----

TEST(RollcallLoad, RegistersEveryPeerOnceAndMeasuresIt) {
  const ServerProcess server({"--listen", "127.0.0.1:0", "--open-query"});
  const Ended load =
      run(address_of(server), {"--connections", "7", "--peers", "1000", "--seconds", "0"});
  EXPECT_EQ(load.end, exited(0)) << load.errors;
  EXPECT_TRUE(contains(load.output, "register  1000 answers in ")) << load.output;
  EXPECT_TRUE(contains(load.output, "p99.99 ")) << load.output;
  EXPECT_FALSE(contains(load.output, "mix")) << load.output;

  ChildProcess peers(ROLLCALL_PATH, {"--server", address_of(server), "--json", "peers", "anybody",
                                     "--limit", "1"});
  EXPECT_EQ(peers.await_end(), exited(0));
  EXPECT_TRUE(contains(peers.output(), R"("total":1000)")) << peers.output();
}

TEST(RollcallLoad, PlaysAMixOfAllMethodsInWhichEveryRequestSucceeds) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  for (const Arguments& limit : {Arguments{}, Arguments{"--limit", "5"}}) {
    Arguments arguments{
        "--connections", "4",   "--peers", "200",
        "--seconds",     "0.1", "--mix",   "register=1,keepalive=4,leave=2,pquery=1"};
    arguments.insert(arguments.end(), limit.begin(), limit.end());
    const Ended load = run(address_of(server), arguments);
    EXPECT_EQ(load.end, exited(0)) << load.errors;
    EXPECT_TRUE(contains(load.output, "mix       ")) << load.output;
  }
}

TEST(RollcallLoad, KeepsAsManyRequestsInFlightAsItIsTold) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  for (const std::string in_flight : {"1", "3", "64", "4096"}) {
    const Ended load = run(address_of(server), {"--connections", "2", "--seconds", "0.05",
                                                "--in-flight", in_flight, "--json", "-"});
    EXPECT_EQ(load.end, exited(0)) << load.errors;
    EXPECT_TRUE(contains(load.output, "\"in_flight\":" + in_flight + ",")) << load.output;
  }
}

TEST(RollcallLoad, PrintsOneJsonObject) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  const Ended load = run(address_of(server), {"--json", "-", "--connections", "2", "--peers", "10",
                                              "--nick-bytes", "3", "--seconds", "0.05"});
  EXPECT_EQ(load.end, exited(0)) << load.errors;
  EXPECT_EQ(std::ranges::count(load.output, '\n'), 1);
  for (const std::string_view part :
       {R"({"server":"127.0.0.1:)", R"("connections":2,)", R"("peers":10,)", R"("nick_bytes":3,)",
        R"("registering":{"answers":10,)", R"("played":{"answers":)", R"("per_second":)",
        R"("latency_us":{"p50":)", R"("p99.99":)", R"("processor_seconds":)"}) {
    EXPECT_TRUE(contains(load.output, part)) << part << " is not in " << load.output;
  }
  EXPECT_TRUE(nlohmann::json::accept(load.output)) << load.output;
}

TEST(RollcallLoad, WritesItsResultIntoAFileAndSaysWhenItCannot) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  const std::string file = testing::TempDir() + "rollcall_load_" + std::to_string(server.port());
  const Ended load = run(address_of(server), {"--seconds", "0", "--peers", "50", "--json", file});
  EXPECT_EQ(load.end, exited(0)) << load.errors;
  EXPECT_TRUE(contains(load.output, "register  50 answers")) << load.output;
  std::ifstream written(file);
  EXPECT_EQ(nlohmann::json::parse(written)["registering"]["answers"], 50);
  std::filesystem::remove(file);

  const Ended lost = run(address_of(server), {"--seconds", "0", "--json", file + "/nowhere"});
  EXPECT_EQ(lost.end, exited(kCannotCreate));
  EXPECT_TRUE(contains(lost.errors, "cannot write ")) << lost.errors;
}

TEST(RollcallLoad, TellsWhatTheServerUsed) {
  ServerProcess server({"--listen", "127.0.0.1:0"});
  const Ended load =
      run(address_of(server), {"--seconds", "0.1", "--warmup", "0.05", "--json", "-",
                               "--server-process", std::to_string(server.process().id())});
  EXPECT_EQ(load.end, exited(0)) << load.errors;
  const auto played = nlohmann::json::parse(load.output)["played"];
  EXPECT_GT(played["server_processor_seconds"], 0);
  EXPECT_LT(played["server_processor_seconds"], server.process().processor_seconds() + 0.02);
  EXPECT_GT(played["server_resident_bytes"], 1'000'000);
}

TEST(RollcallLoad, BeginsWithTheMixIfThePeersAreRegistered) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  const Arguments keepalive{"--registered", "--mix", "keepalive=1", "--seconds", "0.05"};
  EXPECT_EQ(run(address_of(server), keepalive).end, exited(kWrongAnswers));
  EXPECT_EQ(run(address_of(server), {"--seconds", "0"}).end, exited(0));
  const Ended load = run(address_of(server), keepalive);
  EXPECT_EQ(load.end, exited(0)) << load.errors;
  EXPECT_FALSE(contains(load.output, "register  ")) << load.output;
}

TEST(RollcallLoad, WorksWithASuccessOf200AndOverIpv6) {
  const ServerProcess server({"--listen", "[::1]:0", "--success-code", "200"});
  const Ended load = run("[::1]:" + std::to_string(server.port()),
                         {"--connections", "2", "--peers", "100", "--seconds", "0.05", "--mix",
                          "keepalive=1,pquery=1"});
  EXPECT_EQ(load.end, exited(0)) << load.errors;
}

TEST(RollcallLoad, SaysWhatTheServerMustBeStartedWith) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  const Ended load =
      run(address_of(server), {"--connections", "2", "--peers", "2500", "--seconds", "1"});
  EXPECT_EQ(load.end, exited(kWrongAnswers));
  EXPECT_TRUE(contains(load.output, "wrong     500 answers")) << load.output;
  EXPECT_TRUE(contains(load.errors, "too many peers of this host")) << load.errors;
  EXPECT_TRUE(contains(load.errors, "--peers-per-host-max 1250")) << load.errors;
}

TEST(RollcallLoad, SaysThatPeersBelongToAnotherHost) {
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  ChildProcess owner(ROLLCALL_PATH,
                     {"--server", address_of(server), "register", "0-00000000000", "4000"});
  EXPECT_EQ(owner.await_end(), exited(0));
  const Ended load = run(address_of(server), {"--connections", "1", "--seconds", "0"});
  EXPECT_EQ(load.end, exited(kWrongAnswers));
  EXPECT_TRUE(contains(load.output, "wrong     1 answers")) << load.output;
  EXPECT_TRUE(contains(load.errors, "403 Forbidden: registered by another host")) << load.errors;
  EXPECT_FALSE(contains(load.errors, "--peers-per-host-max")) << load.errors;
}

// ---- An open loop ----

const std::string kRequest = "Register P2Pv1\n\n0-00000000000\n1024\n";
constexpr std::string_view kSuccess = "Response 20 P2Pv1\n\nSuccess\n";

// Answers request by request until the client hangs up.
void serve(FakeConnection& connection) {
  while (connection.receive(kRequest.size()).size() == kRequest.size()) connection.send(kSuccess);
}

// How many of the durations in a result are at least so long.
std::uint64_t count_of(const nlohmann::json& latency, double us = 0) {
  std::uint64_t count = 0;
  for (const auto& bucket : latency["histogram"]) {
    if (bucket[0] >= us) count += bucket[1].get<std::uint64_t>();
  }
  return count;
}

TEST(RollcallLoadOpenLoop, SendsAtItsRateAndAccountsForEveryRequest) {
  FakeServer server;
  ChildProcess load(ROLLCALL_LOAD_PATH,
                    {"--server", server.address(), "--connections", "1", "--peers", "1",
                     "--registered", "--rate", "2000", "--seconds", "0.25", "--json", "-"});
  FakeConnection connection = server.accept();
  serve(connection);
  EXPECT_EQ(load.await_end(), exited(0)) << load.errors();
  const auto played = nlohmann::json::parse(load.output())["played"];
  const double wanted = 2000 * played["seconds"].get<double>();
  EXPECT_NEAR(static_cast<double>(count_of(played["latency_us"])), wanted, 2);
  EXPECT_EQ(count_of(played["latency_us"]),
            count_of(played["since_sent_us"]) + played["unsent"].get<std::uint64_t>());
}

// With one request in flight, only one meets the silence of the first connection; the others that
// are due meanwhile are sent when it is over. The second connection measures the silence: between
// its first request and its hundredth there are 198 ms.
TEST(RollcallLoadOpenLoop, CountsTheTimeThatAServersSilenceDelayedRequestsThatWereDue) {
  FakeServer server;
  ChildProcess load(ROLLCALL_LOAD_PATH, {"--server", server.address(), "--connections", "2",
                                         "--peers", "2", "--registered", "--rate", "1000",
                                         "--in-flight", "1", "--seconds", "0.4", "--json", "-"});
  FakeConnection silent = server.accept();
  FakeConnection other = server.accept();
  std::latch silence_is_over(1);
  std::thread silent_thread([&] {
    silence_is_over.wait();
    serve(silent);
  });
  for (int i = 0; i < 100; ++i) {
    other.receive(kRequest.size());
    other.send(kSuccess);
  }
  silence_is_over.count_down();
  serve(other);
  silent_thread.join();
  EXPECT_EQ(load.await_end(), exited(0)) << load.errors();

  const auto played = nlohmann::json::parse(load.output())["played"];
  EXPECT_GE(played["latency_us"]["max"], 196'000);
  // Those that were due in the first half of the silence.
  EXPECT_GE(count_of(played["latency_us"], 98'000), 49u);
  EXPECT_GE(played["since_sent_us"]["max"], 190'000);
  EXPECT_LT(count_of(played["since_sent_us"], 98'000), count_of(played["latency_us"], 98'000));
}

// A request a microsecond, one at a time: no server on a network keeps up with that.
TEST(RollcallLoadOpenLoop, CountsWhatItCouldNotSend) {
  FakeServer server;
  ChildProcess load(ROLLCALL_LOAD_PATH, {"--server", server.address(), "--connections", "1",
                                         "--peers", "1", "--registered", "--rate", "1000000",
                                         "--in-flight", "1", "--seconds", "0.1", "--json", "-"});
  FakeConnection connection = server.accept();
  serve(connection);
  EXPECT_EQ(load.await_end(), exited(0)) << load.errors();
  const auto played = nlohmann::json::parse(load.output())["played"];
  EXPECT_GT(played["unsent"], 50'000);
  EXPECT_EQ(count_of(played["latency_us"]),
            count_of(played["since_sent_us"]) + played["unsent"].get<std::uint64_t>());
  EXPECT_GE(played["latency_us"]["p50"], 10'000);
}

// ---- Other protocols ----

// One connection registers one peer: the request it sends, and what becomes of this answer.
struct Exchange {
  std::string request;
  Ended load;
};

Exchange exchange(const std::string& protocol, std::size_t request_bytes, std::string_view answer) {
  FakeServer server;
  ChildProcess load(ROLLCALL_LOAD_PATH, {"--server", server.address(), "--protocol", protocol,
                                         "--connections", "1", "--peers", "1", "--seconds", "0"});
  FakeConnection connection = server.accept();
  std::string request = connection.receive(request_bytes);
  connection.send(answer);
  connection.close();
  const ProcessEnd end = load.await_end();
  return {request, {end, load.output(), load.errors()}};
}

TEST(RollcallLoad, SpeaksRedis) {
  const std::string request =
      "*5\r\n$3\r\nSET\r\n$13\r\n0-00000000000\r\n$4\r\n1024\r\n$2\r\nEX\r\n$4\r\n7200\r\n";
  const auto with = [&](std::string_view answer) {
    const Exchange done = exchange("redis", request.size(), answer);
    EXPECT_EQ(done.request, request);
    return done.load;
  };
  EXPECT_EQ(with("+OK\r\n").end, exited(0));
  const Ended wrong = with("-OOM command not allowed\r\n");
  EXPECT_EQ(wrong.end, exited(kWrongAnswers));
  EXPECT_TRUE(contains(wrong.output, "wrong     1 answers; the first: -OOM command not allowed"));
  EXPECT_EQ(with("+OK").end, exited(kUnavailable));
  EXPECT_EQ(with(kSuccess).end, exited(kUnavailable));
}

TEST(RollcallLoad, SpeaksMemcached) {
  const std::string request = "set 0-00000000000 0 7200 4\r\n1024\r\n";
  const auto with = [&](std::string_view answer) {
    const Exchange done = exchange("memcached", request.size(), answer);
    EXPECT_EQ(done.request, request);
    return done.load.end;
  };
  EXPECT_EQ(with("STORED\r\n"), exited(0));
  EXPECT_EQ(with("SERVER_ERROR out of memory storing object\r\n"), exited(kWrongAnswers));
  EXPECT_EQ(with("STOR"), exited(kUnavailable));
  EXPECT_EQ(with("+OK\r\n"), exited(kUnavailable));
}

// ---- With servers that misbehave ----

// One connection with one request in flight: to the first, the server answers with these bytes.
Ended run_against(std::string_view bytes, const Arguments& more = {}) {
  FakeServer server;
  Arguments arguments{"--server",      server.address(),
                      "--connections", "1",
                      "--peers",       "1",
                      "--in-flight",   "1",
                      "--seconds",     "0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  ChildProcess load(ROLLCALL_LOAD_PATH, arguments);
  FakeConnection connection = server.accept();
  EXPECT_EQ(connection.receive(kRequest.size()), kRequest);
  connection.send(bytes);
  connection.close();
  const ProcessEnd end = load.await_end();
  return {end, load.output(), load.errors()};
}

TEST(RollcallLoad, ChecksWhatEveryAnswerSays) {
  EXPECT_EQ(run_against("Response 20 P2Pv1\n\nSuccess\n").end, exited(0));
  EXPECT_EQ(run_against("Response 200 P2Pv1\n\nSuccess\n").end, exited(0));
  for (const std::string_view wrong :
       {"Response 20 P2Pv1\n\nsuccess\n", "Response 20 P2Pv1\n\n\n", "Response 20 P2Pv1\n\n[]\n",
        "Response 400 P2Pv1\n\nSuccess\n", "Response 403 P2Pv1\n\nForbidden: wrong cookie\n"}) {
    EXPECT_EQ(run_against(wrong).end, exited(kWrongAnswers)) << wrong;
  }
}

TEST(RollcallLoad, EndsWhereNothingCanBeMeasured) {
  for (const std::string_view bytes :
       {"", "Response 20 P2Pv1\n\nSucc", "HTTP/1.1 400 Bad Request\r\n\r\n",
        "Response 20 P2Pv1\n\nSuccess\nResponse 20 P2Pv1\n\nSuccess\n"}) {
    const Ended load = run_against(bytes);
    EXPECT_EQ(load.end, exited(kUnavailable)) << bytes;
    EXPECT_EQ(load.output, "");
    EXPECT_TRUE(load.errors.starts_with("rollcall-load: ")) << load.errors;
    EXPECT_EQ(std::ranges::count(load.errors, '\n'), 1) << load.errors;
  }
}

TEST(RollcallLoad, PrintsNoByteThatATerminalWouldObey) {
  for (const std::string_view bytes :
       {"Response 400 P2Pv1\n\n\x1B]0;owned\x07\n", "\x1B]0;owned\x07 and more than a line\n"}) {
    const Ended load = run_against(bytes);
    EXPECT_TRUE(contains(load.errors, R"(\x1b]0;owned\x07)")) << load.errors;
    EXPECT_FALSE(contains(load.output + load.errors, "\x1B"));
  }
}

TEST(RollcallLoad, SaysThatThereIsNoServer) {
  std::string address;
  {
    const FakeServer server;
    address = server.address();
  }
  const Ended load = run(address, {});
  EXPECT_EQ(load.end, exited(kUnavailable));
  EXPECT_EQ(load.errors, "rollcall-load: cannot connect: Connection refused\n");
}

// ---- Usage ----

TEST(RollcallLoadUsage, RefusesBadArgumentsBeforeAnythingIsSent) {
  const std::vector<Arguments> cases = {
      {"--connections", "0"},
      {"--connections", "x"},
      {"--connections", "100001"},
      {"--in-flight", "0"},
      {"--in-flight", "4097"},
      {"--seconds", "-1"},
      {"--seconds", "nan"},
      {"--seconds", "inf"},
      {"--seconds", "1e9"},
      {"--mix", ""},
      {"--mix", "register"},
      {"--mix", "register="},
      {"--mix", "register=-1"},
      {"--mix", "register=0"},
      {"--mix", "frobnicate=1"},
      {"--mix", "=1"},
      {"--mix", "register=1,,leave=1"},
      {"--peers", "49"},
      {"--peers", "0"},
      {"--nick-bytes", "3"},
      {"--nick-bytes", "256"},
      {"--limit", "0"},
      {"--limit", "1001"},
      {"--rate", "0"},
      {"--rate", "100000001"},
      {"--warmup", "-1"},
      {"--protocol", "http"},
      {"--protocol", "redis", "--mix", "pquery=1"},
      {"--nicks", "random"},
      {"--registered", "--seconds", "0"},
      {"--server-process", "0"},
      {"--json"},
      {"--frobnicate"},
      {"frobnicate"},
  };
  FakeServer server;
  for (const Arguments& arguments : cases) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Ended load = run(server.address(), arguments);
    EXPECT_EQ(load.end, exited(kUsage));
    EXPECT_EQ(load.output, "");
    EXPECT_TRUE(load.errors.starts_with("rollcall-load: ")) << load.errors;
    EXPECT_EQ(std::ranges::count(load.errors, '\n'), 1) << load.errors;
  }
  EXPECT_FALSE(server.has_client());
}

TEST(RollcallLoadUsage, RefusesMoreConnectionsThanFiles) {
  ChildProcess load(ROLLCALL_LOAD_PATH, {"--connections", "500"},
                    ChildProcess::FileLimit{.soft = 300, .hard = 300});
  EXPECT_EQ(load.await_end(), exited(78));
  EXPECT_TRUE(contains(load.errors(), "--connections 500")) << load.errors();
}

TEST(RollcallLoadUsage, HelpsAndTellsItsVersion) {
  ChildProcess help(ROLLCALL_LOAD_PATH, {"--help"});
  EXPECT_EQ(help.await_end(), exited(0));
  EXPECT_TRUE(contains(help.output(), "--in-flight"));
  ChildProcess version(ROLLCALL_LOAD_PATH, {"--version"});
  EXPECT_EQ(version.await_end(), exited(0));
  EXPECT_TRUE(version.output().starts_with("rollcall-load ")) << version.output();
}

}  // namespace
}  // namespace rollcall::tests
