#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/exchange_file.h"
#include "tests/support/exchange_runner.h"
#include "tests/support/transport_under_test.h"

// Plays every exchange of tests/golden, and those that docs/protocol.md shows, over each transport.

namespace rollcall::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using MakeTransport = std::function<std::unique_ptr<TransportUnderTest>(const ServerOptions&)>;

const MakeTransport kLoopback = [](const ServerOptions& options) { return make_loopback(options); };
const MakeTransport kTcp = [](const ServerOptions& options) { return make_tcp(options); };

// Over TCP most of the time is spent waiting for silences, so many exchanges go on at once.
constexpr unsigned kThreadsOverTcp = 16;
// Of all the ways to cut an exchange in two, so many are tried where all would take too long.
constexpr std::size_t kSomeCuttings = 15;
constexpr std::size_t kSomeCuttingsOverTcp = 4;
// A pause of the machine between two pieces must not be taken for a silence of the client.
constexpr engine::Duration kQuietOverTcp = engine::limits::kQuietMax;
// Where nothing is cut, there is no such pause.
constexpr engine::Duration kQuietOverTcpWhole = 50ms;

struct Job {
  const Exchange* exchange;
  Cutting cutting;
};

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path root = ROLLCALL_SOURCE_DIR;
    for (const auto& entry : fs::directory_iterator(root / "tests/golden")) {
      if (entry.path().extension() != ".md") continue;
      const bool explains = entry.path().filename() == "README.md";
      read(entry.path(), explains ? Headings::kAreFree : Headings::kAreCases);
    }
    read(root / "docs/protocol.md", Headings::kAreFree);
  }

  void read(const fs::path& path, Headings headings) {
    ExchangeFile file = read_exchanges(path, headings);
    for (const std::string& problem : file.problems) ADD_FAILURE() << problem;
    EXPECT_FALSE(file.exchanges.empty()) << path << " holds no exchange";
    std::move(file.exchanges.begin(), file.exchanges.end(), std::back_inserter(exchanges_));
  }

  // Keeps those that the transport can play, with the given quiet time.
  void keep_playable(const MakeTransport& make, engine::Duration quiet) {
    const std::unique_ptr<TransportUnderTest> transport = make({});
    const std::size_t all = exchanges_.size();
    std::erase_if(exchanges_, [&](const Exchange& e) { return !can_run(e, *transport); });
    for (Exchange& exchange : exchanges_) exchange.server.quiet = quiet;
    RecordProperty("left_out", static_cast<int>(all - exchanges_.size()));
  }

  // Gives each server the shortest lease that makes no difference to its exchange: a server with a
  // long one takes longer to make than most exchanges to play.
  void shorten_leases() {
    for (Exchange& exchange : exchanges_) {
      engine::Duration& ttl = exchange.server.registry.ttl;
      ttl = std::min(ttl, duration_of(exchange) + 1min);
    }
  }

  std::vector<Job> all_cut(Cutting::Kind kind) const {
    std::vector<Job> jobs;
    for (const Exchange& exchange : exchanges_) jobs.push_back({&exchange, {.kind = kind}});
    return jobs;
  }

  // Every way to cut each exchange in two, or `at_most` of them, spread evenly.
  std::vector<Job> cut_in_two(std::size_t at_most) const {
    std::vector<Job> jobs;
    for (const Exchange& exchange : exchanges_) {
      const std::vector<Cutting> cuttings = two_piece_cuttings(exchange);
      const std::size_t count = std::min(at_most, cuttings.size());
      for (std::size_t i = 0; i < count; ++i) {
        jobs.push_back({&exchange, cuttings[(2 * i + 1) * cuttings.size() / (2 * count)]});
      }
    }
    return jobs;
  }

  void play(const std::vector<Job>& jobs, const MakeTransport& make, unsigned threads) {
    ASSERT_FALSE(jobs.empty());
    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    std::vector<std::string> failures;
    const auto work = [&] {
      for (std::size_t i = next++; i < jobs.size(); i = next++) {
        if (std::optional<std::string> failure = play_one(jobs[i], make)) {
          const std::lock_guard lock(mutex);
          failures.push_back(std::move(*failure));
        }
      }
    };
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back(work);
    workers.clear();
    report(jobs.size(), failures);
  }

 private:
  static std::optional<std::string> play_one(const Job& job, const MakeTransport& make) {
    try {
      const std::unique_ptr<TransportUnderTest> transport = make(job.exchange->server);
      std::optional<std::string> failure = run_exchange(*job.exchange, job.cutting, *transport);
      // Not after each of the many that differ in one cut only.
      if (job.cutting.kind != Cutting::Kind::kTwoPieces) transport->check_invariants();
      return failure;
    } catch (const std::exception& error) {
      return job.exchange->file + ": " + job.exchange->title + ": " + error.what();
    }
  }

  static void report(std::size_t played, const std::vector<std::string>& failures) {
    constexpr std::size_t kShown = 20;
    RecordProperty("played", static_cast<int>(played));
    for (std::size_t i = 0; i < std::min(kShown, failures.size()); ++i) {
      ADD_FAILURE() << failures[i];
    }
    EXPECT_EQ(failures.size(), 0u) << "of " << played << " played";
  }

 protected:
  std::vector<Exchange> exchanges_;
};

TEST_F(Golden, ExchangesHoldWholeOverLoopback) {
  play(all_cut(Cutting::Kind::kWhole), kLoopback, 1);
}

TEST_F(Golden, ExchangesHoldByteByByteOverLoopback) {
  play(all_cut(Cutting::Kind::kByteByByte), kLoopback, 1);
}

TEST_F(Golden, ExchangesHoldAtSomeTwoWaySplitsOverLoopback) {
  shorten_leases();
  play(cut_in_two(kSomeCuttings), kLoopback, 1);
}

// More than a hundred thousand servers; under a sanitizer that takes minutes.
TEST_F(Golden, ExchangesHoldAtEveryTwoWaySplitOverLoopbackSlow) {
  shorten_leases();
  play(cut_in_two(std::numeric_limits<std::size_t>::max()), kLoopback, 2);
}

TEST_F(Golden, ExchangesHoldWholeOverTcp) {
  keep_playable(kTcp, kQuietOverTcpWhole);
  play(all_cut(Cutting::Kind::kWhole), kTcp, kThreadsOverTcp);
}

TEST_F(Golden, ExchangesHoldByteByByteOverTcp) {
  keep_playable(kTcp, kQuietOverTcp);
  play(all_cut(Cutting::Kind::kByteByByte), kTcp, kThreadsOverTcp);
}

TEST_F(Golden, ExchangesHoldAtSomeTwoWaySplitsOverTcp) {
  keep_playable(kTcp, kQuietOverTcp);
  play(cut_in_two(kSomeCuttingsOverTcp), kTcp, kThreadsOverTcp);
}

}  // namespace
}  // namespace rollcall::tests
