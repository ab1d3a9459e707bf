#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/engine_under_test.h"

// Requests in steady state allocate nothing, whether they come in batches or one by one.

namespace rollcall::engine {
namespace {

using namespace std::chrono_literals;
using tests::AllocationCounter;
using tests::bytes_of;
using tests::kSuccessLine;

constexpr std::size_t kPeers = 2000;
const std::string kCookieHeader = "Cookie: " + std::string(32, 'c') + "\n";

struct SteadyState {
  std::size_t shards;
  std::size_t batch;
  // Nicks of 9 bytes stand in the entry; those of 60 stand elsewhere.
  std::size_t nick_bytes;

  friend std::ostream& operator<<(std::ostream& out, const SteadyState& state) {
    return out << state.shards << " shards, batches of " << state.batch << ", nicks of "
               << state.nick_bytes;
  }
};

class Allocation : public testing::TestWithParam<SteadyState> {
 protected:
  Allocation() {
    session_ = engine_.open(HostAddress::v4(10, 0, 0, 1), time_);
    out_.prepare(1 << 20);
    run("Register", "", kSuccessLine);
  }

  static RegistryOptions options() {
    RegistryOptions options;
    options.ttl = 100s;
    options.peers_per_host_max = kPeers;
    options.shards = GetParam().shards;
    return options;
  }

  std::string request(const std::string& method, const std::string& headers, std::size_t peer) {
    std::string nick = std::to_string(peer);
    nick = std::string(GetParam().nick_bytes - nick.size(), 'n') + nick;
    return method + " P2Pv1\n" + headers + "\n" + nick + "\n" +
           (method == "Register" ? "80\n" : "");
  }

  // Sends the request of every peer, and returns how often memory was allocated meanwhile. Each
  // answer begins with `answer`.
  std::size_t run(const std::string& method, const std::string& headers, std::string_view answer) {
    std::vector<std::string> batches;
    for (std::size_t peer = 0; peer < kPeers; ++peer) {
      if (peer % GetParam().batch == 0) batches.emplace_back();
      batches.back() += request(method, headers, peer);
    }
    time_.now += 1s;
    std::size_t wrong = 0;
    const AllocationCounter allocations;
    for (const std::string& batch : batches) {
      out_.clear();
      wrong += engine_.receive(session_, bytes_of(batch), time_, out_) != batch.size();
      wrong += !out_.view().starts_with(answer);
    }
    const std::size_t count = allocations.count();
    EXPECT_EQ(wrong, 0u) << method;
    return count;
  }

  tests::SeededRandom random_{1};
  Registry registry_{options(), random_};
  Engine engine_{registry_, {}, random_};
  Time time_{Instant(1s), WallTime(std::chrono::days(20'000))};
  SessionId session_{};
  OutputBuffer out_;
};
INSTANTIATE_TEST_SUITE_P(SteadyState, Allocation,
                         testing::Values(SteadyState{1, 64, 9}, SteadyState{1, 1, 9},
                                         SteadyState{4, 64, 9}, SteadyState{4, 1, 60},
                                         SteadyState{1, 7, 60}));

TEST_P(Allocation, IsNoneForARegisterThatRenews) {
  EXPECT_EQ(run("Register", "", kSuccessLine), 0u);
}

TEST_P(Allocation, IsNoneForAKeepAlive) { EXPECT_EQ(run("KeepAlive", "", kSuccessLine), 0u); }

TEST_P(Allocation, IsNoneForALeaveAndForARegisterOfAKnownNick) {
  EXPECT_EQ(run("Leave", "", kSuccessLine), 0u);
  EXPECT_EQ(run("Register", "", kSuccessLine), 0u);
}

TEST_P(Allocation, IsNoneForALimitedPQuery) {
  // The first lists render the text that the others copy.
  const std::string answer = "Response 20 P2Pv1\nTotal: 2000\n\n['10.0.0.1:80', ";
  run("PQuery", "Limit: 20\n", answer);
  EXPECT_EQ(run("PQuery", "Limit: 20\n", answer), 0u);
}

TEST_P(Allocation, IsNoneForARefusal) {
  EXPECT_EQ(run("Register", "Cookie: bad\n", "Response 400 P2Pv1\n\nBad message: bad Cookie\n"),
            0u);
  EXPECT_EQ(run("PQuery", "Limit: 0\n", "Response 400 P2Pv1\n\nBad message: bad Limit\n"), 0u);
  EXPECT_EQ(run("KeepAlive", "Cookie: new\n", "Response 400 P2Pv1\n\nBad message: bad Cookie\n"),
            0u);
}

TEST_P(Allocation, IsNoneForTheOwnersOfEntriesWithCookies) {
  run("Register", kCookieHeader, kSuccessLine);
  EXPECT_EQ(run("Register", kCookieHeader, kSuccessLine), 0u);
  EXPECT_EQ(run("KeepAlive", kCookieHeader, kSuccessLine), 0u);
  EXPECT_EQ(run("Leave", kCookieHeader, kSuccessLine), 0u);
}

TEST_P(Allocation, IsNoneForTheSweep) {
  time_.now += 200s;
  const AllocationCounter allocations;
  for (int tick = 0; tick < 20; ++tick) engine_.tick(time_);
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(registry_.active(), 0u);
}

TEST(AllocationOfSessions, IsNoneForAShortRequestInPieces) {
  tests::EngineUnderTest under_test;
  const SessionId session = under_test.open(HostAddress::v4(10, 0, 0, 1));
  const std::string_view request = "Register P2Pv1\n\nalice\n80\n";
  OutputBuffer out;
  out.prepare(4096);
  const auto receive_in_pieces = [&] {
    for (const std::size_t end : {std::size_t{10}, request.size() - 1, request.size()}) {
      const std::size_t first = end == 10 ? 0 : end == request.size() ? end - 1 : 10;
      under_test.engine().receive(session, bytes_of(request.substr(first, end - first)),
                                  under_test.time(), out);
    }
  };
  for (int warm_up = 0; warm_up < 10; ++warm_up) receive_in_pieces();
  under_test.changes().clear();
  under_test.changes().reserve(1);
  out.clear();
  const AllocationCounter allocations;
  receive_in_pieces();
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_EQ(out.view(), kSuccessLine);
}

}  // namespace
}  // namespace rollcall::engine
