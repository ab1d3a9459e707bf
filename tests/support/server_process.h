#pragma once

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/wire/address_text.h"
#include "tests/support/child_process.h"

namespace rollcall::tests {

// A rollcalld that is ready. For programs that know ROLLCALLD_PATH.
class ServerProcess {
 public:
  // `arguments` say where to listen, on ports that the system picks. Its list is in memory, unless
  // they say --data.
  explicit ServerProcess(const std::vector<std::string>& arguments,
                         std::optional<ChildProcess::FileLimit> file_limit = std::nullopt)
      : process_(ROLLCALLD_PATH, with_memory(arguments), file_limit) {
    const auto listeners = std::ranges::count(arguments, "--listen");
    for (std::size_t i = 0; i < static_cast<std::size_t>(listeners); ++i) {
      constexpr std::string_view kReady = "rollcalld: ready on ";
      const std::string line = process_.await_error_line(kReady, i);
      const auto endpoint = engine::parse_endpoint(std::string_view(line).substr(kReady.size()));
      if (!endpoint.has_value()) throw std::runtime_error("not a ready line: " + line);
      endpoints_.push_back(*endpoint);
    }
  }

  ChildProcess& process() { return process_; }
  const std::vector<engine::Endpoint>& endpoints() const { return endpoints_; }
  const engine::Endpoint& endpoint() const { return endpoints_.front(); }
  std::uint16_t port() const { return endpoint().port; }

  ProcessEnd stop() {
    process_.send(SIGTERM);
    return process_.await_end();
  }

 private:
  static std::vector<std::string> with_memory(std::vector<std::string> arguments) {
    if (std::ranges::count(arguments, "--data") == 0) arguments.emplace_back("--memory");
    return arguments;
  }

  ChildProcess process_;
  std::vector<engine::Endpoint> endpoints_;
};

}  // namespace rollcall::tests
