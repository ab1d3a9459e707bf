#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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
  void write(const ServerResponse& response, OutputBuffer& out) const;

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
  void write_head(const ServerResponse& response, OutputBuffer& out) const;
  void finish(const ServerResponse& response, std::size_t before, std::size_t message_start,
              OutputBuffer& out) const;

  struct Text {
    std::string first_line;
    std::string whole;  // with a line feed at its end
  };
  std::array<Text, kOutcomes> texts_;
};

}  // namespace rollcall::engine
