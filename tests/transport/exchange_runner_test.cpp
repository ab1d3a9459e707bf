#include "tests/support/exchange_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/escaped_text.h"
#include "tests/support/exchange_file.h"
#include "tests/support/transport_under_test.h"
#include "tests/support/wire_pattern.h"

// The golden exchanges are worth what their runner notices.

namespace rollcall::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kRegister = "> Register P2Pv1\\n\\nalice\\n9999\\n\n";
constexpr std::string_view kSuccess = "< Response 20 P2Pv1\\n\\nSuccess\\n\n";

ExchangeFile parse_case(const std::string& lines) {
  return parse_exchanges(
      "# Title\n\n## Case\n\nIt shows something.\n\n```exchange\n" + lines + "```\n", "test.md",
      Headings::kAreCases);
}

// Plays one exchange over loopback. Empty if it holds.
std::string play(const std::string& lines, const Cutting& cutting = {}) {
  const ExchangeFile file = parse_case(lines);
  EXPECT_THAT(file.problems, IsEmpty());
  if (file.exchanges.size() != 1) return "no exchange";
  const auto transport = make_loopback(file.exchanges[0].server);
  return run_exchange(file.exchanges[0], cutting, *transport).value_or("");
}

std::string play(std::string_view first, std::string_view rest, const Cutting& cutting = {}) {
  return play(std::string(first) + std::string(rest), cutting);
}

// ---- What it notices ----

TEST(ExchangeRunner, AnExchangeThatHoldsIsNoFailure) {
  EXPECT_EQ(play(kRegister, kSuccess), "");
  EXPECT_EQ(play(kRegister, kSuccess, {.kind = Cutting::Kind::kByteByByte}), "");
  EXPECT_EQ(play(kRegister, kSuccess, {Cutting::Kind::kTwoPieces, 0, 5}), "");
}

TEST(ExchangeRunner, AWrongAnswerIsShownWithItsPlaceAndDifference) {
  EXPECT_EQ(play(kRegister, "< Response 200 P2Pv1\\n\\nSuccess\\n\n"),
            "test.md:9: Case (whole)\n"
            "  expected: Response 200 P2Pv1\\n\\nSuccess\\n\n"
            "  got:      Response 20 P2Pv1\\n\\nSuccess\\n\n"
            "  differs at byte 11");
}

TEST(ExchangeRunner, AMissingAnswerIsNoticed) {
  EXPECT_THAT(play("> Register P2Pv1\\n\\nalice\n", kSuccess), HasSubstr("test.md:9"));
}

TEST(ExchangeRunner, ATooShortAnswerIsNoticed) {
  EXPECT_THAT(play(kRegister, "< Response 20 P2Pv1\\n\\nSuccess\\n\\n\n"),
              HasSubstr("differs at byte 27"));
}

TEST(ExchangeRunner, AnAnswerThatNobodyExpectedIsNoticed) {
  const std::string unexpected = "< Response 20 P2Pv1\\n\\nSuc\n";
  EXPECT_THAT(play(kRegister, ""), HasSubstr("after the last line came: Response 20"));
  EXPECT_THAT(play(kRegister, unexpected), HasSubstr("after the last line came: cess\\n"));
  EXPECT_THAT(play(kRegister, "> more\n"), HasSubstr("expected: nothing more on A"));
  EXPECT_THAT(play(kRegister, "wait 1s\n"), HasSubstr("expected: nothing more on A"));
  EXPECT_THAT(play(kRegister, "B> x\n"), HasSubstr("expected: nothing more on A"));
}

TEST(ExchangeRunner, AnAnswerToTheEndOfAnExchangeIsNoticed) {
  EXPECT_THAT(play("> Register P2Pv1\\n\\nalice\\n9999\n"),
              HasSubstr("after the last line came: Response 20 P2Pv1\\n\\nSuccess"));
}

TEST(ExchangeRunner, WhetherAConnectionIsOpenIsNoticed) {
  const std::string malformed =
      "> Nonsense\\n\n< Response 400 P2Pv1\\n\\nBad message: malformed first line\n";
  EXPECT_EQ(play(malformed, "closed\n"), "");
  EXPECT_THAT(play(malformed, "open\n"), HasSubstr("expected: the connection stays open"));
  EXPECT_THAT(play(std::string(kRegister) + std::string(kSuccess), "closed\n"),
              HasSubstr("expected: the end of the stream"));
}

TEST(ExchangeRunner, AListOfOthersIsNoticed) {
  const std::string all = std::string(kRegister) + std::string(kSuccess) +
                          "> PQuery P2Pv1\\n\\nalice\\n\n< Response 20 P2Pv1\\n\\n";
  EXPECT_EQ(play(all, "[{any order: '127.0.0.1:9999'}]\\n\n"), "");
  EXPECT_THAT(play(all, "[{any order: '127.0.0.1:1'}]\\n\n"), HasSubstr("differs at byte 20"));
  EXPECT_THAT(play(all, "[{any order: '127.0.0.1:9999', '127.0.0.1:1'}]\\n\n"),
              HasSubstr("differs at byte 36"));
}

TEST(ExchangeRunner, ACookieThatNobodySawIsNoticed) {
  EXPECT_THAT(play("> Leave P2Pv1\\nCookie: {cookie}\\n\\na\\n\n"),
              HasSubstr("a cookie that no answer showed"));
}

TEST(ExchangeRunner, ServerOptionsReachTheServer) {
  const std::string lines = std::string("server --success-code 200 --peers-max 1\n") +
                            std::string(kRegister) +
                            "< Response 200 P2Pv1\\n\\nSuccess\\n\n"
                            "> Register P2Pv1\\n\\nbob\\n1\\n\n"
                            "< Response 500 P2Pv1\\n\\nInternal error: registry full\\n\n";
  EXPECT_EQ(play(lines), "");
}

TEST(ExchangeRunner, EveryPlaceToCutIsFoundOnce) {
  const ExchangeFile file = parse_case("> abc\n< x\nB> d\n> {2 x ef}{cookie}\n");
  ASSERT_EQ(file.exchanges.size(), 1u);
  const auto cuttings = two_piece_cuttings(file.exchanges[0]);
  EXPECT_EQ(cuttings.size(), 2u + 0u + 35u);
  EXPECT_EQ(cuttings[1].chunk, 0u);
  EXPECT_EQ(cuttings[1].first_bytes, 2u);
  EXPECT_EQ(cuttings.back().chunk, 2u);
  EXPECT_EQ(cuttings.back().first_bytes, 35u);
}

// ---- What is no exchange ----

TEST(ExchangeFile, LinesThatMeanNothingAreProblems) {
  for (const std::string line :
       {"Register", ">x", "wait", "wait 10", "wait 1w", "from here", "close", "b> x", "> {x}",
        "> {3 of: a, b}", "> \\q", "> \\x4", "< {2 x a", "server --port 1", "server --ttl 10",
        "server --peers-max"}) {
    EXPECT_THAT(parse_case(line + "\n").problems, ElementsAre(HasSubstr("test.md:8: "))) << line;
  }
}

TEST(ExchangeFile, ACaseIsASentenceAndOneExchange) {
  const auto problems = [](const std::string& text) {
    return parse_exchanges(text, "test.md", Headings::kAreCases).problems.size();
  };
  const std::string block = "```exchange\n> x\n```\n";
  EXPECT_EQ(problems("## Case\n\nIt shows something.\n\n" + block), 0u);
  EXPECT_EQ(problems("## Case\n\n" + block), 1u);
  EXPECT_EQ(problems("## Case\n\nIt shows something.\n"), 1u);
  EXPECT_EQ(problems("## Case\n\nIt shows something.\n" + block + block), 1u);
  EXPECT_EQ(problems("## Case\n\nIt shows something.\n```exchange\n> x\n"), 1u);
}

TEST(ExchangeFile, OtherBlocksOfADocumentAreNotRead) {
  const ExchangeFile file = parse_exchanges(
      "## Text\n\n```sh\nrollcalld\n```\n\n```exchange\n> x\n```\n", "test.md", Headings::kAreFree);
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.exchanges.size(), 1u);
  EXPECT_EQ(file.exchanges[0].line, 7u);
  EXPECT_EQ(file.exchanges[0].title, "Text");
}

// ---- Patterns ----

WirePattern pattern(std::string_view text) {
  std::string problem;
  std::optional<WirePattern> parsed = WirePattern::parse(text, problem);
  EXPECT_TRUE(parsed.has_value()) << problem;
  return parsed.value_or(WirePattern());
}

TEST(WirePattern, EscapesAndRepetitionsAreBytes) {
  EXPECT_EQ(pattern("a\\n\\r\\t\\0\\\\\\xff\\x7b").bytes({}), std::string("a\n\r\t\0\\\xff{", 8));
  EXPECT_EQ(pattern("{3 x a\\n}b{0 x c}").bytes({}), "a\na\na\nb");
  EXPECT_EQ(pattern("{3 x a\\n}b").length(), 7u);
}

TEST(WirePattern, ACookieIsCapturedAndThenExpected) {
  const std::string digits = "0123456789abcdef0123456789abcdef";
  Captures captures;
  const WirePattern cookie = pattern("<{cookie}>");
  EXPECT_EQ(cookie.match("<" + digits.substr(1), captures).fit, WirePattern::Fit::kNeedsMore);
  EXPECT_EQ(cookie.match("<" + std::string(32, 'A') + ">", captures).fit,
            WirePattern::Fit::kDiffers);
  EXPECT_THAT(captures, IsEmpty());
  EXPECT_EQ(cookie.match("<" + digits + ">", captures).fit, WirePattern::Fit::kMatches);
  EXPECT_EQ(cookie.bytes(captures), "<" + digits + ">");
  EXPECT_EQ(cookie.match("<" + std::string(32, '0') + ">", captures).fit,
            WirePattern::Fit::kDiffers);
}

TEST(WirePattern, ASampleIsOfDifferentOnes) {
  Captures captures;
  const WirePattern sample = pattern("[{2 of: 'a', 'b', 'a'}]");
  for (const std::string text : {"['a', 'b']", "['b', 'a']", "['a', 'a']"}) {
    EXPECT_EQ(sample.match(text, captures).fit, WirePattern::Fit::kMatches) << text;
  }
  for (const std::string text : {"['b', 'b']", "['a', 'c']", "['a']", "['a', 'a', 'b']", "[]"}) {
    EXPECT_EQ(sample.match(text, captures).fit, WirePattern::Fit::kDiffers) << text;
  }
  for (const std::string text : {"", "['", "['a'", "['a', "}) {
    EXPECT_EQ(sample.match(text, captures).fit, WirePattern::Fit::kNeedsMore) << text;
  }
}

TEST(EscapedText, ReadsBackWhatItWrote) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(unescaped(escaped(all)), all);
  EXPECT_EQ(escaped(std::string("a\n\0\x01\xff", 5)), "a\\n\\0\\x01\\xff");
}

}  // namespace
}  // namespace rollcall::tests
