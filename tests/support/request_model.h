#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/wire/text_request.h"

namespace rollcall::tests {

// The grammar of a request, read from the protocol's tables as plainly as possible: always from the
// first byte, a line at a time.

// The request at the beginning of `text`, if it has ended there by line feed, by length or by an
// error. Borrows from `text`.
std::optional<engine::Message> model_request(std::string_view text);

// What `text`, in which no request has ended, is worth when the stream ends.
engine::Message model_end_of_stream(std::string_view text);

// Whether the blank line has come in `text`, in which no request has ended, and what follows is
// lines.
bool model_is_in_lines(std::string_view text);

// Whether silence may end `text`, in which no request has ended.
bool model_is_whole(std::string_view text);

// Whether two requests ask for the same; for messages, also whether their nicks are the same bytes
// of the same text.
bool is_same(const engine::Request& a, const engine::Request& b);
bool is_same(const engine::Message& a, const engine::Message& b);

// What became of a message, in words.
std::string described(const engine::Message& message);

// The word that a request of this kind begins with.
std::string_view name_of(engine::Method method);

// Appends a request in its canonical form: a line feed at its end, known headers only.
void write_request(const engine::Request& request, std::string& to);

// Where the engine's parser and the model differ about `text`, which arrives in pieces of
// `piece_bytes`; empty if nowhere.
std::string request_difference(std::string_view text, std::size_t piece_bytes);

}  // namespace rollcall::tests
