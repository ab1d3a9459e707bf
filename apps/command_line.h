#pragma once

#include <CLI/Error.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/time.h"

namespace CLI {
class App;
}

// What the command lines of all programs have in common. Values are read and checked by functions
// of our own, so that every refusal says which option, which value, and what would have been right.

namespace rollcall::apps {

// The command line asks for no more than to print something, or for something that cannot be.
struct EarlyExit {
  int status = 0;    // 0, or EX_USAGE
  std::string text;  // for standard output if the status is 0, else one line for standard error
};

// Reads the arguments behind the program's name. `complete` does what no option alone can; it
// throws CLI::ValidationError to refuse. Empty if the program is to go on.
std::optional<EarlyExit> parse_command_line(
    CLI::App& app, std::vector<std::string> arguments,
    const std::function<void()>& complete = [] {});

// Prints what there is to print in the name of `program`, and returns the exit status.
int leave_early(const EarlyExit& exit, std::string_view program);

// What an option refuses, and what it takes instead.
CLI::ValidationError refusal(const std::string& option, std::string_view value,
                             std::string_view wanted);

// A whole number, or a duration, from `min` to `max`. Throws a refusal if it is none.
std::size_t read_number(const std::string& option, std::string_view value, std::size_t min,
                        std::size_t max);
engine::Duration read_duration(const std::string& option, std::string_view value,
                               engine::Duration min, engine::Duration max);

}  // namespace rollcall::apps
