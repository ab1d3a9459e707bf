#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "engine/engine.h"
#include "fuzz/choices.h"
#include "fuzz/session_client.h"
#include "tests/support/seeded_random.h"
#include "transport/loopback.h"

namespace rollcall::fuzz {

// A server behind the loopback and up to eight clients, who do what is chosen.
class SessionCrowd {
 public:
  explicit SessionCrowd(Choices choices);

  // One client does one thing, or time passes; then everything is checked.
  void step(Choices choices);
  // Everyone reads on, is answered, and goes.
  void finish();

 private:
  static constexpr std::size_t kClientsMax = 8;

  void connect(std::size_t client);
  void register_peers(std::size_t peers);
  void send_requests(SessionClient& client, Choices& choices);
  void disturb(SessionClient& client, Choices& choices);
  void pass(engine::Duration duration);
  void check();

  tests::SeededRandom random_{1};
  const engine::RegistryOptions registry_options_;
  engine::Registry registry_;
  engine::Engine engine_;
  transport::LoopbackOptions loopback_options_;
  std::optional<transport::Loopback> loopback_;
  std::size_t clients_;
  std::array<std::unique_ptr<SessionClient>, kClientsMax> client_;
};

}  // namespace rollcall::fuzz
