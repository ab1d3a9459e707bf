#include "apps/command_line.h"

#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <utility>

#include "apps/duration.h"
#include "apps/printable.h"

namespace rollcall::apps {

std::optional<EarlyExit> parse_command_line(CLI::App& app, std::vector<std::string> arguments,
                                            const std::function<void()>& complete) {
  try {
    std::ranges::reverse(arguments);  // the order that CLI11 wants
    app.parse(std::move(arguments));
    complete();
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return EarlyExit{EX_OK, app.help()};
  } catch (const CLI::CallForVersion& version) {
    return EarlyExit{EX_OK, std::string(version.what()) + '\n'};
  } catch (const CLI::ParseError& error) {
    return EarlyExit{EX_USAGE, printable(error.what())};
  }
}

int leave_early(const EarlyExit& exit, std::string_view program) {
  if (exit.status == EX_OK) {
    std::cout << exit.text << std::flush;
  } else {
    std::cerr << std::string(program) + ": " + exit.text + '\n';
  }
  return exit.status;
}

CLI::ValidationError refusal(const std::string& option, std::string_view value,
                             std::string_view wanted) {
  std::string text = "'";
  text.append(value).append("' is not ").append(wanted);
  return CLI::ValidationError(option, text);
}

std::size_t read_number(const std::string& option, std::string_view value, std::size_t min,
                        std::size_t max) {
  std::size_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [number_end, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || number_end != end || number < min || number > max) {
    throw refusal(option, value,
                  "a number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return number;
}

engine::Duration read_duration(const std::string& option, std::string_view value,
                               engine::Duration min, engine::Duration max) {
  const std::optional<engine::Duration> duration = parse_duration(value);
  if (!duration || *duration < min || *duration > max) {
    throw refusal(option, value,
                  "a duration from " + duration_text(min) + " to " + duration_text(max));
  }
  return *duration;
}

}  // namespace rollcall::apps
