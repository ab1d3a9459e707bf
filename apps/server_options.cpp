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
constexpr std::string_view kDataFile = "rollcall.db";

// Where help begins to say what an option does: behind all but the longest of them.
constexpr std::size_t kHelpColumn = 34;

constexpr std::string_view kFooter =
    "Durations are a whole number and a unit: 10ms, 30s, 5m, 2h, 7d.\n"
    "\n"
    "SIGTERM and SIGINT stop the server within a second; a second one ends it at once. When it\n"
    "stops, and on SIGUSR1, it prints its counters as a line of JSON on standard output. It logs\n"
    "to standard error.\n"
    "\n"
    "Exit status: 0 after a signal, 64 for a bad command line, 65 if the data file is damaged or\n"
    "a line to import is none, 66 if there is no file to check or export, 69 if it cannot listen\n"
    "or another process uses the data file, 71 if the system has no threads or memory to start\n"
    "with, 73 if the data file cannot be made, 74 if reading or writing it or a standard stream\n"
    "fails, 77 if that is not permitted, 78 if the process may not have as many files open as\n"
    "--connections-max asks for, or the data file holds more peers than --peers-max allows.";

// `info, warning or off`, for example. REQUIRES: there are words.
std::string joined(const std::vector<std::string>& words, std::string_view separator,
                   std::string_view last_separator) {
  std::string text = words.front();
  for (std::size_t i = 1; i < words.size(); ++i) {
    text.append(i + 1 < words.size() ? separator : last_separator).append(words[i]);
  }
  return text;
}

std::string read_path(const std::string& option, const std::string& value) {
  if (value.empty()) throw refusal(option, value, "the name of a file");
  return value;
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

  void add_path(const std::string& name, std::optional<std::string>& to, const std::string& text,
                const std::string& shown) {
    const auto read = [name, &to](const std::string& value) { to = read_path(name, value); };
    add(name, read, text, "FILE", shown);
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

void declare_options(CLI::App& app, ServerOptions& options, bool& memory) {
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
  add.add_path("--data", options.data_file, "The file that the list is kept in",
               std::string(kDataFile) + " in $STATE_DIRECTORY, else here");
  add.add_flag("--memory", memory, "Keep the list in memory only");
  add.add_choice<store::Durability>(
      "--durability", {{"sync", store::Durability::kSync}, {"async", store::Durability::kAsync}},
      options.durability,
      "Whether an answer to a change leaves when it is on the disk, or at "
      "once, with the change on the disk within a second: a crash loses "
      "what was answered since then",
      "sync");
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

CLI::App& add_command(CLI::App& app, ServerCommand command, const std::string& name,
                      const std::string& text, ServerOptions& options) {
  CLI::App& subcommand = *app.add_subcommand(name, text);
  subcommand.parse_complete_callback([&options, command] { options.command = command; });
  const auto read = [&options](const std::string& value) {
    options.file = read_path("FILE", value);
  };
  subcommand.add_option_function<std::string>("FILE", read, "The data file")
      ->required()
      ->type_name("");
  return subcommand;
}

void declare_commands(CLI::App& app, ServerOptions& options) {
  add_command(app, ServerCommand::kCheck, "check", "Verify a data file and count what is in it",
              options);
  CLI::App& exporting = add_command(
      app, ServerCommand::kExport, "export",
      "Print the entries of a data file on standard output, as JSON, one a line", options);
  Options(exporting).add_flag("--with-cookies", options.with_cookies,
                              "Print cookies too, which are secrets");
  add_command(app, ServerCommand::kImport, "import",
              "Make a data file from such lines on standard input", options);
  app.require_subcommand(0, 1);
}

std::string default_data_file(std::string_view state_directories) {
  const std::string directory(state_directories.substr(0, state_directories.find(':')));
  return directory.empty() ? std::string(kDataFile) : directory + '/' + std::string(kDataFile);
}

}  // namespace

std::variant<ServerOptions, EarlyExit> parse_server_options(
    const std::vector<std::string>& arguments, unsigned processors,
    std::string_view state_directories) {
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
  bool memory = false;
  declare_options(app, options, memory);
  declare_commands(app, options);

  const auto complete = [&] {
    const bool is_kept = options.data_file.has_value() || app.count("--durability") > 0;
    if (memory && is_kept) {
      throw CLI::ValidationError("--memory",
                                 "keeps nothing, so --data and --durability do not fit");
    }
    if (options.command == ServerCommand::kServe) return;
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() == 0) continue;
      throw CLI::ValidationError(option->get_name(), "is for serving, and not for a command");
    }
  };
  if (auto exit = parse_command_line(app, arguments, complete)) return *std::move(exit);
  if (!memory && !options.data_file) options.data_file = default_data_file(state_directories);
  if (options.idle_timeout == engine::Duration::zero()) options.idle_timeout = options.ttl;
  return options;
}

}  // namespace rollcall::apps
