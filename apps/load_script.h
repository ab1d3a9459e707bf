#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/load_options.h"
#include "apps/load_protocol.h"
#include "engine/wire/request.h"

namespace rollcall::apps {

// Requests, rendered before anything is measured: a run of them is a piece of one text.
class LoadScript {
 public:
  void append(LoadProtocol protocol, const engine::Request& request);

  std::size_t size() const { return methods_.size(); }
  engine::Method method(std::size_t request) const { return methods_[request]; }

  // Requests [first, end). REQUIRES: first <= end <= size().
  std::string_view text(std::size_t first, std::size_t end) const {
    return std::string_view(text_).substr(starts_[first], starts_[end] - starts_[first]);
  }

 private:
  std::string text_;
  std::vector<std::size_t> starts_{0};  // one more than there are requests
  std::vector<engine::Method> methods_;
};

// The peers of one connection, numbered from 0.
struct LoadPeers {
  std::size_t connection = 0;
  std::size_t count = 0;
};

// Its nick, the connection's number and its own, as in `12-0000000042`: a peer belongs to the same
// connection, and so to the same host, in every run. REQUIRES: options.nick_bytes has room for
// both.
std::string load_nick(std::size_t connection, std::size_t peer, const LoadOptions& options);
std::uint16_t load_port(std::size_t peer);

// Registers each of them once.
LoadScript registration_script(const LoadPeers& peers, const LoadOptions& options);

// About `requests` requests as the mix says, about peers drawn in the order that the options say,
// with this seed. Every request must succeed if all the peers are registered when it begins, and
// then they are when it ends, so that it can be played over and over. For that it registers anew a
// peer that left before it asks anything else of it; a mix of many Leaves thus has as many more
// Registers.
LoadScript mix_script(const LoadPeers& peers, std::size_t requests, std::uint64_t seed,
                      const LoadOptions& options);

}  // namespace rollcall::apps
