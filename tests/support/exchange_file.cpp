#include "tests/support/exchange_file.h"

#include <array>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>

#include "engine/wire/address_text.h"

namespace rollcall::tests {
namespace {

using namespace std::chrono_literals;

// The connection of a line that names none.
constexpr std::string_view kFirstConnection = "A";
constexpr std::string_view kFence = "```";
constexpr std::string_view kExchangeFence = "```exchange";

std::optional<std::size_t> parse_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// `10ms`, `30s`, `2h`.
std::optional<engine::Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    engine::Duration duration;
  };
  // Longer names first: `ms` also ends in `s`.
  constexpr std::array<Unit, 7> kUnits{
      {{"ns", 1ns}, {"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    const std::optional<std::size_t> number = parse_number(text);
    if (!number) return std::nullopt;
    return unit.duration * static_cast<engine::Duration::rep>(*number);
  }
  return std::nullopt;
}

// `--ttl 10s --open-query`: options of the server by the names that rollcalld has for them.
bool parse_server(std::string_view text, ServerOptions& server) {
  std::istringstream words{std::string(text)};
  std::string name;
  while (words >> name) {
    if (name == "--open-query") {
      server.engine.open_query = true;
      continue;
    }
    std::string value;
    if (!(words >> value)) return false;
    const std::optional<engine::Duration> duration = parse_duration(value);
    const std::optional<std::size_t> number = parse_number(value);
    if (name == "--ttl" && duration) {
      server.registry.ttl = *duration;
    } else if (name == "--idle-timeout" && duration) {
      server.engine.idle_timeout = *duration;
    } else if (name == "--success-code" && number) {
      server.engine.success_code = static_cast<std::uint16_t>(*number);
    } else if (name == "--answer-peers-max" && number) {
      server.engine.answer_peers_max = *number;
    } else if (name == "--peers-max" && number) {
      server.registry.peers_max = *number;
    } else if (name == "--peers-per-host-max" && number) {
      server.registry.peers_per_host_max = *number;
    } else if (name == "--connections-max" && number) {
      server.connections_max = *number;
    } else if (name == "--connections-per-host-max" && number) {
      server.connections_per_host_max = *number;
    } else {
      return false;
    }
  }
  return true;
}

// Takes a connection's name, one capital letter, off the front of a line.
std::string take_connection(std::string_view& line) {
  const bool named = line.size() >= 2 && line[0] >= 'A' && line[0] <= 'Z' &&
                     (line[1] == ' ' || line[1] == '>' || line[1] == '<');
  if (!named) return std::string(kFirstConnection);
  std::string name(1, line[0]);
  line.remove_prefix(line[1] == ' ' ? 2 : 1);
  return name;
}

std::optional<Action> parse_bytes(std::string_view line, std::string& problem) {
  std::optional<WirePattern> pattern = WirePattern::parse(line.substr(2), problem);
  if (!pattern) return std::nullopt;
  if (line[0] == '<') return Expect{std::move(*pattern)};
  if (!pattern->length()) {
    problem = "a request cannot hold a list in any order";
    return std::nullopt;
  }
  return Send{std::move(*pattern)};
}

std::optional<Action> parse_action(std::string_view line, std::string& problem) {
  if (line.starts_with("> ") || line.starts_with("< ")) return parse_bytes(line, problem);
  if (line == "eof") return HalfClose{};
  if (line == "reset") return Reset{};
  if (line == "closed") return ExpectClosed{};
  if (line == "open") return ExpectOpen{};
  if (line == "quiet") return Quiet{};
  if (line.starts_with("from ")) {
    if (const auto host = engine::parse_host(line.substr(5))) return From{*host};
  }
  if (line.starts_with("wait ")) {
    if (const auto duration = parse_duration(line.substr(5))) return Wait{*duration};
  }
  problem = "a line that means nothing: " + std::string(line);
  return std::nullopt;
}

class Parser {
 public:
  Parser(const std::string& file, Headings headings) : file_(file), headings_(headings) {}

  ExchangeFile parse(std::string_view markdown) {
    while (!markdown.empty()) {
      const std::size_t end = std::min(markdown.find('\n'), markdown.size());
      ++line_number_;
      take_line(markdown.substr(0, end));
      markdown.remove_prefix(std::min(end + 1, markdown.size()));
    }
    if (place_ != Place::kProse) problem("a block that does not end");
    end_case();
    return std::move(result_);
  }

 private:
  enum class Place { kProse, kExchange, kOtherBlock };

  void take_line(std::string_view line) {
    switch (place_) {
      case Place::kProse:
        take_prose(line);
        break;
      case Place::kExchange:
        if (line == kFence) {
          place_ = Place::kProse;
        } else {
          take_step(line);
        }
        break;
      case Place::kOtherBlock:
        if (line == kFence) place_ = Place::kProse;
        break;
    }
  }

  void take_prose(std::string_view line) {
    if (line.starts_with("#")) {
      if (line.starts_with("## ")) {
        end_case();
        in_case_ = true;
      }
      title_ = line.substr(std::min(line.find(' ') + 1, line.size()));
    } else if (line == kExchangeFence) {
      if (in_case_ && headings_ == Headings::kAreCases && !has_sentence_) {
        problem("a case without a sentence that says what it shows");
      }
      ++exchanges_in_case_;
      result_.exchanges.push_back({file_, line_number_, title_, {}, {}});
      place_ = Place::kExchange;
    } else if (line.starts_with(kFence)) {
      place_ = Place::kOtherBlock;
    } else if (!line.empty()) {
      has_sentence_ = true;
    }
  }

  void take_step(std::string_view line) {
    Exchange& exchange = result_.exchanges.back();
    if (line.empty() || line.starts_with("#")) return;
    if (constexpr std::string_view kServer = "server "; line.starts_with(kServer)) {
      if (!exchange.steps.empty()) problem("the server has started already");
      if (!parse_server(line.substr(kServer.size()), exchange.server)) {
        problem("options that the server does not have: " + std::string(line));
      }
      return;
    }
    const std::string connection = take_connection(line);
    std::string what;
    if (std::optional<Action> action = parse_action(line, what)) {
      exchange.steps.push_back({line_number_, connection, std::move(*action)});
    } else {
      problem(what);
    }
  }

  void end_case() {
    if (in_case_ && headings_ == Headings::kAreCases && exchanges_in_case_ != 1) {
      problem("the case above has not one exchange but " + std::to_string(exchanges_in_case_));
    }
    exchanges_in_case_ = 0;
    has_sentence_ = false;
    in_case_ = false;
  }

  void problem(const std::string& what) {
    result_.problems.push_back(file_ + ":" + std::to_string(line_number_) + ": " + what);
  }

  const std::string file_;
  const Headings headings_;
  ExchangeFile result_;
  Place place_ = Place::kProse;
  std::size_t line_number_ = 0;
  std::string title_;
  bool in_case_ = false;
  bool has_sentence_ = false;
  std::size_t exchanges_in_case_ = 0;
};

}  // namespace

ExchangeFile parse_exchanges(std::string_view markdown, const std::string& file,
                             Headings headings) {
  return Parser(file, headings).parse(markdown);
}

ExchangeFile read_exchanges(const std::filesystem::path& path, Headings headings) {
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  ExchangeFile file = parse_exchanges(text, path.filename().string(), headings);
  if (!stream) file.problems.push_back(path.string() + ": cannot be read");
  return file;
}

}  // namespace rollcall::tests
