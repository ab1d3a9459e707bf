#include "engine/wire/text_response.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/allocation_counter.h"

namespace rollcall::engine {
namespace {

Cookie some_cookie() {
  Cookie cookie;
  for (std::size_t i = 0; i < cookie.bytes.size(); ++i) {
    cookie.bytes[i] = static_cast<std::uint8_t>(i * 17);
  }
  return cookie;
}
constexpr std::string_view kCookieText = "00112233445566778899aabbccddeeff";

class TextResponseTest : public testing::Test {
 protected:
  std::string written(const ServerResponse& response) {
    OutputBuffer out;
    writer_.write(response, out);
    return std::string(out.view());
  }
  std::string written_list(const ServerResponse& response, std::string_view peers) {
    OutputBuffer out;
    writer_.write_list(response, out, [&](OutputBuffer& list) { list.append(peers); });
    return std::string(out.view());
  }

  TextResponseWriter writer_{20};
};

TEST_F(TextResponseTest, IsFramedTheWayItsRequestWas) {
  EXPECT_EQ(written({.framing = AnswerFraming::kBare}), "Response 20 P2Pv1\n\nSuccess");
  EXPECT_EQ(written({.framing = AnswerFraming::kLineFeed}), "Response 20 P2Pv1\n\nSuccess\n");
  EXPECT_EQ(written({.framing = AnswerFraming::kLength}),
            "Response 20 P2Pv1\nContentLength: 7\n\nSuccess");
}

TEST_F(TextResponseTest, HasTheStatusAndMessageOfItsOutcome) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const std::string status = std::to_string(static_cast<int>(status_of(outcome)));
    const std::string message(message_of(outcome));
    EXPECT_EQ(written({outcome, AnswerFraming::kBare}),
              "Response " + status + " P2Pv1\n\n" + message);
    EXPECT_EQ(written({outcome, AnswerFraming::kLength}),
              "Response " + status + " P2Pv1\nContentLength: " + std::to_string(message.size()) +
                  "\n\n" + message);
  }
}

TEST_F(TextResponseTest, SaysSuccessAsItIsTold) {
  const TextResponseWriter writer(200);
  OutputBuffer out;
  writer.write({.framing = AnswerFraming::kLineFeed}, out);
  writer.write({Outcome::kBadNick, AnswerFraming::kLineFeed}, out);
  EXPECT_EQ(out.view(),
            "Response 200 P2Pv1\n\nSuccess\nResponse 400 P2Pv1\n\nBad message: bad nick\n");
}

TEST_F(TextResponseTest, HasItsHeadersInTheOrderContentLengthCookieTotal) {
  ServerResponse response;
  response.cookie = some_cookie();
  EXPECT_EQ(written(response),
            "Response 20 P2Pv1\nCookie: " + std::string(kCookieText) + "\n\nSuccess");
  response.total = 17;
  response.framing = AnswerFraming::kLineFeed;
  EXPECT_EQ(written(response),
            "Response 20 P2Pv1\nCookie: " + std::string(kCookieText) + "\nTotal: 17\n\nSuccess\n");
  response.framing = AnswerFraming::kLength;
  EXPECT_EQ(written(response), "Response 20 P2Pv1\nContentLength: 7\nCookie: " +
                                   std::string(kCookieText) + "\nTotal: 17\n\nSuccess");
}

TEST_F(TextResponseTest, PutsPeersInBracketsWithoutTheLastComma) {
  EXPECT_EQ(written_list({}, ""), "Response 20 P2Pv1\n\n[]");
  EXPECT_EQ(written_list({}, "'10.0.0.7:9999', "), "Response 20 P2Pv1\n\n['10.0.0.7:9999']");
  EXPECT_EQ(written_list({.framing = AnswerFraming::kLineFeed}, "'[::1]:1', '[::1]:2', "),
            "Response 20 P2Pv1\n\n['[::1]:1', '[::1]:2']\n");
}

TEST_F(TextResponseTest, CountsTheListWhereItIsFramedByLength) {
  EXPECT_EQ(written_list({.framing = AnswerFraming::kLength, .total = 0}, ""),
            "Response 20 P2Pv1\nContentLength: 2\nTotal: 0\n\n[]");
  const std::string peers(100'002, 'p');
  EXPECT_EQ(written_list({.framing = AnswerFraming::kLength, .total = 5}, peers),
            "Response 20 P2Pv1\nContentLength: 100002\nTotal: 5\n\n[" +
                peers.substr(0, peers.size() - 2) + "]");
}

TEST_F(TextResponseTest, LeavesWhatWaitsBeforeItAlone) {
  OutputBuffer out;
  writer_.write({.framing = AnswerFraming::kLineFeed}, out);
  const std::string before(out.view());
  writer_.write_list({.framing = AnswerFraming::kLength, .total = 1}, out,
                     [](OutputBuffer& list) { list.append("'10.0.0.7:9999', "); });
  EXPECT_EQ(out.view(), before +
                            "Response 20 P2Pv1\nContentLength: 17\nTotal: 1\n\n"
                            "['10.0.0.7:9999']");
}

TEST_F(TextResponseTest, AllocatesNothingInABufferThatIsLargeEnough) {
  OutputBuffer out;
  out.prepare(4096);
  ServerResponse response{.framing = AnswerFraming::kLength, .total = 1000};
  response.cookie = some_cookie();
  const tests::AllocationCounter allocations;
  writer_.write({Outcome::kBadNick, AnswerFraming::kBare}, out);
  writer_.write(response, out);
  writer_.write_list(response, out, [](OutputBuffer& list) { list.append("'10.0.0.7:9999', "); });
  EXPECT_EQ(allocations.count(), 0u);
}

}  // namespace
}  // namespace rollcall::engine
