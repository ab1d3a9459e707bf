#include "tests/support/wire_pattern.h"

#include <algorithm>
#include <charconv>

#include "engine/wire/fields.h"
#include "tests/support/escaped_text.h"

namespace rollcall::tests {
namespace {

constexpr std::string_view kAnyOrder = "any order: ";
constexpr std::string_view kOf = " of: ";
constexpr std::string_view kTimes = " x ";
constexpr std::string_view kSeparator = ", ";

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t end = text.find(kSeparator);
    items.emplace_back(text.substr(0, end));
    if (end == text.npos) return items;
    text.remove_prefix(end + kSeparator.size());
  }
}

// `12 x …` and `2 of: …` begin with a number.
std::optional<std::size_t> leading_number(std::string_view text, std::string_view before) {
  const std::size_t end = text.find(before);
  if (end == text.npos) return std::nullopt;
  std::size_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, number);
  if (error != std::errc() || stop != text.data() + end) return std::nullopt;
  return number;
}

std::string_view after(std::string_view text, std::string_view separator) {
  return text.substr(text.find(separator) + separator.size());
}

}  // namespace

std::optional<WirePattern> WirePattern::parse(std::string_view text, std::string& problem) {
  WirePattern pattern;
  pattern.text_ = text;
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('{'), text.size());
    std::optional<std::string> literal = unescaped(text.substr(0, open));
    if (!literal) {
      problem = "an escape that is none";
      return std::nullopt;
    }
    if (!literal->empty()) pattern.parts_.emplace_back(std::move(*literal));
    text.remove_prefix(open);
    if (text.empty()) break;

    const std::size_t close = text.find('}');
    if (close == text.npos) {
      problem = "an opening brace without a closing one";
      return std::nullopt;
    }
    std::optional<Part> part = parse_braces(text.substr(1, close - 1), problem);
    if (!part) return std::nullopt;
    pattern.parts_.push_back(std::move(*part));
    text.remove_prefix(close + 1);
  }
  return pattern;
}

std::optional<WirePattern::Part> WirePattern::parse_braces(std::string_view inside,
                                                           std::string& problem) {
  if (inside.starts_with(kAnyOrder)) {
    std::vector<std::string> of = split(inside.substr(kAnyOrder.size()));
    const std::size_t count = of.size();
    return Peers{count, std::move(of)};
  }
  if (const auto count = leading_number(inside, kOf)) {
    return Peers{*count, split(after(inside, kOf))};
  }
  if (const auto times = leading_number(inside, kTimes)) {
    const std::optional<std::string> unit = unescaped(after(inside, kTimes));
    if (unit) {
      std::string repeated;
      for (std::size_t i = 0; i < *times; ++i) repeated += *unit;
      return repeated;
    }
  }
  if (inside.find("cookie") != inside.npos) return Capture{std::string(inside)};
  problem = "braces that mean nothing: {" + std::string(inside) + "}";
  return std::nullopt;
}

std::optional<std::string> WirePattern::bytes(const Captures& captures) const {
  std::string bytes;
  for (const Part& part : parts_) {
    if (const auto* literal = std::get_if<std::string>(&part)) {
      bytes += *literal;
    } else if (const auto* capture = std::get_if<Capture>(&part)) {
      const auto known = captures.find(capture->name);
      if (known == captures.end()) return std::nullopt;
      bytes += known->second;
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

std::optional<std::size_t> WirePattern::length() const {
  std::size_t length = 0;
  for (const Part& part : parts_) {
    if (const auto* literal = std::get_if<std::string>(&part)) {
      length += literal->size();
    } else if (std::holds_alternative<Capture>(part)) {
      length += engine::kCookieTextBytes;
    } else {
      return std::nullopt;
    }
  }
  return length;
}

WirePattern::Match WirePattern::match(std::string_view answer, Captures& captures) const {
  Captures seen = captures;
  std::size_t at = 0;
  for (const Part& part : parts_) {
    const std::string_view rest = answer.substr(at);
    Match match{};
    if (const auto* literal = std::get_if<std::string>(&part)) {
      match = match_literal(*literal, rest);
    } else if (const auto* capture = std::get_if<Capture>(&part)) {
      const auto known = seen.find(capture->name);
      match = known == seen.end() ? match_cookie(rest) : match_literal(known->second, rest);
      if (match.fit == Fit::kMatches) seen.emplace(capture->name, rest.substr(0, match.at));
    } else {
      match = match_peers(std::get<Peers>(part), rest);
    }
    at += match.at;
    if (match.fit != Fit::kMatches) return {match.fit, at};
  }
  captures = std::move(seen);
  return {Fit::kMatches, at};
}

WirePattern::Match WirePattern::match_literal(std::string_view literal, std::string_view answer) {
  const auto [in_literal, in_answer] =
      std::mismatch(literal.begin(), literal.end(), answer.begin(), answer.end());
  const auto at = static_cast<std::size_t>(in_answer - answer.begin());
  if (in_literal == literal.end()) return {Fit::kMatches, at};
  return {in_answer == answer.end() ? Fit::kNeedsMore : Fit::kDiffers, at};
}

WirePattern::Match WirePattern::match_cookie(std::string_view answer) {
  const std::string_view digits = answer.substr(0, engine::kCookieTextBytes);
  const std::size_t wrong = digits.find_first_not_of("0123456789abcdef");
  if (wrong != digits.npos) return {Fit::kDiffers, wrong};
  return {digits.size() == engine::kCookieTextBytes ? Fit::kMatches : Fit::kNeedsMore,
          digits.size()};
}

WirePattern::Match WirePattern::match_peers(const Peers& peers, std::string_view answer) {
  std::vector<std::string> left = peers.of;
  std::size_t at = 0;
  for (std::size_t i = 0; i < peers.count; ++i) {
    if (i > 0) {
      const Match separator = match_literal(kSeparator, answer.substr(at));
      if (separator.fit != Fit::kMatches) return {separator.fit, at + separator.at};
      at += separator.at;
    }
    // The peers are in quotation marks, so none is the beginning of another.
    bool needs_more = false;
    const auto here = std::find_if(left.begin(), left.end(), [&](const std::string& peer) {
      const Match match = match_literal(peer, answer.substr(at));
      needs_more |= match.fit == Fit::kNeedsMore;
      return match.fit == Fit::kMatches;
    });
    if (here == left.end()) return {needs_more ? Fit::kNeedsMore : Fit::kDiffers, at};
    at += here->size();
    left.erase(here);
  }
  return {Fit::kMatches, at};
}

}  // namespace rollcall::tests
