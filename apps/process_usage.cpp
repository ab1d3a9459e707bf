#include "apps/process_usage.h"

#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <string>

namespace rollcall::apps {

std::optional<engine::Duration> processor_time_of(pid_t process) {
  clockid_t clock{};
  timespec time{};
  // The same time as in /proc/PID/stat, but not rounded to a hundredth of a second.
  if (clock_getcpuclockid(process, &clock) != 0) return std::nullopt;
  if (clock_gettime(clock, &time) != 0) return std::nullopt;
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::optional<std::size_t> resident_bytes_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::size_t size_pages = 0;
  std::size_t resident_pages = 0;
  if (!(file >> size_pages >> resident_pages)) return std::nullopt;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace rollcall::apps
