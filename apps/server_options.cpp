#include "apps/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/command_line.h"
#include "apps/duration.h"

namespace rollcall::apps {
namespace {

namespace limits = engine::limits;

constexpr std::string_view kName = "rollcalld";

// Where help begins to say what an option does: behind all but the longest of them.
constexpr std::size_t kHelpColumn = 34;

constexpr std::string_view kFooter =
    "Durations are a whole number and a unit: 10ms, 30s, 5m, 2h, 7d.\n"
    "\n"
    "SIGTERM and SIGINT stop the server within a second; a second one ends it at once. When it\n"
    "stops, and on SIGUSR1, it prints its counters as a line of JSON on standard output. It logs\n"
    "to standard error.\n"
    "\n"
    "Exit status: 0 after a signal, 64 for a bad command line, 69 if it cannot listen, 78 if the\n"
    "process may not have as many files open as --connections-max asks for.";

// `info, warning or off`, for example. REQUIRES: there are words.
std::string joined(const std::vector<std::string>& words, std::string_view separator,
                   std::string_view last_separator) {
  std::string text = words.front();
  for (std::size_t i = 1; i < words.size(); ++i) {
    text.append(i + 1 < words.size() ? separator : last_separator).append(words[i]);
  }
  return text;
}

// Adds options to a command line.
class Options {
 public:
  explicit Options(CLI::App& app) : app_(app) {}

  void add_endpoints(const std::string& name, std::vector<engine::Endpoint>& to,
                     const std::string& text, const std::string& shown) {
    const auto read = [name, &to](const std::vector<std::string>& values) {
      to.clear();
      for (const std::string& value : values) {
        const std::optional<engine::Endpoint> endpoint = engine::parse_endpoint(value);
        if (!endpoint) throw refusal(name, value, "an address and port like 127.0.0.1:9999");
        to.push_back(*endpoint);
      }
      if (to.size() > kListenersMax) {
        throw CLI::ValidationError(name, "at most " + std::to_string(kListenersMax));
      }
    };
    // One value each time that it is given.
    app_.add_option_function<std::vector<std::string>>(name, read, with_default(text, shown))
        ->type_name("ADDR:PORT")
        ->allow_extra_args(false);
  }

  // A whole number from `min` to `max`. Help shows `shown` as the default, here and below.
  template <typename Number>
  void add_number(const std::string& name, std::size_t min, std::size_t max, Number& to,
                  const std::string& text, const std::string& shown) {
    const auto read = [name, min, max, &to](const std::string& value) {
      to = static_cast<Number>(read_number(name, value, min, max));
    };
    add(name, read, text, "N", shown);
  }

  void add_duration(const std::string& name, engine::Duration min, engine::Duration max,
                    engine::Duration& to, const std::string& text, const std::string& shown) {
    const auto read = [name, min, max, &to](const std::string& value) {
      to = read_duration(name, value, min, max);
    };
    add(name, read, text, "DURATION", shown);
  }

  // One of a few words.
  template <typename Value>
  void add_choice(const std::string& name,
                  const std::vector<std::pair<std::string, Value>>& choices, Value& to,
                  const std::string& text, const std::string& shown) {
    std::vector<std::string> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    const auto read = [name, choices, words, &to](const std::string& value) {
      const auto chosen = std::ranges::find(words, value);
      if (chosen == words.end()) throw refusal(name, value, joined(words, ", ", " or "));
      to = choices[static_cast<std::size_t>(chosen - words.begin())].second;
    };
    add(name, read, text, joined(words, "|", "|"), shown);
  }

  void add_flag(const std::string& name, bool& to, const std::string& text) {
    app_.add_flag(name, to, text)->disable_flag_override();
  }

 private:
  static std::string with_default(const std::string& text, const std::string& shown) {
    return text + " [" + shown + ']';
  }

  void add(const std::string& name, const std::function<void(const std::string&)>& read,
           const std::string& text, const std::string& type, const std::string& shown) {
    app_.add_option_function<std::string>(name, read, with_default(text, shown))->type_name(type);
  }

  CLI::App& app_;
};

void declare_options(CLI::App& app, ServerOptions& options) {
  const auto shown = [](std::size_t number) { return std::to_string(number); };
  Options add(app);
  add.add_endpoints("--listen", options.listen,
                    "Where to listen, IPv4 or IPv6; repeatable; port 0 picks one",
                    "127.0.0.1:9999");
  add.add_number("--threads", 1, limits::kThreadsMax, options.threads, "Threads that serve",
                 "the processors");
  add.add_duration("--ttl", limits::kTtlMin, limits::kTtlMax, options.ttl,
                   "How long a peer stays after Register or KeepAlive",
                   duration_text(limits::kDefaultTtl));
  add.add_flag("--memory", options.memory,
               "Keep the list in memory only, which is all there is so far");
  add.add_duration("--quiet", limits::kQuietMin, limits::kQuietMax, options.quiet,
                   "Silence that ends a request without terminator",
                   duration_text(limits::kDefaultQuiet));
  add.add_choice<std::uint16_t>("--success-code", {{"20", 20}, {"200", 200}}, options.success_code,
                                "The status that means success", "20");
  add.add_flag("--open-query", options.open_query, "Anyone may ask for the list");
  add.add_number("--answer-peers-max", 1, limits::kAnswerPeersMax, options.answer_peers_max,
                 "Peers in an answer to a PQuery without Limit",
                 shown(limits::kDefaultAnswerPeersMax));
  add.add_number("--peers-max", 1, limits::kPeersMax, options.peers_max, "Active peers",
                 shown(limits::kDefaultPeersMax));
  add.add_number("--peers-per-host-max", 1, limits::kPeersMax, options.peers_per_host_max,
                 "Active peers of one host", shown(limits::kDefaultPeersPerHostMax));
  add.add_number("--connections-max", 1, limits::kConnectionsMax, options.connections_max,
                 "Connections; beyond that the longest idle one makes room",
                 shown(limits::kDefaultConnectionsMax) + ", or fewer if the file limit is lower");
  add.add_number("--connections-per-host-max", 1, limits::kConnectionsMax,
                 options.connections_per_host_max, "Connections of one host",
                 shown(limits::kDefaultConnectionsPerHostMax));
  add.add_duration("--idle-timeout", kIdleTimeoutMin, kIdleTimeoutMax, options.idle_timeout,
                   "Silence after which a connection is closed", "the TTL");
  add.add_choice<LogLevel>("--log-level",
                           {{"info", LogLevel::kInfo},
                            {"warning", LogLevel::kWarning},
                            {"error", LogLevel::kError},
                            {"off", LogLevel::kOff}},
                           options.log_level, "What is logged", "info");
}

}  // namespace

std::variant<ServerOptions, EarlyExit> parse_server_options(
    const std::vector<std::string>& arguments, unsigned processors) {
  ServerOptions options;
  options.listen = {{engine::HostAddress::v4(127, 0, 0, 1), 9999}};
  options.threads = std::clamp(processors, 1u, static_cast<unsigned>(limits::kThreadsMax));
  // No bounds allow zero, so it says that the option was not given.
  options.idle_timeout = engine::Duration::zero();

  CLI::App app("Rollcall's server: keeps the list of the peers that say they are here.",
               std::string(kName));
  app.footer(std::string(kFooter));
  app.get_formatter()->column_width(kHelpColumn);
  app.set_version_flag("--version", std::string(kName) + " " ROLLCALL_VERSION);
  declare_options(app, options);

  if (auto exit = parse_command_line(app, arguments)) return *std::move(exit);
  if (options.idle_timeout == engine::Duration::zero()) options.idle_timeout = options.ttl;
  return options;
}

}  // namespace rollcall::apps
