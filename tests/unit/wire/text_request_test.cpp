#include "engine/wire/text_request.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "engine/random.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/escaped_text.h"
#include "tests/support/request_model.h"

// The exchanges in tests/golden go through the grammar case by case. Here stand the properties of
// the machine that reads it, and the edges that an exchange does not show.

namespace rollcall::engine {
namespace {

// Parses what arrived at once. Nothing if the request has not ended.
std::optional<Message> parsed(std::string_view text) {
  TextRequestParser parser;
  Message message;
  if (!parser.advance(text, message)) return std::nullopt;
  return message;
}

Outcome outcome_of(std::string_view text) { return parsed(text).value().outcome; }

const std::string kAlice = "Register P2Pv1\n\nalice\n9999\n";

TEST(TextRequest, HasTheFieldsThatWereSent) {
  const auto message =
      parsed("Register P2Pv1\nCookie: 0123456789abcdef0123456789abcdef\n\nalice\n65535\n");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->outcome, Outcome::kSuccess);
  EXPECT_EQ(message->framing, AnswerFraming::kLineFeed);
  EXPECT_FALSE(message->closes);
  EXPECT_EQ(message->request.method, Method::kRegister);
  EXPECT_EQ(message->request.nick, "alice");
  EXPECT_EQ(message->request.port, 65535);
  EXPECT_EQ(message->request.cookie_header, CookieHeader::kShown);
  EXPECT_EQ(message->request.cookie.bytes[15], 0xEF);
}

TEST(TextRequest, BorrowsTheNickFromTheText) {
  const auto message = parsed(kAlice);
  EXPECT_EQ(message.value().request.nick.data(), kAlice.data() + kAlice.find("alice"));
}

TEST(TextRequest, KnowsItsMethods) {
  const std::map<std::string, Method> methods = {{"Register", Method::kRegister},
                                                 {"Leave", Method::kLeave},
                                                 {"KeepAlive", Method::kKeepAlive},
                                                 {"PQuery", Method::kPQuery}};
  for (const auto& [name, method] : methods) {
    const std::string text = name + " P2Pv1\n\nalice\n80\n";
    EXPECT_EQ(parsed(text).value().request.method, method);
    EXPECT_EQ(parsed(text).value().bytes,
              text.size() - (method == Method::kRegister ? 0 : std::string("80\n").size()));
  }
}

TEST(TextRequest, EndsBeforeTheNextOne) {
  EXPECT_EQ(parsed(kAlice + kAlice).value().bytes, kAlice.size());
  EXPECT_EQ(parsed(kAlice + "\x01garbage").value().bytes, kAlice.size());
}

TEST(TextRequest, TakesTheRestWithItWhereItsEndIsNotKnown) {
  const auto message = parsed("Hello\n" + kAlice);
  EXPECT_EQ(message.value().outcome, Outcome::kMalformedFirstLine);
  EXPECT_TRUE(message->closes);
  EXPECT_EQ(message->framing, AnswerFraming::kBare);
}

TEST(TextRequest, IsReadTheSameHoweverItsHeadIsWritten) {
  // Heads without carriage returns and headers but Limit take a short cut.
  for (const std::string line_end : {"\n", "\r\n"}) {
    for (const std::string header : {"", "X: y", "Limit: 5"}) {
      std::string text = "PQuery P2Pv1" + line_end;
      if (!header.empty()) text += header + line_end;
      text += line_end + "alice" + line_end;
      EXPECT_EQ(parsed(text).value().outcome, Outcome::kSuccess);
      EXPECT_EQ(parsed(text).value().request.nick, "alice");
      EXPECT_EQ(parsed(text).value().request.limit, header == "Limit: 5" ? 5 : 0);
      EXPECT_EQ(parsed(text).value().bytes, text.size());
    }
  }
}

TEST(TextRequest, IsJudgedInOrderOfLinesNickPortLimitCookie) {
  const std::string bad_headers = "Limit: x\nCookie: x\n";
  EXPECT_EQ(outcome_of("PQuery P2Pv1\nContentLength: 3\n" + bad_headers + "\n\x01\n\x01"),
            Outcome::kTooManyLines);
  EXPECT_EQ(outcome_of("PQuery P2Pv1\n" + bad_headers + "\n\x01\n"), Outcome::kBadNick);
  EXPECT_EQ(outcome_of("Register P2Pv1\n" + bad_headers + "\n\x01\nx\n"), Outcome::kBadNick);
  EXPECT_EQ(outcome_of("Register P2Pv1\n" + bad_headers + "\nalice\nx\n"), Outcome::kBadPort);
  EXPECT_EQ(outcome_of("PQuery P2Pv1\n" + bad_headers + "\nalice\n"), Outcome::kBadLimit);
  EXPECT_EQ(outcome_of("Register P2Pv1\n" + bad_headers + "\nalice\n80\n"), Outcome::kBadCookie);
  EXPECT_EQ(outcome_of("PQuery P2Pv1\nLimit: 5\nCookie: x\n\nalice\n"), Outcome::kBadCookie);
}

TEST(TextRequest, IgnoresAHeaderOnAMethodThatItIsNotFor) {
  EXPECT_EQ(outcome_of("KeepAlive P2Pv1\nLimit: x\n\nalice\n"), Outcome::kSuccess);
  EXPECT_EQ(parsed("KeepAlive P2Pv1\nLimit: 5\n\nalice\n").value().request.limit, 0);
  EXPECT_EQ(outcome_of("KeepAlive P2Pv1\nCookie: new\n\nalice\n"), Outcome::kBadCookie);
}

TEST(TextRequest, RefusesAHeaderErrorAtTheEndOfItsLine) {
  const std::string head = "Register P2Pv1\n";
  for (const std::string line : {"no colon", "Bad Name: x", ": x", "ContentLength: 01"}) {
    TextRequestParser parser;
    Message message;
    const std::string text = head + line + "\n";
    EXPECT_FALSE(parser.advance(std::string_view(text).substr(0, text.size() - 1), message));
    ASSERT_TRUE(parser.advance(text, message)) << line;
    EXPECT_EQ(message.bytes, text.size());
    EXPECT_TRUE(message.closes);
  }
}

TEST(TextRequest, MayHaveAsManyBytesAsTheLimitAndNotOneMore) {
  const auto padded = [](std::size_t bytes) {
    // An overlong nick is judged at the end of the line, so that length alone decides here.
    std::string text = "Leave P2Pv1\n\n";
    text.resize(bytes - 1, 'n');
    return text + "\n";
  };
  const auto longest = parsed(padded(limits::kRequestBytesMax));
  EXPECT_EQ(longest.value().outcome, Outcome::kBadNick);
  EXPECT_EQ(longest->bytes, limits::kRequestBytesMax);
  EXPECT_FALSE(longest->closes);
  const auto too_long = parsed(padded(limits::kRequestBytesMax + 1));
  EXPECT_EQ(too_long.value().outcome, Outcome::kRequestTooLong);
  EXPECT_TRUE(too_long->closes);
}

TEST(TextRequest, IsRefusedAtTheFirstByteTooMany) {
  const std::string text(limits::kRequestBytesMax + 1, 'A');
  TextRequestParser parser;
  Message message;
  EXPECT_FALSE(parser.advance(std::string_view(text).substr(0, limits::kRequestBytesMax), message));
  ASSERT_TRUE(parser.advance(text, message));
  EXPECT_EQ(message.outcome, Outcome::kRequestTooLong);
}

TEST(TextRequest, IsRefusedForALengthThatTakesItPastTheLimit) {
  const std::string head = "Leave P2Pv1\nContentLength: 4065\n\n";
  ASSERT_EQ(head.size() + 4065, limits::kRequestBytesMax + 2);
  EXPECT_EQ(outcome_of(head), Outcome::kRequestTooLong);
  EXPECT_EQ(outcome_of("Leave P2Pv1\nContentLength: 4064\n\n"), Outcome::kRequestTooLong);
  EXPECT_FALSE(parsed("Leave P2Pv1\nContentLength: 4063\n\n").has_value());
  EXPECT_EQ(outcome_of("Leave P2Pv1\nContentLength: 4063\nX: y\n"), Outcome::kRequestTooLong);
}

TEST(TextRequest, AllocatesNothing) {
  const std::string text =
      "PQuery P2Pv1\nContentLength: 5\nLimit: 10\nX: " + std::string(200, 'x') + "\n\nalice";
  const tests::AllocationCounter allocations;
  ASSERT_TRUE(parsed(text).has_value());
  EXPECT_EQ(parsed(text)->outcome, Outcome::kSuccess);
  EXPECT_EQ(allocations.count(), 0u);
}

// ---- Silence and the end of the stream ----

TEST(TextRequest, IsWholeWhenItsLastLineHasBegunAndIsNotAboutToEnd) {
  const auto is_whole = [](std::string_view text) {
    TextRequestParser parser;
    Message message;
    EXPECT_FALSE(parser.advance(text, message));
    return parser.is_whole(text);
  };
  EXPECT_FALSE(is_whole("Register P2Pv1\n\nalice\n"));
  EXPECT_TRUE(is_whole("Register P2Pv1\n\nalice\n8"));
  EXPECT_TRUE(is_whole("Register P2Pv1\n\n\nx")) << "good or bad is not the question yet";
  EXPECT_FALSE(is_whole("Register P2Pv1\n\nalice\n80\r"));
  EXPECT_FALSE(is_whole("Register P2Pv1\n\nalice"));
  EXPECT_FALSE(is_whole("Leave P2Pv1\n\n"));
  EXPECT_TRUE(is_whole("Leave P2Pv1\n\na"));
  EXPECT_FALSE(is_whole("Leave P2Pv1\nContentLength: 5\n\na"));
  EXPECT_FALSE(is_whole("Leave P2Pv1\n"));
}

TEST(TextRequest, EndedBySilenceHasABareAnswer) {
  const std::string text = "Register P2Pv1\n\nalice\n80";
  TextRequestParser parser;
  Message message;
  ASSERT_FALSE(parser.advance(text, message));
  parser.silence(text, message);
  EXPECT_EQ(message.outcome, Outcome::kSuccess);
  EXPECT_EQ(message.framing, AnswerFraming::kBare);
  EXPECT_EQ(message.bytes, text.size());
  EXPECT_EQ(message.request.port, 80);
  EXPECT_FALSE(message.closes);
}

// ---- Against the model ----

// All ways to cut a text into equal pieces, the whole of it included.
void expect_no_difference(std::string_view text) {
  for (const std::size_t piece_bytes : {std::size_t{1}, std::size_t{7}, text.size()}) {
    ASSERT_EQ(tests::request_difference(text, piece_bytes), "")
        << tests::escaped(text) << " in pieces of " << piece_bytes;
  }
}

// A text that is nearly a request: made of the parts that requests are made of, one in sixteen
// broken.
class NearlyRequests {
 public:
  explicit NearlyRequests(std::uint64_t seed) : generator_(seed) {}

  std::string next() {
    std::string text = one_of(first_lines_, bad_first_lines_) + line_end();
    std::size_t headers = generator_.below(2) * generator_.below(4);
    if (generator_.below(16) == 0) headers = 10;
    for (std::size_t i = 0; i < headers; ++i) {
      text += one_of(headers_, bad_headers_) + line_end();
      // Of ten headers none should be repeated by chance.
      if (headers == 10) text += std::string(1, static_cast<char>('A' + i)) + ":" + line_end();
    }
    text += line_end();
    const std::size_t lines = generator_.below(4);
    for (std::size_t i = 0; i < lines; ++i) text += one_of(lines_, bad_lines_) + line_end();
    return text;
  }

 private:
  using Parts = std::vector<std::string>;

  std::string one_of(const Parts& good, const Parts& bad) {
    const Parts& parts = generator_.below(16) == 0 ? bad : good;
    return parts[generator_.below(parts.size())];
  }
  std::string line_end() { return one_of({"\n", "\n", "\n", "\r\n"}, {"\r\r\n", "\r", ""}); }

  const Parts first_lines_ = {"Register P2Pv1",        "Leave P2Pv1",  "KeepAlive P2Pv1",
                              "PQuery P2Pv1",          "PQuery P2Pv1", "Hello P2Pv1",
                              "ABCDEFGHIJKLMNOP P2Pv1"};
  const Parts bad_first_lines_ = {
      "register P2Pv1",          "Register P2Pv2",  "Register  P2Pv1", "",
      "ABCDEFGHIJKLMNOPQ P2Pv1", "Register P2Pv1 ", "Register",        " P2Pv1"};
  const Parts headers_ = {"Cookie: new",
                          "Cookie: " + std::string(32, 'a'),
                          "Limit: 10",
                          "Limit: 1000",
                          "Limit: 1",
                          "Limit:1",
                          "ContentLength: 5",
                          "ContentLength: 6",
                          "ContentLength: 8",
                          "ContentLength: 0",
                          "X: y",
                          "Y:",
                          "Z:  ",
                          std::string(32, 'N') + ": " + std::string(256, 'v')};
  const Parts bad_headers_ = {"Cookie: x",
                              "Limit: 0",
                              "Limit: 1001",
                              "Limit: 01",
                              "Limit: 100000",
                              "Limit: ",
                              "Limit: x",
                              "no colon",
                              "ContentLength: 05",
                              "ContentLength: 4090",
                              "ContentLength: -1",
                              std::string(32, 'N') + ":" + std::string(257, 'v'),
                              std::string(33, 'N') + ": v",
                              "Tab: \t",
                              "\x7F: x",
                              ": x"};
  const Parts lines_ = {"alice", "a", "80", "65535", "Zo\xC3\xAB", std::string(255, 'n')};
  const Parts bad_lines_ = {"65536",
                            "0",
                            "",
                            "\xFF",
                            "\r",
                            std::string(256, 'n'),
                            std::string(3900, 'n'),
                            std::string(4096, 'n')};
  SampleGenerator generator_;
};

TEST(TextRequest, IsWhatThePlainReadingOfTheGrammarSays) {
  NearlyRequests requests(1);
  std::map<Outcome, int> seen;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = requests.next();
    expect_no_difference(text);
    if (HasFatalFailure()) return;
    if (const auto message = parsed(text)) ++seen[message->outcome];
  }
  for (const Outcome outcome :
       {Outcome::kSuccess, Outcome::kMalformedFirstLine, Outcome::kMalformedHeader,
        Outcome::kRepeatedHeader, Outcome::kTooManyHeaders, Outcome::kBadContentLength,
        Outcome::kRequestTooLong, Outcome::kMissingLine, Outcome::kTooManyLines, Outcome::kBadNick,
        Outcome::kBadPort, Outcome::kBadLimit, Outcome::kBadCookie, Outcome::kMethodNotAllowed}) {
    EXPECT_GT(seen[outcome], 5) << message_of(outcome);
  }
}

TEST(TextRequest, IsReadAsTheModelReadsItAtEveryPlaceAByteIsWrong) {
  for (const std::string request :
       {"PQuery P2Pv1\nContentLength: 6\nLimit: 10\n\nalice\n",
        "PQuery P2Pv1\nLimit: 100\n\nalice\n", "Register P2Pv1\n\nalice\n65535\n"}) {
    for (std::size_t place = 0; place < request.size(); ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = request;
        text[place] = static_cast<char>(byte);
        ASSERT_EQ(tests::request_difference(text, text.size()), "") << tests::escaped(text);
      }
    }
  }
}

}  // namespace
}  // namespace rollcall::engine
