#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "engine/registry/registry.h"
#include "tests/support/counted_memory.h"
#include "tests/support/engine_under_test.h"
#include "tests/support/seeded_random.h"

namespace rollcall::engine {
namespace {

TEST(RegistryBlocks, AreInTheMemoryItIsGivenAndGivenBack) {
  constexpr std::size_t kPeers = 20'000;
  tests::CountedMemory memory;
  {
    tests::SeededRandom random(1);
    RegistryOptions options;
    options.shards = 4;
    Registry registry(options, random, memory);
    // Directories of one place each: of the index and of the hosts.
    EXPECT_EQ(memory.bytes(), options.shards * 2 * sizeof(void*));
    EngineOptions engine_options;
    engine_options.open_query = true;
    Engine engine(registry, engine_options, random);
    OutputBuffer out;
    for (std::size_t peer = 0; peer < kPeers; ++peer) {
      const auto host = HostAddress::v4(10, 0, static_cast<std::uint8_t>(peer >> 8),
                                        static_cast<std::uint8_t>(peer));
      const SessionId session = engine.open(host, {});
      const std::string text = "Register P2Pv1\n\npeer-" + std::to_string(peer) + "\n80\n";
      engine.receive(session, tests::bytes_of(text), {}, out);
      engine.close(session);
      out.clear();
    }
    SampleCursor cursor{SampleGenerator(random)};
    ASSERT_EQ(registry.append_listing(kPeers, cursor, {}, out), kPeers);

    // All but the wheels, the list of rendered text, and a few bits.
    const std::size_t held = registry.counters().bytes;
    EXPECT_LT(memory.bytes(), held);
    EXPECT_GT(memory.bytes(), held / 10 * 9);
    // The directories of so few are shorter, too.
    EXPECT_LE(memory.longest_block(), std::size_t{64} << 10);
  }
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace rollcall::engine
