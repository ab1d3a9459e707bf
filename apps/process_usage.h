#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "engine/time.h"

// What processes of this machine use, as the kernel counts it.

namespace rollcall::apps {

// The processor time that a process has used since it began, its own and the kernel's for it, with
// all its threads; empty if there is no such process.
std::optional<engine::Duration> processor_time_of(pid_t process);

// The memory of a process that is in RAM; empty as above.
std::optional<std::size_t> resident_bytes_of(pid_t process);

}  // namespace rollcall::apps
