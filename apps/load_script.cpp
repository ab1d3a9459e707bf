#include "apps/load_script.h"

#include <numeric>

#include "apps/peer_draw.h"
#include "engine/assert.h"
#include "engine/random.h"

namespace rollcall::apps {
namespace {

using engine::Method;

engine::Method draw_method(const LoadMix& mix, engine::SampleGenerator& random) {
  const std::uint64_t total =
      std::accumulate(mix.weights.begin(), mix.weights.end(), std::uint64_t{0});
  std::uint64_t drawn = random.below(total);
  for (const Method method : {Method::kRegister, Method::kLeave, Method::kKeepAlive}) {
    if (drawn < mix[method]) return method;
    drawn -= mix[method];
  }
  return Method::kPQuery;
}

void append_request(Method method, std::size_t connection, std::size_t peer,
                    const LoadOptions& options, LoadScript& script) {
  const std::string nick = load_nick(connection, peer, options);
  engine::Request request;
  request.method = method;
  request.nick = nick;
  if (method == Method::kRegister) request.port = load_port(peer);
  if (method == Method::kPQuery) request.limit = options.limit;
  script.append(options.protocol, request);
}

}  // namespace

void LoadScript::append(LoadProtocol protocol, const engine::Request& request) {
  append_load_request(protocol, request, text_);
  starts_.push_back(text_.size());
  methods_.push_back(request.method);
}

std::string load_nick(std::size_t connection, std::size_t peer, const LoadOptions& options) {
  const std::string prefix = std::to_string(connection) + '-';
  const std::string digits = std::to_string(peer);
  ROLLCALL_ASSERT(prefix.size() + digits.size() <= options.nick_bytes);
  return prefix + std::string(options.nick_bytes - prefix.size() - digits.size(), '0') + digits;
}

std::uint16_t load_port(std::size_t peer) {
  static constexpr std::size_t kFirstPort = 1024;
  return static_cast<std::uint16_t>(kFirstPort + peer % (65536 - kFirstPort));
}

LoadScript registration_script(const LoadPeers& peers, const LoadOptions& options) {
  LoadScript script;
  for (std::size_t i = 0; i < peers.count; ++i) {
    append_request(Method::kRegister, peers.connection, i, options, script);
  }
  return script;
}

LoadScript mix_script(const LoadPeers& peers, std::size_t requests, std::uint64_t seed,
                      const LoadOptions& options) {
  LoadScript script;
  // Methods and peers are drawn apart, so that one order has the same methods as another.
  engine::SampleGenerator random(seed);
  PeerDraw peer_draw(options.peer_order, peers.count, ~seed);
  std::vector<bool> has_left(peers.count);
  for (std::size_t i = 0; i < requests; ++i) {
    const std::size_t peer = peer_draw.next();
    const Method drawn = draw_method(options.mix, random);
    const Method method = has_left[peer] ? Method::kRegister : drawn;
    append_request(method, peers.connection, peer, options, script);
    has_left[peer] = method == Method::kLeave;
  }
  for (std::size_t peer = 0; peer < peers.count; ++peer) {
    if (has_left[peer]) append_request(Method::kRegister, peers.connection, peer, options, script);
  }
  return script;
}

}  // namespace rollcall::apps
