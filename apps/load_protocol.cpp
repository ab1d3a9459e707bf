#include "apps/load_protocol.h"

#include <array>
#include <initializer_list>

#include "apps/request_text.h"
#include "engine/assert.h"

namespace rollcall::apps {
namespace {

using engine::Method;

constexpr std::array<std::string_view, 4> kNames = {"rollcall", "lines", "redis", "memcached"};
constexpr std::string_view kLeaseSeconds = "7200";

// An array of strings, as Redis wants its commands.
void append_resp(std::initializer_list<std::string_view> words, std::string& to) {
  to.append("*").append(std::to_string(words.size())).append("\r\n");
  for (const std::string_view word : words) {
    to.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
  }
}

void append_redis(const engine::Request& request, std::string& to) {
  switch (request.method) {
    case Method::kRegister:
      return append_resp({"SET", request.nick, std::to_string(request.port), "EX", kLeaseSeconds},
                         to);
    case Method::kKeepAlive:
      return append_resp({"EXPIRE", request.nick, kLeaseSeconds}, to);
    case Method::kLeave:
      return append_resp({"DEL", request.nick}, to);
    case Method::kPQuery:
      break;
  }
  ROLLCALL_ASSERT(!"Redis has no lists of peers");
}

void append_words(std::initializer_list<std::string_view> words, std::string& to) {
  std::string_view before;
  for (const std::string_view word : words) {
    to.append(before).append(word);
    before = " ";
  }
  to.append("\r\n");
}

void append_memcached(const engine::Request& request, std::string& to) {
  switch (request.method) {
    case Method::kRegister: {
      const std::string port = std::to_string(request.port);
      append_words({"set", request.nick, "0", kLeaseSeconds, std::to_string(port.size())}, to);
      to.append(port).append("\r\n");
      return;
    }
    case Method::kKeepAlive:
      return append_words({"touch", request.nick, kLeaseSeconds}, to);
    case Method::kLeave:
      return append_words({"delete", request.nick}, to);
    case Method::kPQuery:
      break;
  }
  ROLLCALL_ASSERT(!"memcached has no lists of peers");
}

// By method: Register, Leave, KeepAlive, PQuery.
using Answers = std::array<std::string_view, 4>;

constexpr Answers kRollcallAnswers = {"Response 20 P2Pv1\n\nSuccess\n",
                                      "Response 20 P2Pv1\n\nSuccess\n",
                                      "Response 20 P2Pv1\n\nSuccess\n", ""};
constexpr Answers kRedisAnswers = {"+OK\r\n", ":1\r\n", ":1\r\n", ""};
constexpr Answers kMemcachedAnswers = {"STORED\r\n", "DELETED\r\n", "TOUCHED\r\n", ""};
static_assert(static_cast<int>(Method::kRegister) == 0 && static_cast<int>(Method::kLeave) == 1 &&
              static_cast<int>(Method::kKeepAlive) == 2 && static_cast<int>(Method::kPQuery) == 3);

const Answers& answers_of(LoadProtocol protocol) {
  switch (protocol) {
    case LoadProtocol::kRollcall:
    case LoadProtocol::kLines:
      return kRollcallAnswers;
    case LoadProtocol::kRedis:
      return kRedisAnswers;
    case LoadProtocol::kMemcached:
      return kMemcachedAnswers;
  }
  __builtin_unreachable();
}

}  // namespace

std::optional<LoadProtocol> load_protocol_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LoadProtocol>(i);
  }
  return std::nullopt;
}

std::string_view load_protocol_name(LoadProtocol protocol) {
  return kNames[static_cast<std::size_t>(protocol)];
}

bool has_lists(LoadProtocol protocol) {
  return protocol == LoadProtocol::kRollcall || protocol == LoadProtocol::kLines;
}

void append_load_request(LoadProtocol protocol, const engine::Request& request, std::string& to) {
  switch (protocol) {
    case LoadProtocol::kRollcall:
    case LoadProtocol::kLines:
      return append_request_text(request, engine::AnswerFraming::kLineFeed, to);
    case LoadProtocol::kRedis:
      return append_redis(request, to);
    case LoadProtocol::kMemcached:
      return append_memcached(request, to);
  }
}

std::string_view right_answer(LoadProtocol protocol, engine::Method method) {
  return answers_of(protocol)[static_cast<std::size_t>(method)];
}

}  // namespace rollcall::apps
