#pragma once

#include <cstddef>

namespace rollcall::apps {

// Raises the number of files that this process may have open from the soft limit to the hard one,
// and returns how many connections that leaves room for in a program with so many event loops: all
// but limits::kFilesReserved and limits::kFilesPerThread.
std::size_t raise_file_limit(unsigned loops);

}  // namespace rollcall::apps
