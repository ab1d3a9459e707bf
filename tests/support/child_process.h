#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rollcall::tests {

// How a process ended.
struct ProcessEnd {
  // Its exit status, or empty if a signal ended it.
  std::optional<int> status;
  std::optional<int> signal;

  friend bool operator==(const ProcessEnd&, const ProcessEnd&) = default;
};
inline ProcessEnd exited(int status) { return {status, std::nullopt}; }
inline ProcessEnd killed(int signal) { return {std::nullopt, signal}; }

// A program that a test starts, and ends if it still runs when the test is over. What it writes is
// collected whenever one of the calls below waits for it. Each gives up after some seconds, by
// throwing; only a test that fails waits that long.
class ChildProcess {
 public:
  struct FileLimit {
    std::size_t soft;
    std::size_t hard;
  };

  ChildProcess(const std::string& path, const std::vector<std::string>& arguments,
               std::optional<FileLimit> file_limit = std::nullopt);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }
  void send(int signal) const;

  // Waits for the `n`-th line, counted from 0, that contains `text` on that stream, and returns it
  // without its line end.
  std::string await_output_line(std::string_view text, std::size_t n = 0);
  std::string await_error_line(std::string_view text, std::size_t n = 0);

  // Waits for its end, and for all it wrote.
  ProcessEnd await_end();

  // What it wrote so far, as far as it was collected.
  const std::string& output() const { return output_.text; }
  const std::string& errors() const { return errors_.text; }

  // Processor time it has used, in seconds.
  double processor_seconds() const;

 private:
  struct Stream {
    int descriptor = -1;
    std::string text;
  };

  std::string await_line(const Stream& stream, std::string_view text, std::size_t n);
  // Waits until something was written, or a stream was closed. False once both are closed.
  bool collect();

  pid_t id_ = -1;
  bool has_ended_ = false;
  Stream output_;
  Stream errors_;
};

}  // namespace rollcall::tests
