#include "engine/wire/response_parser.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/limits.h"
#include "engine/outcome.h"
#include "engine/output_buffer.h"
#include "engine/random.h"
#include "engine/wire/fields.h"
#include "engine/wire/text_response.h"

namespace rollcall::engine {

std::ostream& operator<<(std::ostream& out, ResponseProgress progress) {
  switch (progress) {
    case ResponseProgress::kIncomplete:
      return out << "incomplete";
    case ResponseProgress::kComplete:
      return out << "complete";
    case ResponseProgress::kMalformed:
      return out << "malformed";
  }
  __builtin_unreachable();
}

namespace {

constexpr std::size_t kBytesMax = 10'000;
constexpr AnswerFraming kFramings[] = {AnswerFraming::kBare, AnswerFraming::kLineFeed,
                                       AnswerFraming::kLength};
constexpr std::string_view kCookieText = "000102030405060708090a0b0c0d0e0f";

// All that can be seen of a parser, with the message copied.
struct Result {
  ResponseProgress progress = ResponseProgress::kIncomplete;
  std::size_t length = 0;
  std::uint16_t status = 0;
  std::optional<Cookie> cookie = std::nullopt;
  std::optional<std::uint64_t> total = std::nullopt;
  std::string message = {};

  bool operator==(const Result&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Result& result) {
  return out << result.progress << ' ' << result.length << " bytes, status " << result.status
             << ", message " << testing::PrintToString(result.message);
}

Result result_of(const ResponseParser& parser, ResponseProgress progress) {
  if (progress != ResponseProgress::kComplete) return {.progress = progress};
  const Response& response = parser.response();
  return {progress,        parser.length(), response.status,
          response.cookie, response.total,  std::string(response.message)};
}

Result parse(std::string_view text, AnswerFraming framing, std::size_t bytes_max = kBytesMax) {
  ResponseParser parser(framing, bytes_max);
  return result_of(parser, parser.advance(text));
}

Result parse_to_the_end(std::string_view text, AnswerFraming framing) {
  ResponseParser parser(framing, kBytesMax);
  return result_of(parser, parser.end_of_stream(text));
}

// A parser that is told of `first` bytes, then of all of them.
Result parse_in_two(std::string_view text, std::size_t first, AnswerFraming framing) {
  ResponseParser parser(framing, kBytesMax);
  ResponseProgress progress = parser.advance(text.substr(0, first));
  if (progress == ResponseProgress::kIncomplete) progress = parser.advance(text);
  return result_of(parser, progress);
}

Result parse_byte_by_byte(std::string_view text, AnswerFraming framing) {
  ResponseParser parser(framing, kBytesMax);
  ResponseProgress progress = ResponseProgress::kIncomplete;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    // Every time at another place in memory, as in a buffer that grows.
    const std::string copy(text.substr(0, size));
    progress = parser.advance(copy);
    if (progress != ResponseProgress::kIncomplete) return result_of(parser, progress);
  }
  return result_of(parser, progress);
}

Result success(std::string_view text, std::string_view message, std::uint16_t status = 20) {
  return {.progress = ResponseProgress::kComplete,
          .length = text.size(),
          .status = status,
          .message = std::string(message)};
}

const Result kIncomplete{.progress = ResponseProgress::kIncomplete};
const Result kMalformed{.progress = ResponseProgress::kMalformed};

struct ReadList {
  std::vector<Endpoint> peers;
  PeerListStep end = PeerListStep::kEnd;
};

ReadList read_list(std::string_view message) {
  ReadList list;
  PeerListReader reader(message);
  Endpoint peer;
  while ((list.end = reader.next(peer)) == PeerListStep::kPeer) list.peers.push_back(peer);
  return list;
}

// ---- Where a message ends ----

TEST(ResponseParser, EndsAMessageAtTheLineFeedIfItsRequestEndedSo) {
  const std::string_view text = "Response 20 P2Pv1\n\nSuccess\n";
  EXPECT_EQ(parse(text, AnswerFraming::kLineFeed), success(text, "Success"));
}

TEST(ResponseParser, EndsAMessageAfterItsLengthIfItsRequestHadOne) {
  const std::string_view text = "Response 20 P2Pv1\nContentLength: 7\n\nSuccess";
  EXPECT_EQ(parse(text, AnswerFraming::kLength), success(text, "Success"));
  const std::string_view empty = "Response 20 P2Pv1\nContentLength: 0\n\n";
  EXPECT_EQ(parse(empty, AnswerFraming::kLength), success(empty, ""));
}

TEST(ResponseParser, EndsABareMessageWithTheStream) {
  const std::string_view text = "Response 20 P2Pv1\n\nSuccess";
  EXPECT_EQ(parse(text, AnswerFraming::kBare), kIncomplete);
  EXPECT_EQ(parse_to_the_end(text, AnswerFraming::kBare), success(text, "Success"));
}

TEST(ResponseParser, LetsAFailureEndWithTheStreamWhateverTheFraming) {
  const std::string_view text = "Response 400 P2Pv1\n\nBad message: request too long";
  for (const AnswerFraming framing : kFramings) {
    EXPECT_EQ(parse(text, framing), kIncomplete);
    EXPECT_EQ(parse_to_the_end(text, framing), success(text, "Bad message: request too long", 400));
  }
}

TEST(ResponseParser, TakesNoSuccessThatWasCutOff) {
  const std::string_view line_feed = "Response 20 P2Pv1\n\n['10.0.0.7:1', '10.0.0.8:2']\n";
  for (std::size_t size = 0; size < line_feed.size(); ++size) {
    EXPECT_EQ(parse_to_the_end(line_feed.substr(0, size), AnswerFraming::kLineFeed), kMalformed);
  }
  const std::string_view length = "Response 200 P2Pv1\nContentLength: 14\n\n['10.0.0.7:1']";
  for (std::size_t size = 0; size < length.size(); ++size) {
    EXPECT_EQ(parse_to_the_end(length.substr(0, size), AnswerFraming::kLength), kMalformed);
  }
  EXPECT_EQ(parse("Response 20 P2Pv1\n\nSuccess", AnswerFraming::kLength), kMalformed);
}

TEST(ResponseParser, TakesNoFailureWithoutItsWholeLength) {
  EXPECT_EQ(parse_to_the_end("Response 400 P2Pv1\nContentLength: 9\n\nBad", AnswerFraming::kLength),
            kMalformed);
}

TEST(ResponseParser, TakesNothingForAResponseFromAStreamThatEndedInItsHead) {
  for (const std::string_view text : {"", "Resp", "Response 400 P2Pv1", "Response 400 P2Pv1\n",
                                      "Response 400 P2Pv1\nTotal: 1\n"}) {
    for (const AnswerFraming framing : kFramings) {
      EXPECT_EQ(parse_to_the_end(text, framing), kMalformed) << text;
    }
  }
}

TEST(ResponseParser, LeavesWhatFollowsToTheNextResponse) {
  const std::string text =
      "Response 20 P2Pv1\n\nSuccess\nResponse 400 P2Pv1\n\nBad message: bad nick\n";
  ResponseParser parser(AnswerFraming::kLineFeed, kBytesMax);
  ASSERT_EQ(parser.advance(text), ResponseProgress::kComplete);
  EXPECT_EQ(parser.response().message, "Success");
  const std::string_view rest = std::string_view(text).substr(parser.length());
  parser.reset();
  ASSERT_EQ(parser.advance(rest), ResponseProgress::kComplete);
  EXPECT_EQ(parser.response().status, 400);
  EXPECT_EQ(parser.response().message, "Bad message: bad nick");
  EXPECT_EQ(parser.length(), rest.size());
}

// ---- Headers ----

TEST(ResponseParser, ReadsCookieAndTotal) {
  const std::string head = "Response 20 P2Pv1\nContentLength: 2\nCookie: ";
  const std::string text = head + std::string(kCookieText) + "\nTotal: 1000000000\n\n[]";
  const Result result = parse(text, AnswerFraming::kLength);
  ASSERT_EQ(result.progress, ResponseProgress::kComplete);
  EXPECT_EQ(result.cookie, parse_cookie(kCookieText));
  EXPECT_EQ(result.total, 1'000'000'000u);
  EXPECT_EQ(result.message, "[]");
}

TEST(ResponseParser, IgnoresHeadersThatItDoesNotKnow) {
  const std::string_view text = "Response 20 P2Pv1\nX-New: a: b\nEmpty: \n\nSuccess\n";
  EXPECT_EQ(parse(text, AnswerFraming::kLineFeed), success(text, "Success"));
}

TEST(ResponseParser, AcceptsAsManyAndAsLongHeadersAsARequestMayHave) {
  std::string text = "Response 20 P2Pv1\n";
  for (std::size_t i = 0; i < limits::kHeadersMax; ++i) {
    text += std::string(limits::kHeaderNameBytesMax, 'n') + ": " +
            std::string(limits::kHeaderValueBytesMax, 'v') + "\n";
  }
  const std::string complete = text + "\nSuccess\n";
  EXPECT_EQ(parse(complete, AnswerFraming::kLineFeed), success(complete, "Success"));
  EXPECT_EQ(parse(text + "a: b\n", AnswerFraming::kLineFeed), kMalformed);
}

// ---- What the server writes ----

TEST(ResponseParser, ReadsWhateverTheServerWrites) {
  for (const std::uint16_t success_code : {std::uint16_t{20}, std::uint16_t{200}}) {
    const TextResponseWriter writer(success_code);
    for (std::size_t i = 0; i < kOutcomes; ++i) {
      for (const AnswerFraming framing : kFramings) {
        ServerResponse response;
        response.outcome = static_cast<Outcome>(i);
        response.framing = framing;
        const bool is_success = response.outcome == Outcome::kSuccess;
        if (is_success) response.cookie = parse_cookie(kCookieText);
        OutputBuffer out;
        writer.write(response, out);
        const Result result = framing == AnswerFraming::kBare
                                  ? parse_to_the_end(out.view(), framing)
                                  : parse(out.view(), framing);
        Result expected = success(out.view(), message_of(response.outcome));
        expected.status =
            is_success ? success_code : static_cast<std::uint16_t>(status_of(response.outcome));
        expected.cookie = response.cookie;
        EXPECT_EQ(result, expected) << out.view();
      }
    }
  }
}

TEST(ResponseParser, ReadsTheListsThatTheServerWrites) {
  const TextResponseWriter writer(20);
  const Endpoint peer{HostAddress::v4(10, 0, 0, 7), 9999};
  for (std::size_t peers = 0; peers <= 3; ++peers) {
    for (const AnswerFraming framing : {AnswerFraming::kLineFeed, AnswerFraming::kLength}) {
      ServerResponse response;
      response.framing = framing;
      response.total = 1'000'000'000;
      OutputBuffer out;
      writer.write_list(response, out, [peers](OutputBuffer& to) {
        for (std::size_t i = 0; i < peers; ++i) to.append("'10.0.0.7:9999', ");
      });
      const Result result = parse(out.view(), framing);
      EXPECT_EQ(result.length, out.size());
      EXPECT_EQ(result.total, 1'000'000'000u);
      const ReadList list = read_list(result.message);
      EXPECT_EQ(list.end, PeerListStep::kEnd);
      EXPECT_EQ(list.peers, std::vector<Endpoint>(peers, peer));
    }
  }
}

// ---- What is no response ----

std::vector<std::string> malformed_texts() {
  return {
      "\n",
      "\r\n",
      "HTTP/1.1 400 Bad Request\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "response 20 P2Pv1\n",
      "Response 20 P2Pv2\n",
      "Response 20 p2pv1\n",
      "Response 20 P2Pv1 \n",
      "Response 20 P2Pv1\r\n",
      "Response P2Pv1\n",
      "Response  P2Pv1\n",
      "Response  20 P2Pv1\n",
      "Response 20  P2Pv1\n",
      "Response 020 P2Pv1\n",
      "Response -20 P2Pv1\n",
      "Response 1000 P2Pv1\n",
      "Response 20x P2Pv1\n",
      " Response 20 P2Pv1\n",
      "Response 20 P2Pv1Response 20 P2Pv1",
      std::string(19, '\0'),
      std::string(19, 'R'),
      "Response 20 P2Pv1\nCookie\n",
      "Response 20 P2Pv1\nCookie:" + std::string(kCookieText) + "\n",
      "Response 20 P2Pv1\nCookie: new\n",
      "Response 20 P2Pv1\nCookie: " + std::string(kCookieText) + "\r\n",
      "Response 20 P2Pv1\n: value\n",
      "Response 20 P2Pv1\nna me: value\n",
      "Response 20 P2Pv1\nname: val\tue\n",
      "Response 20 P2Pv1\nname: \x1B[2J\n",
      "Response 20 P2Pv1\n" + std::string(33, 'n') + ": v\n",
      "Response 20 P2Pv1\nn: " + std::string(257, 'v') + "\n",
      "Response 20 P2Pv1\n" + std::string(291, 'n'),
      "Response 20 P2Pv1\nTotal: 1\nTotal: 1\n",
      "Response 20 P2Pv1\nTotal: -1\n",
      "Response 20 P2Pv1\nTotal: 01\n",
      "Response 20 P2Pv1\nTotal: \n",
      "Response 20 P2Pv1\nTotal: 1000000000000000000\n",
  };
}

TEST(ResponseParser, RefusesWhatIsNoResponse) {
  for (const std::string& text : malformed_texts()) {
    for (const AnswerFraming framing : kFramings) {
      EXPECT_EQ(parse(text, framing), kMalformed) << text;
    }
  }
}

TEST(ResponseParser, RefusesBadLengths) {
  for (const std::string_view length : {"", "x", "-1", "+1", " 1", "1 ", "07", "0x7", "1000000000",
                                        "999999999999999999", "18446744073709551623", "9999"}) {
    const std::string text =
        "Response 20 P2Pv1\nContentLength: " + std::string(length) + "\n\nSuccess";
    EXPECT_EQ(parse(text, AnswerFraming::kLength, 1000), kMalformed) << text;
  }
  EXPECT_EQ(parse("Response 20 P2Pv1\nContentLength: 7\nContentLength: 7\n\nSuccess",
                  AnswerFraming::kLength),
            kMalformed);
}

TEST(ResponseParser, RefusesALengthThatNobodyAskedFor) {
  const std::string_view text = "Response 20 P2Pv1\nContentLength: 7\n\nSuccess\n";
  EXPECT_EQ(parse(text, AnswerFraming::kLineFeed), kMalformed);
  EXPECT_EQ(parse(text, AnswerFraming::kBare), kMalformed);
}

TEST(ResponseParser, RefusesALineFeedInAMessage) {
  EXPECT_EQ(parse("Response 20 P2Pv1\nContentLength: 7\n\nSuc\ness", AnswerFraming::kLength),
            kMalformed);
  EXPECT_EQ(parse("Response 400 P2Pv1\n\nBad\n", AnswerFraming::kLength), kMalformed);
  EXPECT_EQ(parse("Response 20 P2Pv1\n\nSuccess\n", AnswerFraming::kBare), kMalformed);
}

// ---- Bounds ----

TEST(ResponseParser, AcceptsAResponseOfExactlyTheMostBytes) {
  const std::string_view line_feed = "Response 20 P2Pv1\n\nSuccess\n";
  EXPECT_EQ(parse(line_feed, AnswerFraming::kLineFeed, line_feed.size()).progress,
            ResponseProgress::kComplete);
  EXPECT_EQ(parse(line_feed, AnswerFraming::kLineFeed, line_feed.size() - 1), kMalformed);

  const std::string_view length = "Response 20 P2Pv1\nContentLength: 7\n\nSuccess";
  EXPECT_EQ(parse(length, AnswerFraming::kLength, length.size()).progress,
            ResponseProgress::kComplete);
  EXPECT_EQ(parse(length, AnswerFraming::kLength, length.size() - 1), kMalformed);
}

TEST(ResponseParser, RefusesALengthAboveTheMostBytesBeforeTheMessageCame) {
  EXPECT_EQ(parse("Response 20 P2Pv1\nContentLength: 9965\n\n", AnswerFraming::kLength),
            kMalformed);
  EXPECT_EQ(parse("Response 20 P2Pv1\nContentLength: 9900\n\n", AnswerFraming::kLength),
            kIncomplete);
}

TEST(ResponseParser, RefusesAnEndlessMessageAtTheFirstByteTooMany) {
  for (const AnswerFraming framing : {AnswerFraming::kLineFeed, AnswerFraming::kBare}) {
    std::string text = "Response 20 P2Pv1\n\n";
    text.resize(kBytesMax, 'x');
    EXPECT_EQ(parse(text, framing), kIncomplete);
    EXPECT_EQ(parse(text + 'x', framing), kMalformed);
  }
}

TEST(ResponseParser, RefusesAnEndlessLineAtTheFirstByteTooMany) {
  EXPECT_EQ(parse(std::string(18, 'R'), AnswerFraming::kLineFeed), kIncomplete);
  EXPECT_EQ(parse(std::string(19, 'R'), AnswerFraming::kLineFeed), kMalformed);
  const std::string head = "Response 20 P2Pv1\n";
  EXPECT_EQ(parse(head + std::string(290, 'n'), AnswerFraming::kLineFeed), kIncomplete);
  EXPECT_EQ(parse(head + std::string(291, 'n'), AnswerFraming::kLineFeed), kMalformed);
}

// ---- Splits ----

void expect_no_split_to_matter(std::string_view text) {
  for (const AnswerFraming framing : kFramings) {
    const Result whole = parse(text, framing);
    ASSERT_EQ(parse_byte_by_byte(text, framing), whole) << text;
    for (std::size_t first = 0; first <= text.size(); ++first) {
      ASSERT_EQ(parse_in_two(text, first, framing), whole) << first << " of " << text;
    }
  }
}

TEST(ResponseParser, IsTheSameForEverySplit) {
  const std::string cookie = "Cookie: " + std::string(kCookieText) + "\n";
  for (const std::string& text :
       {std::string("Response 20 P2Pv1\n\nSuccess\nResponse 20 P2Pv1\n\nSuccess\n"),
        std::string("Response 200 P2Pv1\nContentLength: 7\n\nSuccessResponse"),
        "Response 20 P2Pv1\nContentLength: 28\n" + cookie +
            "Total: 2\n\n['127.0.0.1:1', '[::1]:3333']",
        std::string("Response 400 P2Pv1\n\nBad message: bad nick"),
        std::string("Response 20 P2Pv1\nContentLength: 10000\n\nSuccess")}) {
    expect_no_split_to_matter(text);
  }
  for (const std::string& text : malformed_texts()) expect_no_split_to_matter(text + "behind it");
}

TEST(ResponseParser, IsTheSameForEverySplitOfResponsesWithBytesChanged) {
  const std::string text = "Response 20 P2Pv1\nContentLength: 7\nTotal: 12\n\nSuccess";
  SampleGenerator random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = text;
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      static constexpr std::string_view kBytes = "\n: 0129RTC\r\x1B\xFF";
      changed[random.below(changed.size())] = kBytes[random.below(kBytes.size())];
    }
    ASSERT_NO_FATAL_FAILURE(expect_no_split_to_matter(changed));
  }
}

// ---- Lists ----

TEST(PeerListReader, ReadsTheAddressesInOrder) {
  const ReadList list = read_list("['127.0.0.1:9999', '[::1]:3333', '127.0.0.1:9999']");
  EXPECT_EQ(list.end, PeerListStep::kEnd);
  ASSERT_EQ(list.peers.size(), 3u);
  EXPECT_EQ(list.peers[0], parse_endpoint("127.0.0.1:9999"));
  EXPECT_EQ(list.peers[1], parse_endpoint("[::1]:3333"));
  EXPECT_EQ(list.peers[2], list.peers[0]);
}

TEST(PeerListReader, ReadsAnEmptyList) {
  const ReadList list = read_list("[]");
  EXPECT_EQ(list.end, PeerListStep::kEnd);
  EXPECT_TRUE(list.peers.empty());
}

TEST(PeerListReader, RefusesWhatIsNoList) {
  for (const std::string_view message : {"",
                                         "[",
                                         "]",
                                         "Success",
                                         " []",
                                         "[] ",
                                         "[ ]",
                                         "[]]",
                                         "['']",
                                         "['127.0.0.1:1'",
                                         "['127.0.0.1:1]",
                                         "[127.0.0.1:1]",
                                         "['127.0.0.1:1',]",
                                         "['127.0.0.1:1', ]",
                                         "['127.0.0.1:1','127.0.0.1:2']",
                                         "['127.0.0.1:1',  '127.0.0.1:2']",
                                         "['127.0.0.1:1'  , '127.0.0.1:2']",
                                         "[, '127.0.0.1:1']",
                                         "['127.0.0.1:1'] ",
                                         "[\"127.0.0.1:1\"]",
                                         "['127.0.0.1:0']",
                                         "['127.0.0.1:65536']",
                                         "['127.0.0.1']",
                                         "['localhost:1']",
                                         "['::1:1']",
                                         "['127.0.0.1:1''127.0.0.1:2']",
                                         "['127.0.0.1:1\n']"}) {
    EXPECT_EQ(read_list(message).end, PeerListStep::kMalformed) << message;
  }
}

TEST(PeerListReader, StaysAtItsEnd) {
  Endpoint peer;
  PeerListReader list("[]");
  EXPECT_EQ(list.next(peer), PeerListStep::kEnd);
  EXPECT_EQ(list.next(peer), PeerListStep::kEnd);
  PeerListReader nonsense("['127.0.0.1:1', nonsense, '127.0.0.1:2']");
  EXPECT_EQ(nonsense.next(peer), PeerListStep::kPeer);
  EXPECT_EQ(nonsense.next(peer), PeerListStep::kMalformed);
  EXPECT_EQ(nonsense.next(peer), PeerListStep::kMalformed);
}

}  // namespace
}  // namespace rollcall::engine
