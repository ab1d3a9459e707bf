// Property: what the parser accepts, written canonically and parsed again, is the same request;
// what it refuses names a reason; and both are what a plain reading of the grammar finds, wherever
// the text is cut.
//
// The first byte of the input says where, in 256ths of the text, which follows.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/wire/text_request.h"
#include "fuzz/mutator.h"
#include "fuzz/pieces.h"
#include "fuzz/property.h"
#include "tests/support/request_model.h"

namespace {

using namespace rollcall;
using engine::Message;
using engine::Outcome;

// Up to here a text also comes byte by byte.
constexpr std::size_t kShortBytes = 48;

void check_same(const Message& message, const Message& expected, std::string_view where) {
  if (tests::is_same(message, expected)) return;
  fuzz::broken(std::string(where) + ": parsed as " + tests::described(message) + "; expected " +
               tests::described(expected));
}

// The parser has read all of `text`, and the request in it has not ended.
void check_unfinished(const engine::TextRequestParser& parser, std::string_view text) {
  Message at_end;
  parser.end_of_stream(text, at_end);
  check_same(at_end, tests::model_end_of_stream(text), "at the end of the stream");
  if (parser.is_whole(text) != tests::model_is_whole(text)) fuzz::broken("whole or not");
  if (parser.is_in_lines() != tests::model_is_in_lines(text)) fuzz::broken("in its lines or not");
  if (!parser.is_in_lines()) return;
  Message silent;
  parser.silence(text, silent);
  check_same(silent, at_end, "after a silence");
}

// The request came in pieces that end at multiples of `piece`.
void check_pieces(std::string_view text, std::size_t piece, bool has_ended, const Message& whole) {
  engine::TextRequestParser parser;
  for (std::size_t arrived = std::min(piece, text.size());;
       arrived = std::min(arrived + piece, text.size())) {
    const std::string_view so_far = text.substr(0, arrived);
    Message message;
    if (parser.advance(so_far, message)) {
      if (!has_ended) fuzz::broken("ends when it comes in pieces");
      // What ends it by its length is all that has come.
      Message expected = whole;
      if (whole.outcome == Outcome::kRequestTooLong && whole.bytes == text.size()) {
        expected.bytes = so_far.size();
      }
      return check_same(message, expected, "in pieces");
    }
    if (arrived == text.size()) {
      if (has_ended) fuzz::broken("does not end when it comes in pieces");
      return;
    }
    if (piece > 1) check_unfinished(parser, so_far);
  }
}

void check_judgement(const Message& message) {
  if (message.outcome == Outcome::kSuccess) {
    static std::string canonical;
    canonical.clear();
    tests::write_request(message.request, canonical);
    engine::TextRequestParser parser;
    Message again;
    if (!parser.advance(canonical, again)) fuzz::broken("its canonical form does not end");
    if (again.bytes != canonical.size()) fuzz::broken("its canonical form has another length");
    if (again.outcome != Outcome::kSuccess) fuzz::broken("its canonical form is refused");
    if (!tests::is_same(again.request, message.request)) fuzz::broken("it changes when written");
    return;
  }
  const engine::Status status = engine::status_of(message.outcome);
  const bool is_refusal =
      status == engine::Status::kBadMessage || status == engine::Status::kMethodNotAllowed;
  if (!is_refusal || engine::message_of(message.outcome).empty()) {
    fuzz::broken("it is refused without a reason");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  engine::TextRequestParser parser;
  Message whole;
  const bool has_ended = parser.advance(text, whole);
  const auto expected = tests::model_request(text);
  if (has_ended != expected.has_value()) fuzz::broken("ended or not");
  if (has_ended) {
    check_same(whole, *expected, "whole");
    check_judgement(whole);
  } else {
    check_unfinished(parser, text);
  }
  check_pieces(text, 1 + text.size() * data[0] / 256, has_ended, whole);
  if (text.size() <= kShortBytes) check_pieces(text, 1, has_ended, whole);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  if (size < 2 || seed % 8 == 0) return LLVMFuzzerMutate(data, size, size_max);
  if (seed % 8 == 1) data[0] = static_cast<std::uint8_t>(seed >> 8);
  return 1 + fuzz::mutate_text({data + 1, size - 1, size_max - 1}, fuzz::kRequestPieces, seed / 8);
}
