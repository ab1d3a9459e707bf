#pragma once

#include <string>

#include "apps/client.h"

// What the client prints of an answer. Whatever bytes a server sends, this is printable ASCII and
// line feeds: nothing in it moves a terminal's cursor or changes its title.

namespace rollcall::apps {

// Of a success: the cookie if it carries one; the peers, one address a line; otherwise the message.
// REQUIRES: answer.is_success. Throws ServerUnavailable if the list of peers is none.
std::string answer_text(const Answer& answer);

// All there is to an answer, also to a refusal, as one JSON object on one line:
//   {"success":true,"status":20,"message":"Success","cookie":"…"}
//   {"success":true,"status":20,"peers":["127.0.0.1:9999"],"total":1}
//   {"success":false,"status":403,"message":"Forbidden: wrong cookie"}
// Throws as above.
std::string answer_json(const Answer& answer);

}  // namespace rollcall::apps
