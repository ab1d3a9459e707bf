#pragma once

#include <cstddef>

namespace rollcall::apps {

// Raises the number of files that this process may have open from the soft limit to the hard one,
// and returns how many connections that leaves room for: all but limits::kFilesReserved.
std::size_t raise_file_limit();

}  // namespace rollcall::apps
