#include "tests/support/escaped_text.h"

#include <charconv>

namespace rollcall::tests {
namespace {

constexpr std::string_view kLetters = "nrt0\\";
constexpr std::string_view kMeanings{"\n\r\t\0\\", 5};

}  // namespace

std::string escaped(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t known = kMeanings.find(c); known != kMeanings.npos) {
      text += {'\\', kLetters[known]};
    } else if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return text;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\') {
      bytes += c;
      continue;
    }
    if (text.empty()) return std::nullopt;
    const char letter = text.front();
    text.remove_prefix(1);
    if (const std::size_t known = kLetters.find(letter); known != kLetters.npos) {
      bytes += kMeanings[known];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(0, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (letter != 'x' || digits.size() != 2 || error != std::errc() ||
        end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    bytes += static_cast<char>(value);
    text.remove_prefix(2);
  }
  return bytes;
}

}  // namespace rollcall::tests
