#pragma once

// Assertions that stay on in every build. They state what this program promises itself; what a peer
// sends is data and gets an answer, never an assertion.

namespace rollcall::engine {

// Says on standard error what was expected and where, then aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace rollcall::engine

// One condition each, so that the message names what failed.
#define ROLLCALL_ASSERT(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::rollcall::engine::assertion_failed(#condition, __FILE__, __LINE__))
