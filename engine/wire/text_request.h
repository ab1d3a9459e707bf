#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/outcome.h"
#include "engine/wire/request.h"

namespace rollcall::engine {

// A request whose end was found, or an error that ended it.
struct Message {
  // Its length, terminator included. Where `closes` is set, the rest of the stream goes with it.
  std::size_t bytes = 0;
  // kSuccess: `request` is valid. Otherwise why not.
  Outcome outcome = Outcome::kSuccess;
  AnswerFraming framing = AnswerFraming::kBare;
  // The end of the request is not known, so nothing after it can be understood.
  bool closes = false;
  Request request;
};

// Finds the end of one request of the text dialect, and judges it. The machine is advanced as bytes
// arrive, and goes on where it stopped, however they are split:
//
//              line            blank line
//   kFirstLine ────► kHeaders ─┬────────────► kLines ──── last line, quiet, end ──► message
//                      ▲ │     └────────────► kCounted ── n bytes ────────────────► message
//                      └─┘ line  ContentLength
//
// Errors in the first line or a header end it at the end of that line; everything else is judged at
// the end of the message. A default-constructed parser is at the start of a request.
class TextRequestParser {
 public:
  // Continues with `text`, which begins at the request's first byte, holds all that has arrived of
  // it and may hold more. Returns whether the request has ended; then `message` says how, and its
  // request borrows from `text`.
  bool advance(std::string_view text, Message& message) {
    if (scanned_ == 0 && take_plain(text, message)) return true;
    return advance_by_lines(text, message);
  }

  // The stream ended: what has arrived is all of the request.
  // REQUIRES: `text` is what `advance` returned false for, and not empty.
  void end_of_stream(std::string_view text, Message& message) const;

  // Silence ends the request. REQUIRES: as above, and is_in_lines().
  void silence(std::string_view text, Message& message) const;

  // The blank line has come, and the body is not counted.
  bool is_in_lines() const { return phase_ == Phase::kLines; }

  // Silence may end it: every line it needs is there, the last neither empty nor ending in a
  // carriage return, whose line feed would still be on its way.
  bool is_whole(std::string_view text) const;

 private:
  enum class Phase : std::uint8_t { kFirstLine, kHeaders, kLines, kCounted };

  // A header's value, by its place in the text. A place of zero: there is none.
  struct Value {
    std::uint16_t first = 0;
    std::uint16_t bytes = 0;
    bool is_present() const { return first != 0; }
    std::string_view in(std::string_view text) const { return text.substr(first, bytes); }
  };

  static bool take_plain(std::string_view text, Message& message);
  bool advance_by_lines(std::string_view text, Message& message);
  // Each takes one complete line, `first` being its place, and gives kSuccess or the error.
  Outcome take_first_line(std::string_view line);
  Outcome take_blank_line();
  Outcome take_header(std::string_view text, std::string_view line, std::size_t first);
  bool is_repeated(std::string_view text, std::string_view name, std::size_t first) const;

  unsigned lines_needed() const { return method_ == Method::kRegister ? 2 : 1; }

  // What the message is worth: its lines counted, its fields checked, in this order.
  void judge_lines(std::string_view text, std::string_view last, Message& message) const;
  void judge_counted(std::string_view text, Message& message) const;
  void judge(std::string_view text, std::string_view nick, std::string_view port,
             Message& message) const;
  Outcome judge_fields(std::string_view text, std::string_view port, Request& request) const;

  Phase phase_ = Phase::kFirstLine;
  Method method_ = Method::kRegister;
  bool is_method_known_ = false;
  bool has_content_length_ = false;
  std::uint8_t headers_ = 0;
  std::uint8_t lines_ = 0;        // complete lines of the body
  std::uint16_t scanned_ = 0;     // no line feed from line_start_ to here
  std::uint16_t line_start_ = 0;  // of the line that is not complete
  std::uint16_t headers_start_ = 0;
  std::uint16_t body_start_ = 0;
  std::uint16_t first_line_end_ = 0;  // of the body
  std::uint16_t content_length_ = 0;
  Value cookie_;
  Value limit_;
};

}  // namespace rollcall::engine
