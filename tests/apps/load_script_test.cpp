#include "apps/load_script.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/wire/fields.h"
#include "engine/wire/text_request.h"

namespace rollcall::apps {
namespace {

using engine::Method;

LoadOptions options_of(LoadMix mix) {
  LoadOptions options;
  options.mix = mix;
  return options;
}

engine::Message parse(std::string_view text) {
  engine::TextRequestParser parser;
  engine::Message message;
  EXPECT_TRUE(parser.advance(text, message)) << text;
  EXPECT_EQ(message.bytes, text.size());
  EXPECT_EQ(message.outcome, engine::Outcome::kSuccess) << text;
  EXPECT_EQ(message.framing, engine::AnswerFraming::kLineFeed);
  return message;
}

TEST(LoadScript, NicksHaveTheLengthThatWasAskedForAndAreAllDifferent) {
  LoadOptions options;
  for (const std::size_t bytes : {5u, 13u, 255u}) {
    options.nick_bytes = bytes;
    std::set<std::string> nicks;
    for (std::size_t connection = 0; connection < 12; ++connection) {
      for (std::size_t peer = 0; peer < 100; ++peer) {
        const std::string nick = load_nick(connection, peer, options);
        EXPECT_EQ(nick.size(), bytes);
        EXPECT_TRUE(engine::is_valid_nick(nick));
        nicks.insert(nick);
      }
    }
    EXPECT_EQ(nicks.size(), 1200u);
  }
  options.nick_bytes = 13;
  EXPECT_EQ(load_nick(12, 42, options), "12-0000000042");
}

TEST(LoadScript, PortsAreAlwaysValid) {
  for (std::size_t peer = 0; peer < 200'000; ++peer) ASSERT_GE(load_port(peer), 1024);
}

TEST(LoadScript, RegistersEachPeerOnce) {
  const LoadScript script = registration_script({3, 50}, LoadOptions());
  ASSERT_EQ(script.size(), 50u);
  std::set<std::string> nicks;
  for (std::size_t i = 0; i < script.size(); ++i) {
    const engine::Message message = parse(script.text(i, i + 1));
    EXPECT_EQ(message.request.method, Method::kRegister);
    EXPECT_EQ(script.method(i), Method::kRegister);
    nicks.emplace(message.request.nick);
  }
  EXPECT_EQ(nicks.size(), 50u);
}

TEST(LoadScript, ARunOfRequestsIsOneTextWithoutGaps) {
  const LoadScript script = registration_script({0, 10}, LoadOptions());
  std::string joined;
  for (std::size_t i = 2; i < 7; ++i) joined += script.text(i, i + 1);
  EXPECT_EQ(script.text(2, 7), joined);
  EXPECT_EQ(script.text(4, 4), "");
}

TEST(LoadScript, OfAMixNeverAsksAboutAPeerThatLeftAndEndsWithAllOfThemRegistered) {
  for (const LoadMix mix : {LoadMix{{1, 1, 1, 1}}, LoadMix{{0, 1, 0, 0}}, LoadMix{{0, 5, 1, 1}}}) {
    const LoadScript script = mix_script({0, 20}, 5000, 1, options_of(mix));
    std::map<std::string, bool, std::less<>> has_left;
    for (std::size_t i = 0; i < script.size(); ++i) {
      const engine::Message message = parse(script.text(i, i + 1));
      EXPECT_EQ(script.method(i), message.request.method);
      bool& left = has_left[std::string(message.request.nick)];
      EXPECT_TRUE(!left || message.request.method == Method::kRegister);
      left = message.request.method == Method::kLeave;
    }
    EXPECT_EQ(has_left.size(), 20u);
    for (const auto& [nick, left] : has_left) EXPECT_FALSE(left) << nick;
  }
}

TEST(LoadScript, OfAMixHasTheMethodsInProportion) {
  const LoadScript script = mix_script({0, 1000}, 100'000, 1, options_of({{1, 0, 6, 3}}));
  std::array<double, 4> part{};
  for (std::size_t i = 0; i < script.size(); ++i) {
    part[static_cast<std::size_t>(script.method(i))] += 1.0 / static_cast<double>(script.size());
  }
  EXPECT_NEAR(part[static_cast<std::size_t>(Method::kRegister)], 0.1, 0.01);
  EXPECT_EQ(part[static_cast<std::size_t>(Method::kLeave)], 0);
  EXPECT_NEAR(part[static_cast<std::size_t>(Method::kKeepAlive)], 0.6, 0.01);
  EXPECT_NEAR(part[static_cast<std::size_t>(Method::kPQuery)], 0.3, 0.01);
}

TEST(LoadScript, IsTheSameForTheSameSeed) {
  const LoadOptions options = options_of({{1, 1, 1, 1}});
  const LoadScript first = mix_script({0, 20}, 1000, 7, options);
  const LoadScript again = mix_script({0, 20}, 1000, 7, options);
  EXPECT_EQ(first.text(0, first.size()), again.text(0, again.size()));
}

}  // namespace
}  // namespace rollcall::apps
