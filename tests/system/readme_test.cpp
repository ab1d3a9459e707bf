// The transcripts in README.md are what really happens.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/server_process.h"

namespace rollcall::tests {
namespace {

struct Command {
  std::string line;
  std::string output;
};

// The commands of the ```console blocks, each with the lines that follow it.
std::vector<Command> transcript(const std::string& path) {
  std::ifstream file(path);
  std::vector<Command> commands;
  bool is_console = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      is_console = line == "```console";
    } else if (is_console && line.starts_with("$ ")) {
      commands.push_back({line.substr(2), ""});
    } else if (is_console) {
      commands.back().output += line + "\n";
    }
  }
  return commands;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

// What the shell prints on both streams, with one line feed at the end if there is anything.
std::string output_of(const std::string& line) {
  std::string output;
  std::FILE* pipe = popen(("exec 2>&1; " + line).c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> buffer;
  while (const std::size_t bytes = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), bytes);
  }
  pclose(pipe);
  if (!output.empty() && !output.ends_with('\n')) output += '\n';
  return output;
}

TEST(Readme, TranscriptsAreTrue) {
  const std::vector<Command> commands = transcript(std::string(ROLLCALL_SOURCE_DIR) + "/README.md");
  ASSERT_GE(commands.size(), 8u) << "the README has lost its transcripts";
  const ServerProcess server({"--listen", "127.0.0.1:0"});
  const std::string port = std::to_string(server.port());
  for (const Command& command : commands) {
    std::string line = command.line;
    replace_all(line, "127.0.0.1 9999", "127.0.0.1 " + port);
    replace_all(line, "build/release/bin/rollcall ",
                std::string(ROLLCALL_PATH) + " --server 127.0.0.1:" + port + " ");
    EXPECT_EQ(output_of(line), command.output) << "$ " << command.line;
  }
}

}  // namespace
}  // namespace rollcall::tests
