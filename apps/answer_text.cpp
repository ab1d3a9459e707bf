#include "apps/answer_text.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "apps/printable.h"
#include "engine/wire/address_text.h"
#include "engine/wire/fields.h"
#include "engine/wire/response_parser.h"

namespace rollcall::apps {
namespace {

constexpr std::size_t kQuotedBytesMax = 60;

bool is_list(const Answer& answer) {
  return answer.is_success && answer.method == engine::Method::kPQuery;
}

// The addresses of a list, written anew: what comes out is an address whatever came in.
std::vector<std::string> peers_of(const Answer& answer) {
  std::vector<std::string> peers;
  engine::PeerListReader reader(answer.message);
  engine::Endpoint peer;
  engine::PeerListStep step = reader.next(peer);
  for (; step == engine::PeerListStep::kPeer; step = reader.next(peer)) {
    std::array<char, engine::kEndpointTextBytesMax> text;
    peers.emplace_back(text.data(), engine::write_endpoint(peer, text.data()));
  }
  if (step == engine::PeerListStep::kMalformed) {
    throw ServerUnavailable("the server sent no list of peers: " +
                            answer.message.substr(0, kQuotedBytesMax));
  }
  return peers;
}

std::string cookie_text(const engine::Cookie& cookie) {
  std::string text(engine::kCookieTextBytes, '0');
  engine::write_cookie(cookie, text.data());
  return text;
}

}  // namespace

std::string answer_text(const Answer& answer) {
  if (is_list(answer)) {
    std::string lines;
    for (const std::string& peer : peers_of(answer)) lines += peer + '\n';
    return lines;
  }
  if (answer.cookie) return cookie_text(*answer.cookie) + '\n';
  return printable(answer.message) + '\n';
}

std::string answer_json(const Answer& answer) {
  nlohmann::ordered_json json = {{"success", answer.is_success}, {"status", answer.status}};
  if (is_list(answer)) {
    json["peers"] = peers_of(answer);
  } else {
    json["message"] = answer.message;
  }
  if (answer.cookie) json["cookie"] = cookie_text(*answer.cookie);
  if (answer.total) json["total"] = *answer.total;
  constexpr bool kEnsureAscii = true;
  // Bytes that are no UTF-8 become U+FFFD.
  return json.dump(-1, ' ', kEnsureAscii, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace rollcall::apps
