#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/host_address.h"
#include "engine/time.h"
#include "tests/support/transport_under_test.h"
#include "tests/support/wire_pattern.h"

namespace rollcall::tests {

// What one line of an exchange says; tests/golden/README.md explains the lines.
struct Send {
  WirePattern bytes;
};
struct Expect {
  WirePattern answer;
};
struct From {
  engine::HostAddress host;
};
struct HalfClose {};
struct Reset {};
struct ExpectClosed {};
struct ExpectOpen {};
struct Quiet {};
struct Wait {
  engine::Duration duration;
};
using Action =
    std::variant<Send, Expect, From, HalfClose, Reset, ExpectClosed, ExpectOpen, Quiet, Wait>;

struct ExchangeStep {
  std::size_t line;
  // Of the connection that does it; nobody's for Quiet and Wait.
  std::string connection;
  Action action;
};

// A conversation with a server that has just started.
struct Exchange {
  std::string file;
  std::size_t line;
  std::string title;
  ServerOptions server;
  std::vector<ExchangeStep> steps;
};

struct ExchangeFile {
  std::vector<Exchange> exchanges;
  // `file:line: what is wrong with it`, where there is something.
  std::vector<std::string> problems;
};

enum class Headings {
  kAreCases,  // each `##` heading is a case: a sentence and one exchange
  kAreFree,   // a document; some sections have an exchange
};

// Reads the blocks fenced as `exchange`. `file` is the name that failures show.
ExchangeFile parse_exchanges(std::string_view markdown, const std::string& file, Headings headings);
ExchangeFile read_exchanges(const std::filesystem::path& path, Headings headings);

}  // namespace rollcall::tests
