#pragma once

#include <string>

#include "engine/wire/request.h"

namespace rollcall::apps {

// Appends `request` as a client sends it, its end marked as `framing` says:
//
//   Register P2Pv1\n
//   ContentLength: 8\n        kLength
//   Cookie: new\n             where it has one
//   Limit: 50\n               where it has one
//   \n
//   alice\n
//   80                        and \n for kLineFeed
void append_request_text(const engine::Request& request, engine::AnswerFraming framing,
                         std::string& to);

std::string request_text(const engine::Request& request, engine::AnswerFraming framing);

}  // namespace rollcall::apps
