#include "tests/support/registry_model.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "engine/random.h"
#include "engine/registry/siphash.h"
#include "tests/support/registry_trial.h"
#include "tests/support/seeded_random.h"

namespace rollcall::tests {
namespace {

using engine::Outcome;

TEST(RegistryModel, DescribesTheRegistryWhateverComesUp) {
  constexpr std::uint64_t kTrials = 400;
  constexpr int kSteps = 150;
  std::map<Outcome, std::size_t> outcomes;
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    engine::SampleGenerator generator(seed);
    RegistryTrial trial([&](std::size_t below) { return generator.below(below); });
    for (int step = 0; step < kSteps; ++step) {
      ASSERT_EQ(trial.step(), "") << "trial " << seed << ", step " << step;
      trial.check_invariants();
    }
    for (const auto& [outcome, count] : trial.outcomes()) outcomes[outcome] += count;
  }
  // Everything that a registry can decide came up often.
  for (const Outcome outcome :
       {Outcome::kSuccess, Outcome::kNotRegistered, Outcome::kOtherHost, Outcome::kWrongCookie,
        Outcome::kHasCookie, Outcome::kRegistryFull, Outcome::kHostFull}) {
    EXPECT_GT(outcomes[outcome], 200u) << engine::message_of(outcome);
  }
}

TEST(RegistryModel, MeetsNicksWhoseHashesCoincide) {
  SeededRandom random(1);
  std::array<std::byte, sizeof(engine::HashKey)> bytes;
  random.fill(bytes);
  const auto key = std::bit_cast<engine::HashKey>(bytes);
  const std::uint64_t difference =
      engine::siphash13(key, kCoincidingNicks[0]) ^ engine::siphash13(key, kCoincidingNicks[1]);
  EXPECT_EQ(difference >> 32, 0u);
  EXPECT_EQ(difference % 4, 0u);
}

}  // namespace
}  // namespace rollcall::tests
