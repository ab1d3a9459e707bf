#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace rollcall::tests {
namespace {

constexpr int kPatienceMs = 20'000;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    reader = ends[0];
    writer = ends[1];
  }
  int reader;
  int writer;
};

// Between fork and exec, so only what is safe there.
[[noreturn]] void become(char* const* arguments, const Pipe& output, const Pipe& errors,
                         const std::optional<ChildProcess::FileLimit>& file_limit) {
  constexpr int kCannotStart = 127;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (file_limit.has_value()) {
    const rlimit files{file_limit->soft, file_limit->hard};
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) ::_exit(kCannotStart);
  }
  if (::dup2(output.writer, STDOUT_FILENO) < 0) ::_exit(kCannotStart);
  if (::dup2(errors.writer, STDERR_FILENO) < 0) ::_exit(kCannotStart);
  ::execv(arguments[0], arguments);
  ::_exit(kCannotStart);
}

// The `n`-th whole line of `text` that contains `part`.
std::optional<std::string> find_line(const std::string& text, std::string_view part,
                                     std::size_t n) {
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find(part) == std::string::npos) continue;
    if (n-- == 0) return line;
  }
  return std::nullopt;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& path, const std::vector<std::string>& arguments,
                           std::optional<FileLimit> file_limit) {
  std::vector<std::string> all{path};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  const Pipe output;
  const Pipe errors;
  id_ = ::fork();
  if (id_ < 0) fail("fork");
  if (id_ == 0) become(pointers.data(), output, errors, file_limit);
  ::close(output.writer);
  ::close(errors.writer);
  output_.descriptor = output.reader;
  errors_.descriptor = errors.reader;
}

ChildProcess::~ChildProcess() {
  if (!has_ended_) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  for (const Stream* stream : {&output_, &errors_}) {
    if (stream->descriptor >= 0) ::close(stream->descriptor);
  }
}

void ChildProcess::send(int signal) const {
  if (::kill(id_, signal) != 0) fail("kill");
}

std::string ChildProcess::await_output_line(std::string_view text, std::size_t n) {
  return await_line(output_, text, n);
}

std::string ChildProcess::await_error_line(std::string_view text, std::size_t n) {
  return await_line(errors_, text, n);
}

std::string ChildProcess::await_line(const Stream& stream, std::string_view text, std::size_t n) {
  while (true) {
    if (auto line = find_line(stream.text, text, n)) return *std::move(line);
    if (!collect()) {
      throw std::runtime_error("it ended without `" + std::string(text) +
                               "`; it wrote: " + output_.text + errors_.text);
    }
  }
}

ProcessEnd ChildProcess::await_end() {
  while (collect()) {
  }
  int status = 0;
  if (::waitpid(id_, &status, 0) != id_) fail("waitpid");
  has_ended_ = true;
  return WIFEXITED(status) ? exited(WEXITSTATUS(status)) : killed(WTERMSIG(status));
}

bool ChildProcess::collect() {
  std::array<Stream*, 2> streams{&output_, &errors_};
  std::array<pollfd, 2> descriptors;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    descriptors[i] = {.fd = streams[i]->descriptor, .events = POLLIN, .revents = 0};
  }
  if (output_.descriptor < 0 && errors_.descriptor < 0) return false;
  int ready = 0;
  do {
    ready = ::poll(descriptors.data(), descriptors.size(), kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    throw std::runtime_error("nothing happens; it wrote: " + output_.text + errors_.text);
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (descriptors[i].revents == 0) continue;
    std::array<char, 4096> buffer;
    const ssize_t bytes = ::read(streams[i]->descriptor, buffer.data(), buffer.size());
    if (bytes > 0) {
      streams[i]->text.append(buffer.data(), static_cast<std::size_t>(bytes));
    } else {
      ::close(std::exchange(streams[i]->descriptor, -1));
    }
  }
  return true;
}

double ChildProcess::processor_seconds() const {
  std::ifstream file("/proc/" + std::to_string(id_) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  // The second field may contain spaces; utime and stime are the 12th and 13th after it.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  return (user_ticks + system_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace rollcall::tests
