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

// Whether silence may end `text`, in which no request has ended.
bool model_is_whole(std::string_view text);

// Where the engine's parser and the model differ about `text`, which arrives in pieces of
// `piece_bytes`; empty if nowhere.
std::string request_difference(std::string_view text, std::size_t piece_bytes);

}  // namespace rollcall::tests
