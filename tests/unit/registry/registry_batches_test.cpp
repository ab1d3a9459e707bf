#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "engine/limits.h"
#include "engine/registry/registry.h"
#include "tests/support/engine_under_test.h"

// A batch is decided as if its operations came one by one, however they are spread over shards.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;

const HostAddress kHosts[] = {HostAddress::v4(10, 0, 0, 1), HostAddress::v4(10, 0, 0, 2)};

// A registry that executes batches whole or one by one, and remembers what it told.
class BatchedRegistry {
 public:
  BatchedRegistry(const RegistryOptions& options, bool is_whole)
      : is_whole_(is_whole), registry_(options, random_) {}

  // Request i is of host i, or all are of one host.
  std::vector<Outcome> execute(const std::vector<Request>& requests,
                               const std::vector<HostAddress>& hosts, Time time) {
    std::vector<Operation> operations;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      operations.push_back({&requests[i], &hosts[hosts.size() == 1 ? 0 : i]});
    }
    if (is_whole_) {
      registry_.execute(operations, false, time, &changes_);
    } else {
      for (Operation& operation : operations) {
        registry_.execute({&operation, 1}, false, time, &changes_);
      }
    }
    registry_.check_invariants();
    std::vector<Outcome> outcomes;
    for (const Operation& operation : operations) outcomes.push_back(operation.outcome);
    return outcomes;
  }

  // The changes of each shard, as text.
  std::map<std::uint32_t, std::string> told() const {
    std::map<std::uint32_t, std::string> told;
    for (const tests::ToldChange& change : changes_.told) {
      told[change.change.shard] += std::to_string(change.change.sequence) + change.nick +
                                   (change.change.active ? '+' : '-') +
                                   std::to_string(change.change.port) + ' ';
    }
    return told;
  }

  Registry& registry() { return registry_; }

 private:
  bool is_whole_;
  tests::SeededRandom random_{1};
  tests::ChangeRecorder changes_;
  Registry registry_;
};

struct BatchCase {
  std::size_t shards;
  std::size_t peers_max;
  std::size_t peers_per_host_max;
  std::size_t inactive_max = limits::kDefaultInactiveMax;

  friend std::ostream& operator<<(std::ostream& out, const BatchCase& batch) {
    return out << batch.shards << " shards, peers up to " << batch.peers_max << ", of a host up to "
               << batch.peers_per_host_max << ", inactive up to " << batch.inactive_max;
  }
};

class RegistryBatches : public testing::TestWithParam<BatchCase> {
 protected:
  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = 10s;
    options.shards = GetParam().shards;
    options.peers_max = GetParam().peers_max;
    options.peers_per_host_max = GetParam().peers_per_host_max;
    options.inactive_max = GetParam().inactive_max;
    return options;
  }
};
// Far from every limit, and near each of them; where entries are used anew within a batch.
INSTANTIATE_TEST_SUITE_P(Shards, RegistryBatches,
                         testing::Values(BatchCase{1, 1000, 1000}, BatchCase{8, 1000, 1000},
                                         BatchCase{1, 20, 1000}, BatchCase{8, 20, 1000},
                                         BatchCase{1, 1000, 12}, BatchCase{8, 1000, 12},
                                         BatchCase{8, 70, 66}, BatchCase{8, 1000, 1000, 8},
                                         BatchCase{limits::kShardsMax, 1000, 1000},
                                         BatchCase{limits::kShardsMax, 70, 66}));

TEST_P(RegistryBatches, ComeToTheSameWholeAndOneByOne) {
  BatchedRegistry whole(options(), true);
  BatchedRegistry one_by_one(options(), false);
  SampleGenerator generator(3);
  std::vector<std::string> nicks;
  for (int i = 0; i < 40; ++i) nicks.push_back("nick-" + std::to_string(i));

  std::map<Outcome, int> seen;
  Time time{Instant(0s), WallTime(std::chrono::days(20'000))};
  for (int round = 0; round < 1000; ++round) {
    time.now += std::chrono::milliseconds(generator.below(1500));
    std::vector<Request> requests(1 + generator.below(limits::kBatchRequestsMax));
    for (Request& request : requests) {
      request.method = static_cast<Method>(generator.below(3));
      request.nick = nicks[generator.below(nicks.size())];
      request.port = static_cast<std::uint16_t>(1 + generator.below(65535));
      if (generator.below(3) == 0) request.cookie_header = CookieHeader::kShown;
    }
    std::vector<HostAddress> hosts{kHosts[generator.below(2)]};
    const bool is_of_several = generator.below(2) == 0;
    while (is_of_several && hosts.size() < requests.size()) {
      hosts.push_back(generator.below(4) == 0 ? kHosts[generator.below(2)] : hosts.back());
    }
    const std::vector<Outcome> outcomes = whole.execute(requests, hosts, time);
    ASSERT_EQ(outcomes, one_by_one.execute(requests, hosts, time)) << "round " << round;
    ASSERT_EQ(whole.registry().active(), one_by_one.registry().active());
    for (const Outcome outcome : outcomes) ++seen[outcome];
  }
  EXPECT_EQ(whole.told(), one_by_one.told());

  // The case met what it is about.
  EXPECT_GT(seen[Outcome::kSuccess], 0);
  EXPECT_GT(seen[Outcome::kNotRegistered], 0);
  EXPECT_GT(seen[Outcome::kOtherHost], 0);
  EXPECT_EQ(seen[Outcome::kRegistryFull] > 0, GetParam().peers_max < 40);
  EXPECT_EQ(seen[Outcome::kHostFull] > 0, GetParam().peers_per_host_max < 20);
}

TEST(RegistryBatch, MayBeEmpty) {
  for (const std::size_t shards : {std::size_t{1}, std::size_t{8}}) {
    RegistryOptions options;
    options.shards = shards;
    BatchedRegistry registry(options, true);
    EXPECT_TRUE(registry.execute({}, {kHosts[0]}, {}).empty());
  }
}

TEST(RegistryBatch, KeepsTheOrderOfOneNickAmongManyShards) {
  RegistryOptions options;
  options.shards = 8;
  BatchedRegistry registry(options, true);
  std::vector<Request> requests(limits::kBatchRequestsMax);
  std::vector<Outcome> expected;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].method = i % 3 == 0 ? Method::kRegister : Method::kLeave;
    requests[i].nick = "alice";
    requests[i].port = static_cast<std::uint16_t>(1 + i);
    expected.push_back(i % 3 == 2 ? Outcome::kNotRegistered : Outcome::kSuccess);
  }
  EXPECT_EQ(registry.execute(requests, {kHosts[0]}, {}), expected);
}

TEST(RegistryBatch, AnswersQueriesBesideOneAnother) {
  RegistryOptions options;
  options.shards = 4;
  BatchedRegistry registry(options, true);
  Request alice;
  alice.nick = "alice";
  alice.port = 80;
  registry.execute({alice}, {kHosts[0]}, {});
  alice.method = Method::kPQuery;
  Request bob = alice;
  bob.nick = "bob";
  EXPECT_EQ(registry.execute({alice, bob, alice}, {kHosts[0]}, {}),
            (std::vector<Outcome>{Outcome::kSuccess, Outcome::kNotRegistered, Outcome::kSuccess}));
  EXPECT_EQ(registry.execute({alice}, {kHosts[1]}, {}), std::vector<Outcome>{Outcome::kOtherHost});
}

}  // namespace
}  // namespace rollcall::engine
