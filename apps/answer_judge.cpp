#include "apps/answer_judge.h"

#include <algorithm>
#include <utility>

#include "apps/load_failure.h"

namespace rollcall::apps {
namespace {

using engine::Method;

constexpr std::string_view kSuccess200 = "Response 200 P2Pv1\n\nSuccess\n";
// Of Redis and memcached, whose answers to changes are single lines.
constexpr std::size_t kLineBytesMax = 4096;
static_assert(kLineBytesMax <= kLoadAnswerBytesMax);
constexpr std::uint64_t kListsPerFullCheck = 16;
constexpr std::size_t kQuotedBytesMax = 100;

[[noreturn]] void refuse(std::string_view protocol, std::string_view text) {
  throw LoadFailure("the server does not speak " + std::string(protocol) + ": " +
                    std::string(text.substr(0, 60)));
}

// An answer of Redis begins with its type, one of memcached with a word in capitals.
bool begins_line(LoadProtocol protocol, char first) {
  if (protocol == LoadProtocol::kRedis) return first == '+' || first == '-' || first == ':';
  return first >= 'A' && first <= 'Z';
}

}  // namespace

AnswerJudge::AnswerJudge(LoadProtocol protocol, std::uint16_t limit)
    : protocol_(protocol), limit_(limit) {
  for (std::size_t i = 0; i < right_.size(); ++i) {
    right_[i] = right_answer(protocol, static_cast<Method>(i));
  }
}

std::size_t AnswerJudge::take_other(std::string_view text, Method method) {
  if (text.empty()) return 0;
  switch (protocol_) {
    case LoadProtocol::kRollcall:
    case LoadProtocol::kLines:
      return take_response(text, method);
    case LoadProtocol::kRedis:
    case LoadProtocol::kMemcached:
      return take_line(text);
  }
  __builtin_unreachable();
}

std::size_t AnswerJudge::take_response(std::string_view text, Method method) {
  if (method != Method::kPQuery && text.starts_with(kSuccess200)) return kSuccess200.size();

  engine::ResponseParser parser(engine::AnswerFraming::kLineFeed, kLoadAnswerBytesMax);
  switch (parser.advance(text)) {
    case engine::ResponseProgress::kIncomplete:
      return 0;
    case engine::ResponseProgress::kMalformed:
      refuse("P2Pv1", text);
    case engine::ResponseProgress::kComplete:
      break;
  }
  const engine::Response& response = parser.response();
  if (!is_right(response, method)) {
    count_wrong(std::to_string(response.status) + ' ' +
                std::string(response.message.substr(0, kQuotedBytesMax)));
  }
  return parser.length();
}

// The right ones are not read here, so every line is a wrong answer.
std::size_t AnswerJudge::take_line(std::string_view text) {
  const std::string_view protocol = load_protocol_name(protocol_);
  if (!begins_line(protocol_, text.front())) refuse(protocol, text);
  const std::size_t length = text.substr(0, kLineBytesMax).find("\r\n");
  if (length == std::string_view::npos) {
    if (text.size() >= kLineBytesMax) refuse(protocol, text);
    return 0;
  }
  count_wrong(std::string(text.substr(0, std::min(length, kQuotedBytesMax))));
  return length + 2;
}

bool AnswerJudge::is_right(const engine::Response& response, Method method) {
  if (!response.is_success()) return false;
  return method == Method::kPQuery ? is_right_list(response) : response.message == "Success";
}

// The asker itself is active, so no list is empty.
bool AnswerJudge::is_right_list(const engine::Response& response) {
  if (protocol_ == LoadProtocol::kLines) return true;
  const std::string_view list = response.message;
  if (!list.starts_with("['") || !list.ends_with("']")) return false;
  if (response.total.has_value() != (limit_ != 0)) return false;
  if (lists_++ % kListsPerFullCheck != 0) return true;

  engine::PeerListReader reader(list);
  engine::Endpoint peer;
  std::size_t peers = 0;
  engine::PeerListStep step = reader.next(peer);
  for (; step == engine::PeerListStep::kPeer; step = reader.next(peer)) ++peers;
  return step == engine::PeerListStep::kEnd && (limit_ == 0 || peers <= limit_);
}

void AnswerJudge::count_wrong(std::string answer) {
  if (++wrong_answers_ == 1) first_wrong_answer_ = std::move(answer);
}

}  // namespace rollcall::apps
