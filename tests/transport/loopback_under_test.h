#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "engine/engine.h"
#include "engine/host_address.h"
#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/seeded_random.h"
#include "transport/loopback.h"

// In a namespace of its own: other tests call other answers by the same names.
namespace rollcall::tests::on_loopback {

using engine::HostAddress;
using transport::Loopback;
using transport::LoopbackClient;
using transport::LoopbackOptions;

inline constexpr HostAddress kAlice = HostAddress::v4(10, 0, 0, 1);
inline constexpr HostAddress kBob = HostAddress::v4(10, 0, 0, 2);

inline const std::string kSuccess = "Response 20 P2Pv1\n\nSuccess\n";
inline const std::string kBareSuccess = "Response 20 P2Pv1\n\nSuccess";
inline const std::string kNotRegistered = "Response 400 P2Pv1\n\nBad message: not registered\n";
inline const std::string kMalformed = "Response 400 P2Pv1\n\nBad message: malformed first line";

inline std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

inline std::string register_request(std::size_t peer) {
  return "Register P2Pv1\n\npeer" + std::to_string(peer) + "\n" + std::to_string(peer + 1) + "\n";
}

// An engine behind a loopback. What is declared first goes last: clients of a test are declared
// after this, and go before it.
struct LoopbackServer {
  explicit LoopbackServer(
      const LoopbackOptions& options = {},
      const engine::RegistryOptions& registry_options = {.peers_per_host_max = 100'000},
      const engine::EngineOptions& engine_options = {})
      : registry(registry_options, random),
        engine(registry, engine_options, random),
        loopback(engine, options) {}
  ~LoopbackServer() {
    loopback.check_invariants();
    registry.check_invariants();
  }

  std::string exchange(LoopbackClient& client, const std::string& request) {
    client.send(request);
    loopback.settle();
    return client.take();
  }

  // Registers so many peers and returns the length of the list with all of them.
  std::size_t fill_list(std::size_t peers) {
    LoopbackClient client = loopback.connect(kAlice);
    std::string requests;
    for (std::size_t i = 0; i < peers; ++i) requests += register_request(i);
    EXPECT_EQ(exchange(client, requests), repeated(kSuccess, peers));
    return exchange(client, "PQuery P2Pv1\n\npeer0\n").size();
  }

  SeededRandom random{1};
  engine::Registry registry;
  engine::Engine engine;
  Loopback loopback;
};

}  // namespace rollcall::tests::on_loopback
