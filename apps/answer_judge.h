#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "apps/load_protocol.h"
#include "engine/limits.h"
#include "engine/wire/request.h"
#include "engine/wire/response_parser.h"

namespace rollcall::apps {

// The longest answer in any protocol: the longest list that any server may be told to answer with,
// and a head.
inline constexpr std::size_t kLoadAnswerBytesMax =
    engine::limits::kAnswerPeersMax * engine::limits::kPeerTextBytesMax + 4096;

// Reads what a server answers, and tells right answers from wrong ones. A right one to Register,
// KeepAlive and Leave is always the same, so that it takes one comparison. Of every list the
// outside is looked at, and of one in 16 every address: reading them all would measure this
// program.
class AnswerJudge {
 public:
  // `limit` is that of every PQuery, 0 for none.
  AnswerJudge(LoadProtocol protocol, std::uint16_t limit);

  // Judges the answer to a request of this method at the beginning of `text` and returns its
  // length; 0 if it is not all there. Throws LoadFailure if it is no answer in this protocol.
  std::size_t take(std::string_view text, engine::Method method) {
    const std::string_view right = right_[static_cast<std::size_t>(method)];
    if (!right.empty() && text.starts_with(right)) return right.size();
    return take_other(text, method);
  }

  std::uint64_t wrong_answers() const { return wrong_answers_; }
  // As the server sent it, its beginning at least; empty if none was wrong.
  const std::string& first_wrong_answer() const { return first_wrong_answer_; }

 private:
  std::size_t take_other(std::string_view text, engine::Method method);
  std::size_t take_response(std::string_view text, engine::Method method);
  std::size_t take_line(std::string_view text);
  bool is_right(const engine::Response& response, engine::Method method);
  bool is_right_list(const engine::Response& response);
  void count_wrong(std::string answer);

  LoadProtocol protocol_;
  std::uint16_t limit_;
  std::array<std::string_view, 4> right_{};  // by method
  std::uint64_t lists_ = 0;
  std::uint64_t wrong_answers_ = 0;
  std::string first_wrong_answer_;
};

}  // namespace rollcall::apps
