#include "apps/request_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "engine/wire/fields.h"
#include "engine/wire/text_request.h"

namespace rollcall::apps {
namespace {

using engine::AnswerFraming;
using engine::CookieHeader;
using engine::Method;
using engine::Request;

constexpr std::string_view kCookie = "00112233445566778899aabbccddeeff";

Request request(Method method, CookieHeader cookie_header = CookieHeader::kAbsent) {
  Request request;
  request.method = method;
  request.nick = "alice";
  if (method == Method::kRegister) request.port = 4000;
  request.cookie_header = cookie_header;
  if (cookie_header == CookieHeader::kShown) request.cookie = *engine::parse_cookie(kCookie);
  return request;
}

TEST(RequestText, EndsAsItsFramingSays) {
  EXPECT_EQ(request_text(request(Method::kRegister), AnswerFraming::kBare),
            "Register P2Pv1\n\nalice\n4000");
  EXPECT_EQ(request_text(request(Method::kRegister), AnswerFraming::kLineFeed),
            "Register P2Pv1\n\nalice\n4000\n");
  EXPECT_EQ(request_text(request(Method::kRegister), AnswerFraming::kLength),
            "Register P2Pv1\nContentLength: 10\n\nalice\n4000");
  EXPECT_EQ(request_text(request(Method::kLeave), AnswerFraming::kLength),
            "Leave P2Pv1\nContentLength: 5\n\nalice");
}

TEST(RequestText, HasTheHeadersOfTheRequest) {
  EXPECT_EQ(request_text(request(Method::kRegister, CookieHeader::kNew), AnswerFraming::kLineFeed),
            "Register P2Pv1\nCookie: new\n\nalice\n4000\n");
  Request query = request(Method::kPQuery, CookieHeader::kShown);
  query.limit = 1000;
  EXPECT_EQ(request_text(query, AnswerFraming::kLineFeed),
            "PQuery P2Pv1\nCookie: " + std::string(kCookie) + "\nLimit: 1000\n\nalice\n");
}

TEST(RequestText, SaysToTheServerWhatTheRequestSays) {
  for (const Method method :
       {Method::kRegister, Method::kLeave, Method::kKeepAlive, Method::kPQuery}) {
    for (const CookieHeader cookie : {CookieHeader::kAbsent, CookieHeader::kShown}) {
      for (const AnswerFraming framing : {AnswerFraming::kLineFeed, AnswerFraming::kLength}) {
        Request sent = request(method, cookie);
        if (method == Method::kPQuery) sent.limit = 7;
        const std::string text = request_text(sent, framing);
        engine::TextRequestParser parser;
        engine::Message message;
        ASSERT_TRUE(parser.advance(text, message)) << text;
        EXPECT_EQ(message.bytes, text.size());
        EXPECT_EQ(message.outcome, engine::Outcome::kSuccess);
        EXPECT_EQ(message.framing, framing);
        EXPECT_EQ(message.request.method, sent.method);
        EXPECT_EQ(message.request.nick, sent.nick);
        EXPECT_EQ(message.request.port, sent.port);
        EXPECT_EQ(message.request.limit, sent.limit);
        EXPECT_EQ(message.request.cookie_header, sent.cookie_header);
        EXPECT_EQ(message.request.cookie, sent.cookie);
      }
    }
  }
}

}  // namespace
}  // namespace rollcall::apps
