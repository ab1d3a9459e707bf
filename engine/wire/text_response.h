#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "engine/cookie.h"
#include "engine/outcome.h"
#include "engine/output_buffer.h"
#include "engine/wire/request.h"

namespace rollcall::engine {

// What the server answers, before a dialect renders it. The message of a PQuery that succeeded is
// the list of peers; any other is `message_of(outcome)`.
struct ServerResponse {
  Outcome outcome = Outcome::kSuccess;
  AnswerFraming framing = AnswerFraming::kBare;
  // Headers. Both only on success, and only where the request asked for them.
  std::optional<Cookie> cookie;
  std::optional<std::size_t> total;
};

// Renders responses in the text dialect:
//
//   Response <status> P2Pv1\n
//   ContentLength: <bytes of the message>\n      where the answer is framed by length
//   Cookie: <32 digits>\n
//   Total: <number>\n
//   \n
//   <message>                                    and \n where it is framed by line feed
class TextResponseWriter {
 public:
  // `success_code` is written as the status of success: 20 or 200.
  explicit TextResponseWriter(std::uint16_t success_code);

  // A response with its outcome's message.
  void write(const ServerResponse& response, OutputBuffer& out) const {
    const bool has_headers = response.framing == AnswerFraming::kLength ||
                             response.cookie.has_value() || response.total.has_value();
    if (has_headers) return write_with_headers(response, out);
    const Text& text = texts_[static_cast<std::size_t>(response.outcome)];
    // All of the array, because a copy of constant length is a few instructions.
    std::memcpy(out.prepare(sizeof text.text), text.text.data(), sizeof text.text);
    out.commit(response.framing == AnswerFraming::kBare ? text.bytes - std::size_t{1} : text.bytes);
  }

  // A successful response whose message is a list. `append_peers` appends `'address', ` for each
  // peer to `out`.
  template <typename AppendPeers>
  void write_list(const ServerResponse& response, OutputBuffer& out,
                  AppendPeers append_peers) const {
    const std::size_t before = out.size();
    write_head(response, out);
    const std::size_t message_start = out.size();
    out.append("[");
    append_peers(out);
    if (out.size() > message_start + 1) out.drop_back(std::string_view(", ").size());
    out.append("]");
    finish(response, before, message_start, out);
  }

 private:
  void write_with_headers(const ServerResponse& response, OutputBuffer& out) const;
  void write_head(const ServerResponse& response, OutputBuffer& out) const;
  void finish(const ServerResponse& response, std::size_t before, std::size_t message_start,
              OutputBuffer& out) const;

  // A whole answer with a line feed at its end, which begins with its first line.
  struct Text {
    std::array<char, 80> text;
    std::uint8_t first_line_bytes;
    std::uint8_t bytes;
    std::string_view first_line() const { return {text.data(), first_line_bytes}; }
  };
  std::array<Text, kOutcomes> texts_;
};

}  // namespace rollcall::engine
