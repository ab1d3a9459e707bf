#include "tests/sim/script.h"

#include <array>

namespace rollcall::sim {

using engine::AnswerFraming;
using engine::Cookie;
using engine::CookieHeader;
using engine::Method;
using engine::Outcome;
using engine::SampleGenerator;

namespace {

//                name         reg keep leave query mistake own cookie max original roams
constexpr std::array<Script, kClients> kScripts = {{
    {"peer", 4, 8, 1, 1, 0, 95, 10, 16, false, false},
    {"newcomer", 6, 2, 4, 1, 0, 90, 10, 12, false, false},
    {"flooder", 3, 6, 2, 2, 0, 50, 5, 64, false, false},
    {"original", 3, 3, 1, 2, 0, 90, 0, 1, true, false},
    {"thief", 3, 3, 4, 1, 1, 10, 40, 12, false, false},
    {"lurker", 1, 1, 0, 6, 0, 80, 10, 12, false, false},
    {"traveller", 4, 6, 2, 1, 0, 90, 90, 12, false, true},
    {"blunderer", 3, 3, 2, 1, 2, 80, 20, 8, false, false},
}};

// A cookie that a client brings.
Cookie own_cookie(std::size_t nick) {
  Cookie cookie;
  cookie.bytes.fill(static_cast<std::uint8_t>(0xC0 + nick));
  return cookie;
}

Method draw_method(const Script& script, SampleGenerator& random) {
  std::uint64_t at =
      random.below(script.registers + script.keeps_alive + script.leaves + script.queries);
  if (at < script.registers) return Method::kRegister;
  at -= script.registers;
  if (at < script.keeps_alive) return Method::kKeepAlive;
  return at - script.keeps_alive < script.leaves ? Method::kLeave : Method::kPQuery;
}

void draw_cookie(SentRequest& request, SampleGenerator& random, const Oracle& oracle) {
  const auto& known = oracle.cookie_of(request.nick);
  request.cookie_header = CookieHeader::kShown;
  switch (random.below(8)) {
    case 0:
      // Nearly right.
      request.cookie.bytes = known.value_or(own_cookie(request.nick).bytes);
      request.cookie.bytes.back() ^= 1;
      return;
    case 1:
    case 2:
      request.cookie = own_cookie(request.nick);
      return;
    case 3:
      if (request.method == Method::kRegister) request.cookie_header = CookieHeader::kNew;
      request.cookie = own_cookie(request.nick);
      return;
    default:
      request.cookie.bytes = known.value_or(own_cookie(request.nick).bytes);
      return;
  }
}

SentRequest draw_mistake(SampleGenerator& random, std::string& text) {
  struct Mistake {
    std::string_view text;
    Outcome refusal;
    AnswerFraming framing;
    bool closes;
  };
  constexpr std::array kMistakes = std::to_array<Mistake>({
      {"Register P2Pv1\n\nn00\n+80\n", Outcome::kBadPort, AnswerFraming::kLineFeed, false},
      {"Leave P2Pv1\nContentLength: 1\n\n\t", Outcome::kBadNick, AnswerFraming::kLength, false},
      {"Register P2Pv1\nContentLength: 3\n\nn00", Outcome::kMissingLine, AnswerFraming::kLength,
       false},
      {"PQuery P2Pv1\nLimit: 0\n\nn00\n", Outcome::kBadLimit, AnswerFraming::kLineFeed, false},
      {"KeepAlive P2Pv1\nCookie: C0\n\nn00\n", Outcome::kBadCookie, AnswerFraming::kLineFeed,
       false},
      {"Other P2Pv1\nContentLength: 2\n\nab", Outcome::kMethodNotAllowed, AnswerFraming::kLength,
       false},
      {"Other P2Pv1\n\n", Outcome::kMethodNotAllowed, AnswerFraming::kBare, true},
      {"Leave\n", Outcome::kMalformedFirstLine, AnswerFraming::kBare, true},
      {"Leave P2Pv1\nContentLength: 01\n\n", Outcome::kBadContentLength, AnswerFraming::kBare,
       true},
  });
  const Mistake& mistake = kMistakes[random.below(kMistakes.size())];
  text += mistake.text;
  SentRequest request;
  request.refusal = mistake.refusal;
  request.framing = mistake.framing;
  request.closes = mistake.closes;
  return request;
}

}  // namespace

const Script& script_of(std::size_t client) { return kScripts[client]; }

SentRequest draw_request(std::size_t client, SampleGenerator& random, Oracle& oracle,
                         std::string& text) {
  const Script& script = script_of(client);
  if (random.below(20) < script.mistakes) return draw_mistake(random, text);
  SentRequest request;
  request.method = draw_method(script, random);
  request.nick = random.below(kNicks);
  if (random.below(100) < script.own_percent) {
    request.nick = request.nick / kClients * kClients + client;
  }
  if (request.method == Method::kRegister) request.port = oracle.next_port(request.nick);
  if (request.method == Method::kPQuery && random.below(4) == 0) {
    request.limit = static_cast<std::uint16_t>(1 + random.below(8));
  }
  if (random.below(100) < script.cookie_percent) draw_cookie(request, random, oracle);
  if (script.is_original) {
    request.framing = AnswerFraming::kBare;
  } else if (random.below(4) == 0) {
    request.framing = AnswerFraming::kLength;
  }
  write(request, text);
  return request;
}

}  // namespace rollcall::sim
