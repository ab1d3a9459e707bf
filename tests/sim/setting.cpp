#include "tests/sim/setting.h"

#include "engine/random.h"
#include "tests/sim/population.h"

namespace rollcall::sim {
namespace {

// Where a shard with some entries begins to refuse more.
constexpr std::size_t kTightBytes = std::size_t{113} << 10;

}  // namespace

Setting::Setting(std::uint64_t choice) : random_seed(choice) {
  engine::SampleGenerator random(choice);
  const auto one_in = [&random](std::uint64_t times) { return random.below(times) == 0; };
  registry.ttl = kTtl;
  registry.shards = std::size_t{1} << random.below(3);
  registry.inactive_max = one_in(3) ? 4 : 1000;
  if (one_in(8)) registry.peers_max = kNicks / 2;
  if (one_in(8)) registry.peers_per_host_max = 4;
  is_memory_tight = one_in(16);
  registry.bytes_max = is_memory_tight ? kTightBytes * registry.shards : std::size_t{8} << 20;
  engine.idle_timeout = kIdleMax;
  engine.open_query = one_in(3);
  if (one_in(4)) engine.answer_peers_max = 3;
  if (one_in(8)) engine.success_code = 200;
  if (one_in(8)) loopback.connections_max = kClients / 2;
  if (one_in(8)) loopback.connections_per_host_max = 1;
}

}  // namespace rollcall::sim
