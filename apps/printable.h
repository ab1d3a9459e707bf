#pragma once

#include <string>
#include <string_view>

namespace rollcall::apps {

// Bytes from outside as one line of printable ASCII: each byte that is none becomes `\x1b`, and a
// backslash becomes `\\`, so that no text can be mistaken for another.
std::string printable(std::string_view bytes);

}  // namespace rollcall::apps
