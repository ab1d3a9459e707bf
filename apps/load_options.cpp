#include "apps/load_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "apps/command_line.h"
#include "engine/limits.h"
#include "engine/wire/fields.h"

namespace rollcall::apps {
namespace {

namespace limits = engine::limits;
using engine::Method;

constexpr std::string_view kName = "rollcall-load";
constexpr std::uint32_t kWeightMax = 1'000'000;
constexpr double kSecondsMax = 86'400;
constexpr std::size_t kDefaultInFlight = 16;
constexpr std::size_t kProcessMax = std::numeric_limits<pid_t>::max();

constexpr std::string_view kFooter =
    R"(It first registers every peer once, then plays the mix for so many seconds, and checks every
answer. Without --rate each connection always has as many requests in flight as it may: how many a
second are answered? With --rate requests are sent at times that do not depend on the answers, and
latency counts from these times: how long does a request take at this load?

Redis and memcached are asked SET and set for register, EXPIRE and touch for keepalive, DEL and
delete for leave. `lines` is what the do-nothing server of bench/ speaks.

Each connection owns an equal part of the peers. To a server on 127.0.0.1 each comes from an address
of its own, so that the server takes it for a host of its own; still it needs a higher
--peers-per-host-max for more than 1000 peers a connection.

Exit status: 0 if every answer was right, 1 if not, 64 for a bad command line, 69 if there is no
server or it makes no sense, 73 if the result's file cannot be written, 74 if standard output cannot,
78 if the process may not have as many files open.)";

// The whole of `text`; empty if it is no number of this kind.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& name, std::size_t min, std::size_t max,
                        Number& to, const std::string& text) {
  const auto read = [name, min, max, &to](const std::string& value) {
    to = static_cast<Number>(read_number(name, value, min, max));
  };
  return app.add_option_function<std::string>(name, read, text)->type_name("N");
}

engine::Duration read_seconds(const std::string& option, const std::string& value) {
  const std::optional<double> seconds = parse_number<double>(value);
  if (!seconds || !(*seconds >= 0) || *seconds > kSecondsMax) {
    throw refusal(option, value, "a number from 0 to 86400");
  }
  return std::chrono::duration_cast<engine::Duration>(std::chrono::duration<double>(*seconds));
}

void add_seconds(CLI::App& app, const std::string& name, engine::Duration& to,
                 const std::string& text) {
  const auto read = [name, &to](const std::string& value) { to = read_seconds(name, value); };
  app.add_option_function<std::string>(name, read, text)->type_name("SECONDS");
}

// An option whose value is one of the names in a list, such as "a, b or c".
template <class Value>
void add_choice(CLI::App& app, const std::string& name, const std::string& names,
                std::optional<Value> (*named)(std::string_view), Value& to,
                const std::string& text) {
  const auto read = [name, names, named, &to](const std::string& value) {
    const std::optional<Value> choice = named(value);
    if (!choice) throw refusal(name, value, names);
    to = *choice;
  };
  app.add_option_function<std::string>(name, read, text)->type_name("NAME");
}

Method method_named(std::string_view name, const std::string& mix) {
  if (name == "register") return Method::kRegister;
  if (name == "leave") return Method::kLeave;
  if (name == "keepalive") return Method::kKeepAlive;
  if (name == "pquery") return Method::kPQuery;
  throw refusal("--mix", mix, "like register=1,keepalive=8,leave=0,pquery=1");
}

// Methods that are not named have weight 0.
LoadMix read_mix(const std::string& value) {
  LoadMix mix{{0, 0, 0, 0}};
  std::string_view rest = value;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto weight = parse_number<std::uint32_t>(part.substr(std::min(equals + 1, part.size())));
    if (!weight || *weight > kWeightMax)
      throw refusal("--mix", value, "made of weights like leave=2");
    mix[method_named(part.substr(0, equals), value)] = *weight;
  }
  if (std::ranges::count(mix.weights, 0u) == 4) throw refusal("--mix", value, "any request at all");
  return mix;
}

void declare_options(CLI::App& app, LoadOptions& options) {
  const auto read_server = [&options](const std::string& value) {
    const std::optional<ServerName> server = parse_server_name(value);
    if (!server) throw refusal("--server", value, "a host and port like 127.0.0.1:9999");
    options.server = *server;
  };
  app.add_option_function<std::string>("--server", read_server, "The server [127.0.0.1:9999]")
      ->type_name("HOST:PORT");
  add_choice(app, "--protocol", "rollcall, lines, redis or memcached", load_protocol_named,
             options.protocol, "What the server speaks [rollcall]");
  add_number(app, "--connections", 1, kLoadConnectionsMax, options.connections, "Connections [50]");
  add_number(app, "--in-flight", 1, kLoadInFlightMax, options.in_flight,
             "Unanswered requests on each connection, at most [16; with --rate 4096]");
  add_number(app, "--rate", 1, kLoadRateMax, options.rate,
             "Requests a second on all connections together [as fast as answered]");
  add_seconds(app, "--seconds", options.time,
              "How long to play the mix; 0 only registers the peers [5]");
  add_seconds(app, "--warmup", options.warmup, "How long to play it before that, unmeasured [0]");
  app.add_option_function<std::string>(
         "--mix", [&options](const std::string& value) { options.mix = read_mix(value); },
         "Methods and how often each is drawn [register=1]")
      ->type_name("METHOD=WEIGHT,…");
  add_number(app, "--peers", 1, kLoadPeersMax, options.peers, "Peers [1000 a connection]");
  add_number(app, "--limit", 1, limits::kLimitMax, options.limit, "The Limit of a PQuery [none]");
  add_number(app, "--nick-bytes", 1, limits::kNickBytesMax, options.nick_bytes,
             "The length of nicks [13]");
  add_choice(app, "--nicks", "uniform, zipf or sequential", peer_order_named, options.peer_order,
             "Which peers the mix is about: uniform, zipf or sequential [uniform]");
  app.add_flag_callback(
         "--registered", [&options] { options.registers_first = false; },
         "The peers are registered already: begin with the mix")
      ->disable_flag_override();
  const auto read_process = [&options](const std::string& value) {
    options.server_process =
        static_cast<pid_t>(read_number("--server-process", value, 1, kProcessMax));
  };
  app.add_option_function<std::string>(
         "--server-process", read_process,
         "The server's process on this machine, to tell what it uses as well [none]")
      ->type_name("PID");
  app.add_option("--json", options.json,
                 "Write the result into this file as one JSON object; - prints it instead of text")
      ->type_name("FILE");
}

// The do-nothing server takes so many line feeds for a request, whichever it is.
std::size_t line_feeds(Method method, const LoadOptions& options) {
  engine::Request request{.method = method, .port = 1, .nick = "a"};
  if (method == Method::kPQuery) request.limit = options.limit;
  std::string text;
  append_load_request(options.protocol, request, text);
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

void complete_protocol(LoadOptions& options) {
  const std::string protocol(load_protocol_name(options.protocol));
  if (options.mix[Method::kPQuery] > 0 && !has_lists(options.protocol)) {
    throw CLI::ValidationError("--mix", protocol + " has nothing like pquery");
  }
  if (options.protocol == LoadProtocol::kMemcached && options.nick_bytes > kMemcachedNickBytesMax) {
    throw CLI::ValidationError("--nick-bytes", "memcached takes 250 at most");
  }
  if (options.protocol != LoadProtocol::kLines) return;
  // It knows nobody.
  options.registers_first = false;
  std::set<std::size_t> all;
  for (const Method method :
       {Method::kRegister, Method::kLeave, Method::kKeepAlive, Method::kPQuery}) {
    if (options.mix[method] > 0) all.insert(line_feeds(method, options));
  }
  if (options.mix[Method::kLeave] > 0) all.insert(line_feeds(Method::kRegister, options));
  if (all.size() > 1) {
    throw CLI::ValidationError("--mix",
                               "all requests must have as many lines for --protocol lines");
  }
}

// What no option alone can know.
void complete(LoadOptions& options) {
  if (!options.registers_first && options.time == engine::Duration::zero()) {
    throw CLI::ValidationError("--seconds",
                               "0 leaves nothing to do with peers that are registered");
  }
  if (options.in_flight == 0) {
    options.in_flight = options.rate > 0 ? kLoadInFlightMax : kDefaultInFlight;
  }
  if (options.peers == 0) options.peers = options.connections * limits::kDefaultPeersPerHostMax;
  if (options.peers < options.connections) {
    throw CLI::ValidationError("--peers", "fewer than connections");
  }
  const std::size_t peers_per_connection =
      (options.peers + options.connections - 1) / options.connections;
  const std::string longest_nick =
      std::to_string(options.connections - 1) + '-' + std::to_string(peers_per_connection - 1);
  if (longest_nick.size() > options.nick_bytes) {
    throw CLI::ValidationError("--nick-bytes", "fewer than `" + longest_nick + "` has");
  }
}

}  // namespace

std::variant<LoadOptions, EarlyExit> parse_load_options(std::vector<std::string> arguments) {
  LoadOptions options;
  CLI::App app("Asks a Rollcall server as fast as it answers or at a fixed rate, and measures it.",
               std::string(kName));
  app.footer(std::string(kFooter));
  app.set_version_flag("--version", std::string(kName) + " " ROLLCALL_VERSION);
  declare_options(app, options);
  const auto complete_options = [&options] {
    complete_protocol(options);
    complete(options);
  };
  if (auto exit = parse_command_line(app, std::move(arguments), complete_options)) {
    return *std::move(exit);
  }
  return options;
}

}  // namespace rollcall::apps
