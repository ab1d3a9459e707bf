// The client program, against a real server and against servers that misbehave.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/fake_server.h"
#include "tests/support/server_process.h"

namespace rollcall::tests {
namespace {

using Arguments = std::vector<std::string>;

constexpr int kRefused = 1;
constexpr int kUsage = 64;
constexpr int kUnavailable = 69;
constexpr int kOutputError = 74;

constexpr std::string_view kCookie = "00112233445566778899aabbccddeeff";
constexpr std::string_view kSuccessAnswer = "Response 20 P2Pv1\nContentLength: 7\n\nSuccess";

std::string answer(int status, std::string_view message, std::string_view headers = "") {
  return "Response " + std::to_string(status) +
         " P2Pv1\nContentLength: " + std::to_string(message.size()) + '\n' + std::string(headers) +
         '\n' + std::string(message);
}

Arguments with_server(const std::string& address, const Arguments& arguments) {
  Arguments all{"--server", address};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

// A client that has ended.
struct Ended {
  ProcessEnd end;
  std::string output;
  std::string errors;
};

Ended run(const Arguments& arguments) {
  ChildProcess client(ROLLCALL_PATH, arguments);
  const ProcessEnd end = client.await_end();
  return {end, client.output(), client.errors()};
}

void expect_success(const Ended& client, std::string_view output) {
  EXPECT_EQ(client.end, exited(0));
  EXPECT_EQ(client.output, output);
  EXPECT_EQ(client.errors, "");
}

// One line on standard error and nothing else.
void expect_failure(const Ended& client, int status, std::string_view reason) {
  EXPECT_EQ(client.end, exited(status)) << client.errors;
  EXPECT_EQ(client.output, "");
  EXPECT_TRUE(client.errors.starts_with("rollcall: ")) << client.errors;
  EXPECT_EQ(std::ranges::count(client.errors, '\n'), 1) << client.errors;
  EXPECT_NE(client.errors.find(reason), std::string::npos) << client.errors;
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// ---- With a real server ----

class RollcallClient : public testing::Test {
 protected:
  Ended ask(const Arguments& arguments) {
    return run(with_server("127.0.0.1:" + std::to_string(server_.port()), arguments));
  }

  ServerProcess server_{{"--listen", "127.0.0.1:0", "--threads", "1"}};
};

TEST_F(RollcallClient, RegistersKeepsAliveAndLeaves) {
  expect_success(ask({"register", "alice", "4000"}), "Success\n");
  expect_success(ask({"keepalive", "alice"}), "Success\n");
  expect_success(ask({"leave", "alice"}), "Success\n");
  expect_failure(ask({"leave", "alice"}), kRefused, "400 Bad message: not registered");
}

TEST_F(RollcallClient, PrintsOnePeerALine) {
  ask({"register", "alice", "4000"});
  expect_success(ask({"peers", "alice"}), "127.0.0.1:4000\n");
  ask({"register", "bob", "4001"});
  const Ended both = ask({"peers", "bob"});
  EXPECT_TRUE(both.output == "127.0.0.1:4000\n127.0.0.1:4001\n" ||
              both.output == "127.0.0.1:4001\n127.0.0.1:4000\n")
      << both.output;
}

TEST_F(RollcallClient, LimitsThePeers) {
  ask({"register", "alice", "4000"});
  ask({"register", "bob", "4000"});
  expect_success(ask({"peers", "alice", "--limit", "1"}), "127.0.0.1:4000\n");
}

TEST_F(RollcallClient, PrintsJson) {
  expect_success(ask({"--json", "register", "alice", "4000"}),
                 R"({"success":true,"status":20,"message":"Success"})"
                 "\n");
  expect_success(ask({"--json", "peers", "alice"}),
                 R"({"success":true,"status":20,"peers":["127.0.0.1:4000"]})"
                 "\n");
  expect_success(ask({"peers", "alice", "--limit", "9", "--json"}),
                 R"({"success":true,"status":20,"peers":["127.0.0.1:4000"],"total":1})"
                 "\n");
  const Ended refused = ask({"leave", "bob", "--json"});
  EXPECT_EQ(refused.end, exited(kRefused));
  EXPECT_EQ(refused.output,
            R"({"success":false,"status":400,"message":"Bad message: not registered"})"
            "\n");
  EXPECT_EQ(refused.errors, "rollcall: 400 Bad message: not registered\n");
}

TEST_F(RollcallClient, PrintsTheCookieItAskedForAndShowsTheOneItIsGiven) {
  const Ended registered = ask({"register", "alice", "4000", "--cookie", "new"});
  const std::string cookie = without_line_end(registered.output);
  expect_success(registered, cookie + '\n');
  EXPECT_EQ(cookie.size(), 32u);
  EXPECT_EQ(cookie.find_first_not_of("0123456789abcdef"), std::string::npos);

  expect_failure(ask({"keepalive", "alice"}), kRefused, "403 Forbidden: wrong cookie");
  expect_success(ask({"keepalive", "alice", "--cookie", cookie}), "Success\n");
  expect_success(ask({"peers", "alice", "--cookie", cookie}), "127.0.0.1:4000\n");
  expect_success(ask({"leave", "alice", "--cookie", cookie}), "Success\n");
}

TEST_F(RollcallClient, TakesANickThatLooksLikeSomethingElse) {
  for (const std::string nick : {"leave", "[a,b]", " ", "%%", "élise", "'", "\\", "@file"}) {
    expect_success(ask({"register", nick, "4000"}), "Success\n");
    expect_success(ask({"leave", nick}), "Success\n");
  }
  expect_success(ask({"register", "--", "--json", "4000"}), "Success\n");
  expect_success(ask({"leave", "--", "--json"}), "Success\n");
}

TEST_F(RollcallClient, StaysUntilASignalAndThenLeaves) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ChildProcess stay(ROLLCALL_PATH, with_server("127.0.0.1:" + std::to_string(server_.port()),
                                                 {"stay", "alice", "4000"}));
    stay.await_output_line("Success");
    expect_success(ask({"peers", "alice"}), "127.0.0.1:4000\n");
    stay.send(signal);
    EXPECT_EQ(stay.await_end(), exited(0));
    EXPECT_EQ(stay.output(), "Success\nSuccess\n");
    EXPECT_EQ(stay.errors(), "");
    expect_failure(ask({"peers", "alice"}), kRefused, "not registered");
  }
}

// ---- What it sends ----

struct Sent {
  Arguments arguments;
  std::string request;
};

TEST(RollcallClientRequests, AreFramedByLengthAndHaveTheHeadersThatWereAskedFor) {
  const std::string cookie(kCookie);
  const std::vector<Sent> cases = {
      {{"register", "alice", "80"}, "Register P2Pv1\nContentLength: 8\n\nalice\n80"},
      {{"leave", "alice"}, "Leave P2Pv1\nContentLength: 5\n\nalice"},
      {{"keepalive", "alice"}, "KeepAlive P2Pv1\nContentLength: 5\n\nalice"},
      {{"register", "é", "65535", "--cookie", cookie},
       "Register P2Pv1\nContentLength: 8\nCookie: " + cookie + "\n\né\n65535"},
      {{"--cookie", cookie, "leave", "alice"},
       "Leave P2Pv1\nContentLength: 5\nCookie: " + cookie + "\n\nalice"},
      {{"stay", "alice", "80"}, "Register P2Pv1\nContentLength: 8\n\nalice\n80"},
  };
  for (const Sent& sent : cases) {
    FakeServer server;
    ChildProcess client(ROLLCALL_PATH, with_server(server.address(), sent.arguments));
    FakeConnection connection = server.accept();
    EXPECT_EQ(connection.receive(sent.request.size()), sent.request);
    connection.send(answer(400, "Bad message: bad nick"));
    EXPECT_EQ(client.await_end(), exited(kRefused));
    EXPECT_EQ(connection.receive(1), "") << "it sent more than one request";
  }
}

TEST(RollcallClientRequests, ForPeersCarryTheLimit) {
  FakeServer server;
  ChildProcess client(ROLLCALL_PATH, with_server(server.address(), {"peers", "a", "--limit", "7"}));
  FakeConnection connection = server.accept();
  const std::string request = "PQuery P2Pv1\nContentLength: 1\nLimit: 7\n\na";
  EXPECT_EQ(connection.receive(request.size()), request);
  connection.send(answer(20, "['[2001:db8::1]:9999', '10.0.0.7:1']", "Total: 12\n"));
  EXPECT_EQ(client.await_end(), exited(0));
  EXPECT_EQ(client.output(), "[2001:db8::1]:9999\n10.0.0.7:1\n");
}

// ---- What it makes of answers ----

// Asks a server that answers with these bytes and then keeps the connection open, or hangs up.
enum class Then { kStaysOpen, kHangsUp };

Ended run_against(const Arguments& arguments, std::string_view bytes, Then then) {
  FakeServer server;
  ChildProcess client(ROLLCALL_PATH, with_server(server.address(), arguments));
  FakeConnection connection = server.accept();
  connection.receive(1);
  connection.send(bytes);
  if (then == Then::kHangsUp) {
    // Reads what is still there, so that the answer is not lost to a reset.
    connection.receive(std::string_view("eave P2Pv1\nContentLength: 1\n\na").size());
    connection.close();
  }
  const ProcessEnd end = client.await_end();
  return {end, client.output(), client.errors()};
}

TEST(RollcallClientAnswers, TakesSuccess200ForASuccess) {
  expect_success(run_against({"leave", "a"}, answer(200, "Success"), Then::kStaysOpen),
                 "Success\n");
}

TEST(RollcallClientAnswers, SaysNoInTheServersWords) {
  for (const int status : {400, 403, 405, 500, 999}) {
    expect_failure(run_against({"leave", "a"}, answer(status, "No: because"), Then::kStaysOpen),
                   kRefused, "rollcall: " + std::to_string(status) + " No: because\n");
  }
}

TEST(RollcallClientAnswers, TakesARefusalThatEndsWithTheConnection) {
  expect_failure(run_against({"leave", "a"}, "Response 400 P2Pv1\n\nBad message: request too long",
                             Then::kHangsUp),
                 kRefused, "rollcall: 400 Bad message: request too long\n");
}

TEST(RollcallClientAnswers, PrintsNoByteThatATerminalWouldObey) {
  const std::string hostile = "\x1B]0;owned\x07\x1B[2J\r\b\x7F\x9B\xC2\x9B \xE2\x80\xAE\\";
  const std::string escaped = R"(\x1b]0;owned\x07\x1b[2J\x0d\x08\x7f\x9b\xc2\x9b \xe2\x80\xae\\)";
  expect_success(run_against({"leave", "a"}, answer(20, hostile), Then::kStaysOpen),
                 escaped + '\n');
  expect_failure(run_against({"leave", "a"}, answer(400, hostile), Then::kStaysOpen), kRefused,
                 "rollcall: 400 " + escaped + '\n');
  expect_failure(run_against({"peers", "a"}, answer(20, hostile), Then::kStaysOpen), kUnavailable,
                 escaped);
  expect_failure(run_against({"leave", "a"}, hostile + std::string(20, 'x'), Then::kStaysOpen),
                 kUnavailable, escaped);

  const Ended json = run_against({"leave", "a", "--json"}, answer(20, hostile), Then::kStaysOpen);
  EXPECT_EQ(json.end, exited(0));
  const auto is_printable = [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; };
  EXPECT_TRUE(std::ranges::all_of(json.output, is_printable)) << json.output;
}

TEST(RollcallClientAnswers, TakesNonsenseForNoServer) {
  for (const std::string_view bytes :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        "Response 20 P2Pv1\n\nSuccess", "Response 20 P2Pv2\n\nSuccess",
        "Response 20 P2Pv1\nContentLength: 99999999\n\n", "\n\n\n\n"}) {
    expect_failure(run_against({"leave", "a"}, bytes, Then::kStaysOpen), kUnavailable,
                   "does not speak P2Pv1");
  }
}

TEST(RollcallClientAnswers, TakesAListThatIsNoneForNoServer) {
  for (const std::string_view list :
       {"Success", "", "[", "['127.0.0.1:0']", "['\x1B[2J:1']", "['127.0.0.1:1', 'x']"}) {
    expect_failure(run_against({"peers", "a"}, answer(20, list), Then::kStaysOpen), kUnavailable,
                   "no list of peers");
  }
}

TEST(RollcallClientAnswers, WantsTheCookieItAskedFor) {
  expect_failure(
      run_against({"register", "a", "1", "--cookie", "new"}, kSuccessAnswer, Then::kStaysOpen),
      kUnavailable, "gave no cookie");
}

TEST(RollcallClientAnswers, TakesAnEndlessAnswerForNoServer) {
  const std::string endless(std::size_t{6} << 20, 'x');
  expect_failure(run_against({"leave", "a"}, "Response 400 P2Pv1\n\n" + endless, Then::kStaysOpen),
                 kUnavailable, "does not speak P2Pv1");
  expect_failure(run_against({"leave", "a"}, endless, Then::kStaysOpen), kUnavailable,
                 "does not speak P2Pv1");
}

TEST(RollcallClientAnswers, TakesAHangUpForNoServer) {
  expect_failure(run_against({"leave", "a"}, "", Then::kHangsUp), kUnavailable, "hung up");
  for (std::size_t bytes = 1; bytes < kSuccessAnswer.size(); bytes += 5) {
    expect_failure(run_against({"leave", "a"}, kSuccessAnswer.substr(0, bytes), Then::kHangsUp),
                   kUnavailable, "P2Pv1");
  }
}

TEST(RollcallClientAnswers, TakesAResetForNoServer) {
  FakeServer server;
  ChildProcess client(ROLLCALL_PATH, with_server(server.address(), {"leave", "a"}));
  FakeConnection connection = server.accept();
  connection.receive(1);
  connection.reset();
  EXPECT_EQ(client.await_end(), exited(kUnavailable));
}

TEST(RollcallClientAnswers, WaitsNoLongerThanItsTimeout) {
  const Arguments arguments{"leave", "a", "--timeout", "50ms"};
  expect_failure(run_against(arguments, "", Then::kStaysOpen), kUnavailable,
                 "did not answer within 50ms");
  expect_failure(run_against(arguments, kSuccessAnswer.substr(0, 30), Then::kStaysOpen),
                 kUnavailable, "did not answer within 50ms");
}

TEST(RollcallClientAnswers, SaysThatThereIsNoServer) {
  std::string address;
  {
    const FakeServer server;
    address = server.address();
  }
  expect_failure(run(with_server(address, {"leave", "a"})), kUnavailable, "Connection refused");
  expect_failure(run(with_server(address, {"stay", "a", "1"})), kUnavailable, "Connection refused");
  expect_failure(run({"--server", "no-such-host.invalid:9999", "leave", "a"}), kUnavailable,
                 "cannot find no-such-host.invalid:9999");
}

TEST(RollcallClientAnswers, SaysThatItsOutputCouldNotBeWritten) {
  FakeServer server;
  ChildProcess client("/bin/sh", {"-c", "exec \"$0\" --server \"$1\" leave a > /dev/full",
                                  ROLLCALL_PATH, server.address()});
  FakeConnection connection = server.accept();
  connection.receive(1);
  connection.send(kSuccessAnswer);
  EXPECT_EQ(client.await_end(), exited(kOutputError));
}

// ---- Staying ----

// A `stay` and the server's end of its connection, already registered.
class RollcallStay : public testing::Test {
 protected:
  // With a TTL of a second it keeps alive every third of one; with the default, not in our time.
  static inline const Arguments kShortTtl{"--ttl", "1s"};

  void start(const Arguments& options) {
    Arguments arguments = with_server(server_.address(), {"stay", "a", "1"});
    arguments.insert(arguments.end(), options.begin(), options.end());
    stay_.emplace(ROLLCALL_PATH, arguments);
    connection_.emplace(server_.accept());
  }

  static std::string request(std::string_view method, std::string_view headers = "") {
    const std::string body = method == "Register" ? "a\n1" : "a";
    return std::string(method) + " P2Pv1\nContentLength: " + std::to_string(body.size()) + '\n' +
           std::string(headers) + '\n' + body;
  }

  void expect_request(std::string_view method, std::string_view headers = "") {
    const std::string expected = request(method, headers);
    EXPECT_EQ(connection_->receive(expected.size()), expected);
  }

  // Sends a signal and takes part in what follows: a KeepAlive, if one was due already, and Leave.
  void stop(int signal, std::string_view headers = "") {
    stay_->send(signal);
    const std::string leave = request("Leave", headers);
    const std::string keep_alive = request("KeepAlive", headers);
    std::string received = connection_->receive(leave.size());
    if (keep_alive.starts_with(received)) {
      connection_->receive(keep_alive.size() - received.size());
      reply(kSuccessAnswer);
      received = connection_->receive(leave.size());
    }
    EXPECT_EQ(received, leave);
    reply(kSuccessAnswer);
    EXPECT_EQ(stay_->await_end(), exited(0));
  }

  void reconnect() { connection_.emplace(server_.accept()); }
  void reply(std::string_view bytes) { connection_->send(bytes); }

  FakeServer server_;
  std::optional<ChildProcess> stay_;
  std::optional<FakeConnection> connection_;
};

TEST_F(RollcallStay, KeepsAliveAndLeaves) {
  start(kShortTtl);
  expect_request("Register");
  reply(kSuccessAnswer);
  for (int i = 0; i < 2; ++i) {
    expect_request("KeepAlive");
    reply(kSuccessAnswer);
  }
  stop(SIGTERM);
}

TEST_F(RollcallStay, ShowsTheCookieThatItGot) {
  start({"--cookie", "new", "--ttl", "1s"});
  expect_request("Register", "Cookie: new\n");
  const std::string header = "Cookie: " + std::string(kCookie) + '\n';
  reply(answer(20, "Success", header));
  EXPECT_EQ(stay_->await_output_line(""), kCookie);
  expect_request("KeepAlive", header);
  connection_->close();
  reconnect();
  expect_request("Register", header);
  reply(kSuccessAnswer);
  stop(SIGINT, header);
}

TEST_F(RollcallStay, RegistersAgainWhenTheConnectionIsLost) {
  start({});
  expect_request("Register");
  reply(kSuccessAnswer);
  for (int i = 0; i < 2; ++i) {
    stay_->await_output_line("Success", static_cast<std::size_t>(i));
    connection_->close();
    reconnect();
    expect_request("Register");
    reply(kSuccessAnswer);
  }
  const std::string complaint =
      "rollcall: " + server_.address() + " closed the connection; trying again";
  EXPECT_EQ(stay_->await_error_line("", 0), complaint);
  EXPECT_EQ(stay_->await_error_line("", 1), complaint);
}

TEST_F(RollcallStay, ComesBackEverMoreSeldomToAServerThatHangsUpOnIt) {
  start({});
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kTimes = 3;
  for (int i = 0; i < kTimes; ++i) {
    expect_request("Register");
    reply(kSuccessAnswer);
    connection_->close();
    reconnect();
  }
  // A quarter of a second, half, and one, of which half is random.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(125 + 250 + 500));
}

TEST_F(RollcallStay, RegistersAgainWhenTheServerHasForgottenIt) {
  start(kShortTtl);
  expect_request("Register");
  reply(kSuccessAnswer);
  expect_request("KeepAlive");
  reply(answer(400, "Bad message: not registered"));
  expect_request("Register");
  reply(kSuccessAnswer);
  expect_request("KeepAlive");
}

TEST_F(RollcallStay, TriesAgainWhenTheServerCannot) {
  start(kShortTtl);
  expect_request("Register");
  reply(kSuccessAnswer);
  expect_request("KeepAlive");
  reply(answer(999, "Unknown: stopping"));
  expect_request("Register");
  reply(answer(500, "Internal error: registry full"));
  expect_request("Register");
  reply(kSuccessAnswer);
  expect_request("KeepAlive");
  reply(kSuccessAnswer);
  stop(SIGINT);
  // Once for the time that it was off the list, not once for each attempt.
  EXPECT_EQ(stay_->errors(), "rollcall: 999 Unknown: stopping; trying again\n");
}

TEST_F(RollcallStay, EndsWhenTheServerSaysNo) {
  start(kShortTtl);
  expect_request("Register");
  reply(kSuccessAnswer);
  expect_request("KeepAlive");
  reply(answer(403, "Forbidden: wrong cookie"));
  EXPECT_EQ(stay_->await_end(), exited(kRefused));
  EXPECT_EQ(stay_->errors(), "rollcall: 403 Forbidden: wrong cookie\n");
}

TEST_F(RollcallStay, EndsWhenItCannotRegisterAtFirst) {
  start(kShortTtl);
  expect_request("Register");
  reply(answer(500, "Internal error: registry full"));
  EXPECT_EQ(stay_->await_end(), exited(kRefused));
}

TEST_F(RollcallStay, DoesNotWaitForeverForTheAnswerToItsLeave) {
  start({"--timeout", "50ms"});
  expect_request("Register");
  reply(kSuccessAnswer);
  stay_->await_output_line("Success");
  stay_->send(SIGINT);
  EXPECT_EQ(stay_->await_end(), exited(kUnavailable));
}

TEST_F(RollcallStay, EndsAtOnceOnASecondSignal) {
  start({});
  expect_request("Register");
  reply(kSuccessAnswer);
  stay_->await_output_line("Success");
  stay_->send(SIGINT);
  expect_request("Leave");
  stay_->send(SIGINT);
  EXPECT_EQ(stay_->await_end(), killed(SIGINT));
}

// ---- Usage ----

TEST(RollcallClientUsage, RefusesBadArgumentsBeforeAnythingIsSent) {
  const std::vector<Arguments> cases = {
      {},
      {"frobnicate"},
      {"register"},
      {"register", "alice"},
      {"register", "alice", "80", "81"},
      {"register", "alice", "80", "leave", "alice"},
      {"register", "alice", "0"},
      {"register", "alice", "080"},
      {"register", "alice", "65536"},
      {"register", "alice", "+80"},
      {"register", "alice", "http"},
      {"register", "alice", ""},
      {"register", "", "80"},
      {"register", std::string(256, 'n'), "80"},
      {"register", "a\nb", "80"},
      {"register", "\xFF", "80"},
      {"register", "\xC2\x9B", "80"},
      {"leave"},
      {"leave", "a\tb"},
      {"leave", "alice", "--limit", "1"},
      {"leave", "alice", "--cookie", "new"},
      {"leave", "alice", "--cookie", "x"},
      {"leave", "alice", "--cookie", "00112233445566778899AABBCCDDEEFF"},
      {"leave", "alice", "--cookie"},
      {"leave", "alice", "--json=no"},
      {"leave", "alice", "--timeout", "10"},
      {"leave", "alice", "--timeout", "0s"},
      {"leave", "alice", "--frobnicate"},
      {"peers", "alice", "--limit", "0"},
      {"peers", "alice", "--limit", "1001"},
      {"peers", "alice", "--limit", "-1"},
      {"peers", "alice", "--limit", "1", "--limit", "2"},
      {"stay", "alice"},
      {"stay", "alice", "80", "--ttl", "0s"},
      {"stay", "alice", "80", "--ttl", "8d"},
      {"stay", "alice", "80", "--ttl", "7200"},
      {"keepalive", "alice", "--ttl", "2h"},
  };
  FakeServer server;
  for (const Arguments& arguments : cases) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    expect_failure(run(with_server(server.address(), arguments)), kUsage, "");
  }
  EXPECT_FALSE(server.has_client());
}

TEST(RollcallClientUsage, RefusesServersThatAreNone) {
  for (const std::string server :
       {"", ":", "localhost", "localhost:", ":9999", "localhost:0", "localhost:65536",
        "localhost:http", "::1:9999", "[::1]", "[::1:9999", "[localhost]:9999", "[127.0.0.1]:9999",
        "a b:9999", "a\x1B[2J:9999", "http://localhost:9999"}) {
    SCOPED_TRACE(server);
    expect_failure(run({"--server", server, "leave", "alice"}), kUsage, "");
  }
}

TEST(RollcallClientUsage, SaysWhatIsWrong) {
  expect_failure(run({"register", "alice", "70000"}), kUsage,
                 "rollcall: PORT: '70000' is not a number from 1 to 65535\n");
  expect_failure(run({"leave", "a\x1B[2J"}), kUsage,
                 R"('a\x1b[2J' is not 1 to 255 bytes of UTF-8)");
}

TEST(RollcallClientUsage, DoesNotRepeatACookie) {
  const Ended refused = run({"leave", "a", "--cookie", std::string(kCookie) + "0"});
  expect_failure(refused, kUsage, "not 32 lower-case hexadecimal digits");
  EXPECT_EQ(refused.errors.find(kCookie), std::string::npos);
}

TEST(RollcallClientUsage, HelpsAndTellsItsVersion) {
  const Ended help = run({"--help"});
  EXPECT_EQ(help.end, exited(0));
  EXPECT_NE(help.output.find("register"), std::string::npos);
  EXPECT_NE(help.output.find("Exit status"), std::string::npos);
  EXPECT_EQ(run({"stay", "--help"}).end, exited(0));
  const Ended version = run({"--version"});
  EXPECT_EQ(version.end, exited(0));
  EXPECT_TRUE(version.output.starts_with("rollcall ")) << version.output;
}

}  // namespace
}  // namespace rollcall::tests
