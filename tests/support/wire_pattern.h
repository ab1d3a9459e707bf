#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rollcall::tests {

// Values that were seen in answers, by the name an exchange gives them.
using Captures = std::map<std::string, std::string, std::less<>>;

// Wire bytes as an exchange writes them: escaped text in which braces stand for what cannot be
// written down.
//
//   {4 x ab}               abababab
//   {cookie}               32 lower-case hexadecimal digits: any in the answer that first names
//                          them, the same ones from there on; any name with `cookie` in it will do
//   {any order: 'a', 'b'}  these, joined by `, `, in any order            (answers only)
//   {2 of: 'a', 'b', 'c'}  two different ones of these, likewise          (answers only)
class WirePattern {
 public:
  // Empty if `text` is not a pattern; `problem` then says why.
  static std::optional<WirePattern> parse(std::string_view text, std::string& problem);

  // The pattern as it was written.
  const std::string& text() const { return text_; }

  // The bytes to send; empty if they depend on an answer that has not come.
  std::optional<std::string> bytes(const Captures& captures) const;
  // How many bytes that will be. Empty for a pattern that only an answer can have.
  std::optional<std::size_t> length() const;

  enum class Fit {
    kMatches,    // the answer begins with the pattern
    kNeedsMore,  // it may do so once more bytes have come
    kDiffers,
  };
  struct Match {
    Fit fit;
    // kMatches: the pattern's length in the answer. Otherwise: where the first difference is.
    std::size_t at;
  };
  // Compares the beginning of `answer`. Where it matches, names that were seen first are captured.
  Match match(std::string_view answer, Captures& captures) const;

 private:
  struct Capture {
    std::string name;
  };
  struct Peers {
    std::size_t count;
    std::vector<std::string> of;
  };
  using Part = std::variant<std::string, Capture, Peers>;

  static std::optional<Part> parse_braces(std::string_view inside, std::string& problem);
  static Match match_literal(std::string_view literal, std::string_view answer);
  static Match match_cookie(std::string_view answer);
  static Match match_peers(const Peers& peers, std::string_view answer);

  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace rollcall::tests
