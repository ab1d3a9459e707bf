#include "apps/file_limit.h"

#include <sys/resource.h>

#include "engine/limits.h"

namespace rollcall::apps {

std::size_t raise_file_limit(unsigned loops) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  const rlimit raised{files.rlim_max, files.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  const rlim_t reserved = engine::limits::kFilesReserved + loops * engine::limits::kFilesPerThread;
  return files.rlim_cur > reserved ? files.rlim_cur - reserved : 0;
}

}  // namespace rollcall::apps
