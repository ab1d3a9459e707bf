#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rollcall::tests {

// Bytes in a form that a person can read on one line: `\n`, `\r`, `\t`, `\0`, `\\`, and `\xNN` for
// what else is not printable ASCII.
std::string escaped(std::string_view bytes);

// The bytes that escaped text stands for; empty if an escape is not one of those above. Every other
// byte, non-ASCII included, stands for itself.
std::optional<std::string> unescaped(std::string_view text);

}  // namespace rollcall::tests
