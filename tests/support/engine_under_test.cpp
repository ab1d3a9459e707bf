#include "tests/support/engine_under_test.h"

#include <algorithm>

#include "engine/assert.h"

namespace rollcall::tests {

std::string answer_line(engine::Outcome outcome) {
  return "Response " + std::to_string(static_cast<unsigned>(engine::status_of(outcome))) +
         " P2Pv1\n\n" + std::string(engine::message_of(outcome)) + "\n";
}

EngineUnderTest::EngineUnderTest(const engine::RegistryOptions& registry_options,
                                 const engine::EngineOptions& engine_options)
    : registry_(registry_options, random_),
      engine_(registry_, engine_options, random_, &changes_) {}

void EngineUnderTest::sweep() {
  constexpr int kStepsMax = 10'000;
  for (std::size_t shard = 0; shard < registry_.shards(); ++shard) {
    int steps = 0;
    while (registry_.sweep(shard, now_)) ROLLCALL_ASSERT(++steps < kStepsMax);
  }
}

std::string EngineUnderTest::receive(engine::SessionId session, std::string_view text) {
  std::string said;
  engine::OutputBuffer out;
  do {
    text.remove_prefix(engine_.receive(session, bytes_of(text), time(), out));
    said += out.view();
    out.clear();
  } while (!text.empty());
  return said;
}

std::string EngineUnderTest::quiet(engine::SessionId session) {
  engine::OutputBuffer out;
  engine_.quiet(session, time(), out);
  return std::string(out.view());
}

std::string EngineUnderTest::end_of_stream(engine::SessionId session) {
  engine::OutputBuffer out;
  engine_.end_of_stream(session, time(), out);
  return std::string(out.view());
}

std::string EngineUnderTest::time_out(engine::SessionId session) {
  engine::OutputBuffer out;
  engine_.time_out(session, time(), out);
  return std::string(out.view());
}

std::string EngineUnderTest::ask(const engine::HostAddress& host, std::string_view text) {
  auto known = std::ranges::find(hosts_, host, [](const auto& pair) { return pair.first; });
  if (known == hosts_.end()) known = hosts_.insert(known, {host, open(host)});
  std::string said = receive(known->second, text);
  engine_.check_invariants();
  registry_.check_invariants();
  return said;
}

std::vector<std::string> addresses_in(std::string_view list) {
  std::vector<std::string> addresses;
  for (std::size_t open = list.find('\''); open != std::string_view::npos;) {
    const std::size_t close = list.find('\'', open + 1);
    addresses.emplace_back(list.substr(open + 1, close - open - 1));
    open = list.find('\'', close + 1);
  }
  std::ranges::sort(addresses);
  return addresses;
}

}  // namespace rollcall::tests
