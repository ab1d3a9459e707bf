#include "engine/wire/text_response.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "engine/assert.h"
#include "engine/wire/fields.h"

namespace rollcall::engine {
namespace {

// `Total: 17\n`, for example.
class NumberHeader {
 public:
  NumberHeader(std::string_view name, std::size_t number) {
    char* end = std::copy(name.begin(), name.end(), text_);
    end = std::copy_n(": ", 2, end);
    end = std::to_chars(end, text_ + sizeof text_, number).ptr;
    *end++ = '\n';
    bytes_ = static_cast<std::size_t>(end - text_);
  }
  std::string_view text() const { return {text_, bytes_}; }

 private:
  char text_[48];
  std::size_t bytes_;
};

}  // namespace

TextResponseWriter::TextResponseWriter(std::uint16_t success_code) : texts_{} {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const unsigned code =
        outcome == Outcome::kSuccess ? success_code : static_cast<unsigned>(status_of(outcome));
    std::string whole = "Response " + std::to_string(code) + " P2Pv1\n";
    const std::size_t first_line_bytes = whole.size();
    whole.append("\n").append(message_of(outcome)).append("\n");
    Text& text = texts_[i];
    ROLLCALL_ASSERT(whole.size() <= text.text.size());
    std::ranges::copy(whole, text.text.begin());
    text.first_line_bytes = static_cast<std::uint8_t>(first_line_bytes);
    text.bytes = static_cast<std::uint8_t>(whole.size());
  }
}

void TextResponseWriter::write_with_headers(const ServerResponse& response,
                                            OutputBuffer& out) const {
  const std::string_view message = message_of(response.outcome);
  const std::size_t before = out.size();
  write_head(response, out);
  const std::size_t message_start = out.size();
  out.append(message);
  finish(response, before, message_start, out);
}

// Everything before the message, except ContentLength, which `finish` adds.
void TextResponseWriter::write_head(const ServerResponse& response, OutputBuffer& out) const {
  out.append(texts_[static_cast<std::size_t>(response.outcome)].first_line());
  if (response.cookie.has_value()) {
    char digits[kCookieTextBytes];
    write_cookie(*response.cookie, digits);
    out.append("Cookie: ");
    out.append({digits, sizeof digits});
    out.append("\n");
  }
  if (response.total.has_value()) {
    out.append(NumberHeader("Total", *response.total).text());
  }
  out.append("\n");
}

void TextResponseWriter::finish(const ServerResponse& response, std::size_t before,
                                std::size_t message_start, OutputBuffer& out) const {
  switch (response.framing) {
    case AnswerFraming::kBare:
      return;
    case AnswerFraming::kLineFeed:
      return out.append("\n");
    case AnswerFraming::kLength: {
      const Text& text = texts_[static_cast<std::size_t>(response.outcome)];
      const NumberHeader header("ContentLength", out.size() - message_start);
      out.insert_before_tail(out.size() - before - text.first_line_bytes, header.text());
      return;
    }
  }
}

}  // namespace rollcall::engine
