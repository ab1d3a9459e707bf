#include "apps/server_options.h"

#include <gtest/gtest.h>
#include <sysexits.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rollcall::apps {
namespace {

using namespace std::chrono_literals;
using Arguments = std::vector<std::string>;

constexpr unsigned kProcessors = 4;
constexpr auto kLocalhost = engine::HostAddress::v4(127, 0, 0, 1);

std::variant<ServerOptions, EarlyExit> parse(const Arguments& arguments) {
  return parse_server_options(arguments, kProcessors, "");
}

ServerOptions options_of(const Arguments& arguments) {
  const auto parsed = parse(arguments);
  if (const auto* exit = std::get_if<EarlyExit>(&parsed)) {
    ADD_FAILURE() << exit->text;
    return {};
  }
  return std::get<ServerOptions>(parsed);
}

// The line that says why not; empty if there is no reason.
std::string refusal_of(const Arguments& arguments) {
  const auto parsed = parse(arguments);
  const auto* exit = std::get_if<EarlyExit>(&parsed);
  if (exit == nullptr) return "";
  EXPECT_EQ(exit->status, EX_USAGE);
  return exit->text;
}

TEST(ServerOptions, HaveDefaults) {
  const ServerOptions options = options_of({});
  EXPECT_EQ(options.listen, (std::vector<engine::Endpoint>{{kLocalhost, 9999}}));
  EXPECT_EQ(options.threads, kProcessors);
  EXPECT_EQ(options.ttl, 7200s);
  EXPECT_EQ(options.idle_timeout, 7200s);
  EXPECT_EQ(options.quiet, 10ms);
  EXPECT_EQ(options.success_code, 20);
  EXPECT_FALSE(options.open_query);
  EXPECT_EQ(options.answer_peers_max, 10'000u);
  EXPECT_EQ(options.peers_max, 10'000'000u);
  EXPECT_EQ(options.peers_per_host_max, 1000u);
  EXPECT_EQ(options.connections_max, std::nullopt);
  EXPECT_EQ(options.connections_per_host_max, 1000u);
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
}

TEST(ServerOptions, ThreadsAreOneWhereTheSystemKnowsNoProcessors) {
  EXPECT_EQ(std::get<ServerOptions>(parse_server_options({}, 0, "")).threads, 1u);
  EXPECT_EQ(std::get<ServerOptions>(parse_server_options({}, 1000, "")).threads, 64u);
}

TEST(ServerOptions, ListenReplacesTheDefaultAndIsRepeatable) {
  const ServerOptions options =
      options_of({"--listen", "10.0.0.7:80", "--listen=[2001:db8::1]:0", "--listen", "[::]:9999"});
  ASSERT_EQ(options.listen.size(), 3u);
  EXPECT_EQ(options.listen[0], (engine::Endpoint{engine::HostAddress::v4(10, 0, 0, 7), 80}));
  EXPECT_EQ(options.listen[1].port, 0);
  EXPECT_EQ(options.listen[2], (engine::Endpoint{engine::HostAddress{}, 9999}));
}

TEST(ServerOptions, ListenersAreLimited) {
  Arguments arguments;
  for (std::size_t i = 0; i < kListenersMax; ++i) {
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
  }
  EXPECT_EQ(options_of(arguments).listen.size(), kListenersMax);
  arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
  EXPECT_EQ(refusal_of(arguments), "--listen: at most 16");
}

TEST(ServerOptions, IdleTimeoutIsTheTtlUnlessItIsGiven) {
  EXPECT_EQ(options_of({"--ttl", "90s"}).idle_timeout, 90s);
  EXPECT_EQ(options_of({"--idle-timeout", "5s", "--ttl", "90s"}).idle_timeout, 5s);
}

TEST(ServerOptions, BoundsAreInclusive) {
  EXPECT_EQ(options_of({"--threads", "1"}).threads, 1u);
  EXPECT_EQ(options_of({"--threads", "64"}).threads, 64u);
  EXPECT_EQ(options_of({"--ttl", "1s"}).ttl, 1s);
  EXPECT_EQ(options_of({"--ttl", "7d"}).ttl, 168h);
  EXPECT_EQ(options_of({"--quiet", "1ms"}).quiet, 1ms);
  EXPECT_EQ(options_of({"--quiet", "500ms"}).quiet, 500ms);
  EXPECT_EQ(options_of({"--success-code", "20"}).success_code, 20);
  EXPECT_EQ(options_of({"--success-code", "200"}).success_code, 200);
  EXPECT_EQ(options_of({"--answer-peers-max", "1"}).answer_peers_max, 1u);
  EXPECT_EQ(options_of({"--answer-peers-max", "100000"}).answer_peers_max, 100'000u);
  EXPECT_EQ(options_of({"--peers-max", "1"}).peers_max, 1u);
  EXPECT_EQ(options_of({"--peers-max", "1000000000"}).peers_max, 1'000'000'000u);
  EXPECT_EQ(options_of({"--peers-per-host-max", "1"}).peers_per_host_max, 1u);
  EXPECT_EQ(options_of({"--peers-per-host-max", "1000000000"}).peers_per_host_max, 1'000'000'000u);
  EXPECT_EQ(options_of({"--connections-max", "1"}).connections_max, 1u);
  EXPECT_EQ(options_of({"--connections-max", "1000000"}).connections_max, 1'000'000u);
  EXPECT_EQ(options_of({"--connections-per-host-max", "1"}).connections_per_host_max, 1u);
  EXPECT_EQ(options_of({"--connections-per-host-max", "1000000"}).connections_per_host_max,
            1'000'000u);
  EXPECT_EQ(options_of({"--idle-timeout", "1s"}).idle_timeout, 1s);
  EXPECT_EQ(options_of({"--idle-timeout", "168h"}).idle_timeout, 168h);
}

TEST(ServerOptions, RefusalsSayWhatWouldBeRight) {
  const std::pair<Arguments, std::string> refusals[] = {
      {{"--threads", "0"}, "--threads: '0' is not a number from 1 to 64"},
      {{"--threads", "65"}, "--threads: '65' is not a number from 1 to 64"},
      {{"--threads", "4x"}, "--threads: '4x' is not a number from 1 to 64"},
      {{"--ttl", "999ms"}, "--ttl: '999ms' is not a duration from 1s to 7d"},
      {{"--ttl", "169h"}, "--ttl: '169h' is not a duration from 1s to 7d"},
      {{"--quiet", "501ms"}, "--quiet: '501ms' is not a duration from 1ms to 500ms"},
      {{"--success-code", "21"}, "--success-code: '21' is not 20 or 200"},
      {{"--log-level", "loud"}, "--log-level: 'loud' is not info, warning, error or off"},
      {{"--peers-max", "99999999999999999999"},
       "--peers-max: '99999999999999999999' is not a number from 1 to 1000000000"},
      {{"--listen", "localhost:80"},
       "--listen: 'localhost:80' is not an address and port like 127.0.0.1:9999"},
      {{"--listen", "[::1]:0", "127.0.0.1:0"},
       "The following argument was not expected: 127.0.0.1:0"},
      {{"--bogus"}, "The following argument was not expected: --bogus"},
  };
  for (const auto& [arguments, text] : refusals) EXPECT_EQ(refusal_of(arguments), text);
}

TEST(ServerOptions, FlagsTakeNoValue) {
  EXPECT_TRUE(options_of({"--open-query"}).open_query);
  EXPECT_EQ(options_of({"--memory"}).data_file, std::nullopt);
  EXPECT_NE(refusal_of({"--open-query=false"}), "");
  EXPECT_NE(refusal_of({"--open-query", "true"}), "");
}

TEST(ServerOptions, TheListIsKeptInAFileUnlessToldOtherwise) {
  const auto data_file = [](const Arguments& arguments, std::string_view state_directories) {
    return std::get<ServerOptions>(parse_server_options(arguments, 1, state_directories)).data_file;
  };
  EXPECT_EQ(data_file({}, ""), "rollcall.db");
  EXPECT_EQ(data_file({}, "/var/lib/rollcall"), "/var/lib/rollcall/rollcall.db");
  EXPECT_EQ(data_file({}, "/var/lib/a:/var/lib/b"), "/var/lib/a/rollcall.db");
  EXPECT_EQ(data_file({"--data", "peers.db"}, "/var/lib/rollcall"), "peers.db");
  EXPECT_EQ(data_file({"--memory"}, "/var/lib/rollcall"), std::nullopt);
  EXPECT_EQ(options_of({}).durability, store::Durability::kSync);
  EXPECT_EQ(options_of({"--durability", "async"}).durability, store::Durability::kAsync);
  EXPECT_NE(refusal_of({"--memory", "--data", "peers.db"}), "");
  EXPECT_NE(refusal_of({"--memory", "--durability", "sync"}), "");
  EXPECT_NE(refusal_of({"--data", ""}), "");
  EXPECT_EQ(refusal_of({"--durability", "maybe"}), "--durability: 'maybe' is not sync or async");
}

TEST(ServerOptions, CommandsAreAboutAFile) {
  EXPECT_EQ(options_of({}).command, ServerCommand::kServe);
  EXPECT_EQ(options_of({"check", "peers.db"}).command, ServerCommand::kCheck);
  EXPECT_EQ(options_of({"check", "peers.db"}).file, "peers.db");
  EXPECT_EQ(options_of({"import", "peers.db"}).command, ServerCommand::kImport);
  EXPECT_EQ(options_of({"export", "peers.db"}).command, ServerCommand::kExport);
  EXPECT_FALSE(options_of({"export", "peers.db"}).with_cookies);
  EXPECT_TRUE(options_of({"export", "--with-cookies", "peers.db"}).with_cookies);
  EXPECT_NE(refusal_of({"check"}), "");
  EXPECT_NE(refusal_of({"check", "a.db", "b.db"}), "");
  EXPECT_NE(refusal_of({"check", "--with-cookies", "a.db"}), "");
  EXPECT_NE(refusal_of({"--threads", "2", "check", "a.db"}), "");
  EXPECT_NE(refusal_of({"repair", "a.db"}), "");
}

TEST(ServerOptions, HelpAndVersionAreNoFailures) {
  for (const Arguments& arguments :
       {Arguments{"--help"}, Arguments{"-h"}, Arguments{"--version"}}) {
    const auto parsed = parse(arguments);
    const auto* exit = std::get_if<EarlyExit>(&parsed);
    ASSERT_NE(exit, nullptr);
    EXPECT_EQ(exit->status, EX_OK);
    EXPECT_TRUE(exit->text.ends_with('\n'));
  }
}

}  // namespace
}  // namespace rollcall::apps
