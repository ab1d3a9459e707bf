#include "apps/client_options.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/command_line.h"
#include "apps/duration.h"
#include "engine/wire/fields.h"

namespace rollcall::apps {
namespace {

namespace limits = engine::limits;

constexpr std::string_view kName = "rollcall";

constexpr std::string_view kFooter =
    "Options stand before or after the command. A nick that begins with a dash follows `--`.\n"
    "Durations are a whole number and a unit: 10ms, 30s, 5m, 2h, 7d.\n"
    "\n"
    "Exit status: 0 on success, 1 if the server said no (what it said is on standard error),\n"
    "64 for a bad command line, 69 if there is no server or it makes no sense, 74 if the output\n"
    "could not be written.";

std::string read_nick(const std::string& value) {
  if (engine::is_valid_nick(value)) return value;
  throw refusal("NICK", value, "1 to 255 bytes of UTF-8 without control characters");
}

std::uint16_t read_port(const std::string& value) {
  const std::optional<std::uint16_t> port = engine::parse_port(value);
  if (!port) throw refusal("PORT", value, "a number from 1 to 65535");
  return *port;
}

std::uint16_t read_limit(const std::string& value) {
  const auto limit = engine::parse_decimal(value, limits::kLimitDigitsMax);
  if (!limit || *limit == 0 || *limit > limits::kLimitMax) {
    throw refusal("--limit", value, "a number from 1 to " + std::to_string(limits::kLimitMax));
  }
  return static_cast<std::uint16_t>(*limit);
}

ServerName read_server(const std::string& value) {
  std::optional<ServerName> server = parse_server_name(value);
  if (!server) throw refusal("--server", value, "a host and port like 127.0.0.1:9999");
  return *std::move(server);
}

// What an option or argument says, kept by the function that reads it.
template <class Value>
CLI::Option* add(CLI::App& app, const std::string& name, Value& to,
                 Value (*read)(const std::string&), const std::string& text) {
  return app.add_option_function<std::string>(
      name, [&to, read](const std::string& value) { to = read(value); }, text);
}

void declare_common_options(CLI::App& app, ClientOptions& options) {
  add(app, "--server", options.server, read_server, "The server [127.0.0.1:9999]")
      ->type_name("HOST:PORT");
  const auto read_cookie = [&options](const std::string& value) {
    options.cookie_header =
        value == "new" ? engine::CookieHeader::kNew : engine::CookieHeader::kShown;
    if (value == "new") return;
    // Not repeated: it may be a real one with a slip in it.
    const std::optional<engine::Cookie> cookie = engine::parse_cookie(value);
    if (!cookie) throw CLI::ValidationError("--cookie", "not 32 lower-case hexadecimal digits");
    options.cookie = *cookie;
  };
  app.add_option_function<std::string>("--cookie", read_cookie,
                                       "The entry's cookie; `new` asks for one when registering")
      ->type_name("VALUE|new");
  app.add_flag("--json", options.json, "Print answers as JSON, one object a line")
      ->disable_flag_override();
  const auto read_timeout = [&options](const std::string& value) {
    options.timeout = read_duration("--timeout", value, kTimeoutMin, kTimeoutMax);
  };
  app.add_option_function<std::string>(
         "--timeout", read_timeout,
         "How long to wait for an answer [" + duration_text(kTimeoutDefault) + ']')
      ->type_name("DURATION");
}

CLI::App& add_command(CLI::App& app, ClientCommand command, const std::string& name,
                      const std::string& text, ClientOptions& options) {
  CLI::App& subcommand = *app.add_subcommand(name, text);
  subcommand.fallthrough();
  subcommand.parse_complete_callback([&options, command] { options.command = command; });
  add(subcommand, "NICK", options.nick, read_nick, "Who")->required()->type_name("");
  return subcommand;
}

void add_port(CLI::App& subcommand, ClientOptions& options) {
  add(subcommand, "PORT", options.port, read_port, "The port of the peer's own server")
      ->required()
      ->type_name("");
}

void declare_commands(CLI::App& app, ClientOptions& options) {
  add_port(
      add_command(app, ClientCommand::kRegister, "register", "Put a peer on the list", options),
      options);
  add_command(app, ClientCommand::kLeave, "leave", "Take it off the list", options);
  add_command(app, ClientCommand::kKeepAlive, "keepalive", "Extend its time", options);
  CLI::App& peers = add_command(app, ClientCommand::kPeers, "peers",
                                "Print the addresses of the active peers", options);
  add(peers, "--limit", options.limit, read_limit, "At most so many, chosen at random")
      ->type_name("N");
  CLI::App& stay =
      add_command(app, ClientCommand::kStay, "stay",
                  "Register, keep alive at a third of the TTL, leave on Ctrl-C", options);
  add_port(stay, options);
  const auto read_ttl = [&options](const std::string& value) {
    options.ttl = read_duration("--ttl", value, limits::kTtlMin, limits::kTtlMax);
  };
  stay.add_option_function<std::string>(
          "--ttl", read_ttl, "The server's TTL [" + duration_text(limits::kDefaultTtl) + ']')
      ->type_name("DURATION");
  app.require_subcommand(1);
}

bool can_ask_for_cookie(ClientCommand command) {
  return command == ClientCommand::kRegister || command == ClientCommand::kStay;
}

}  // namespace

engine::Request ClientOptions::request(engine::Method method) const {
  engine::Request request;
  request.method = method;
  request.nick = nick;
  request.cookie_header = cookie_header;
  request.cookie = cookie;
  if (method == engine::Method::kRegister) request.port = port;
  if (method == engine::Method::kPQuery) request.limit = limit;
  return request;
}

std::variant<ClientOptions, EarlyExit> parse_client_options(std::vector<std::string> arguments) {
  ClientOptions options;
  CLI::App app("Talks to a Rollcall server: registers a peer, or asks who else is there.",
               std::string(kName));
  app.footer(std::string(kFooter));
  app.set_version_flag("--version", std::string(kName) + " " ROLLCALL_VERSION);
  declare_common_options(app, options);
  declare_commands(app, options);

  const auto complete = [&options] {
    if (options.cookie_header == engine::CookieHeader::kNew &&
        !can_ask_for_cookie(options.command)) {
      throw CLI::ValidationError("--cookie", "`new` is for register and stay");
    }
  };
  if (auto exit = parse_command_line(app, std::move(arguments), complete)) return *std::move(exit);
  return options;
}

}  // namespace rollcall::apps
