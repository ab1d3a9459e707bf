#include "tests/support/arrivals_trial.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/random.h"
#include "engine/wire/address_text.h"
#include "tests/support/engine_under_test.h"

// What arrives on several connections is given to the engine together.

namespace rollcall::engine {
namespace {

using tests::answer_line;
using tests::ArrivalsTrial;
using tests::bytes_of;
using tests::EngineUnderTest;
using tests::kSuccessLine;

const HostAddress kHome = HostAddress::v4(10, 0, 0, 1);
const HostAddress kAway = HostAddress::v4(10, 0, 0, 2);

std::string register_text(std::string_view nick, std::size_t port = 80) {
  return "Register P2Pv1\n\n" + std::string(nick) + '\n' + std::to_string(port) + '\n';
}

TEST(Arrivals, ComeToTheSameTogetherAndOneAfterTheOther) {
  constexpr std::uint64_t kTrials = 600;
  constexpr int kSteps = 100;
  ArrivalsTrial::Seen all;
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    SampleGenerator generator(seed);
    ArrivalsTrial trial([&](std::size_t below) { return generator.below(below); });
    for (int step = 0; step < kSteps; ++step) {
      ASSERT_EQ(trial.step(), "") << "trial " << seed << ", step " << step;
    }
    trial.check_invariants();
    all.together += trial.seen().together;
    all.left_over += trial.seen().left_over;
    all.held += trial.seen().held;
    all.closed += trial.seen().closed;
    all.full_batches += trial.seen().full_batches;
  }
  // All that the trials are about came up often.
  EXPECT_GT(all.together, 10'000u);
  EXPECT_GT(all.left_over, 1'000u);
  EXPECT_GT(all.held, 1'000u);
  EXPECT_GT(all.closed, 100u);
  EXPECT_GT(all.full_batches, 300u);
}

// Two connections of two hosts, and what each has to say at the same time.
class TwoArrivals : public testing::Test {
 protected:
  void receive(std::string_view home, std::string_view away) {
    Arrival arrivals[] = {{home_, bytes_of(home), &home_out_}, {away_, bytes_of(away), &away_out_}};
    taken_ = under_test_.engine().receive(arrivals, under_test_.time());
    home_consumed_ = arrivals[0].consumed;
    away_consumed_ = arrivals[1].consumed;
    under_test_.engine().check_invariants();
  }

  EngineUnderTest under_test_;
  SessionId home_ = under_test_.open(kHome);
  SessionId away_ = under_test_.open(kAway);
  OutputBuffer home_out_;
  OutputBuffer away_out_;
  std::size_t taken_ = 0;
  std::size_t home_consumed_ = 0;
  std::size_t away_consumed_ = 0;
};

TEST_F(TwoArrivals, MayBeNone) {
  EXPECT_EQ(under_test_.engine().receive(std::span<Arrival>(), under_test_.time()), 0u);
  under_test_.engine().check_invariants();
}

TEST_F(TwoArrivals, AreDecidedInTheirOrderEachForItsHost) {
  receive(register_text("alice"), register_text("alice") + register_text("bob"));
  EXPECT_EQ(home_out_.view(), kSuccessLine);
  EXPECT_EQ(away_out_.view(), answer_line(Outcome::kOtherHost) + std::string(kSuccessLine));
  EXPECT_EQ(under_test_.changes()[0].change.host, kHome);
  EXPECT_EQ(under_test_.changes()[1].change.host, kAway);
}

TEST_F(TwoArrivals, AListHasWhatOthersChangedBeforeIt) {
  receive(register_text("alice") + "PQuery P2Pv1\n\nalice\n",
          register_text("bob") + "PQuery P2Pv1\n\nbob\n");
  EXPECT_EQ(tests::addresses_in(home_out_.view()), std::vector<std::string>{"10.0.0.1:80"});
  EXPECT_EQ(tests::addresses_in(away_out_.view()),
            (std::vector<std::string>{"10.0.0.1:80", "10.0.0.2:80"}));
}

TEST_F(TwoArrivals, WhereOneMayNotGoOnTheOtherDoes) {
  home_out_.append(std::string(limits::kOutputHighMark + 1, 'x'));
  receive(register_text("alice"), register_text("bob"));
  EXPECT_EQ(taken_, 2u);
  EXPECT_EQ(home_consumed_, 0u);
  EXPECT_EQ(away_consumed_, register_text("bob").size());
  EXPECT_EQ(away_out_.view(), kSuccessLine);
  EXPECT_EQ(under_test_.changes().size(), 1u);
}

TEST_F(TwoArrivals, WhereOneStopsBetweenItsRequestsTheOtherDoesNot) {
  home_out_.append(std::string(limits::kOutputHighMark, 'x'));
  const std::string query = "PQuery P2Pv1\n\nalice\n";
  receive(register_text("alice") + query + query, register_text("bob"));
  EXPECT_EQ(home_consumed_, register_text("alice").size());
  EXPECT_EQ(away_out_.view(), kSuccessLine);
  EXPECT_EQ(under_test_.engine().counters().requests[static_cast<std::size_t>(Method::kPQuery)],
            0u);
}

TEST_F(TwoArrivals, TheSecondIsLeftWhereTheFirstHasAMarkfulOfAnswers) {
  const std::string query = "PQuery P2Pv1\n\nalice\n";
  receive(register_text("alice") + query, "");
  const std::size_t list_bytes = home_out_.size() - kSuccessLine.size();
  for (const bool is_over : {false, true}) {
    home_out_.clear();
    away_out_.clear();
    const std::size_t lists = limits::kOutputHighMark / list_bytes + (is_over ? 1 : 0);
    std::string queries;
    for (std::size_t i = 0; i < lists; ++i) queries += query;
    receive(queries, register_text("bob"));
    EXPECT_EQ(home_consumed_, queries.size());
    EXPECT_EQ(home_out_.size() > limits::kOutputHighMark, is_over);
    EXPECT_EQ(taken_, is_over ? 1u : 2u);
    EXPECT_EQ(away_out_.view(), is_over ? std::string_view() : kSuccessLine);
    under_test_.ask(kAway, "Leave P2Pv1\n\nbob\n");
  }
}

TEST_F(TwoArrivals, WhatFollowsAClosingAnswerIsDroppedForThatOneOnly) {
  const std::string closing = "Leave\n" + register_text("carol");
  receive(closing, register_text("bob"));
  EXPECT_EQ(home_consumed_, closing.size());
  EXPECT_FALSE(under_test_.engine().is_open(home_));
  EXPECT_TRUE(under_test_.engine().is_open(away_));
  EXPECT_EQ(away_out_.view(), kSuccessLine);
  EXPECT_EQ(under_test_.registry().active(), 1u);
}

TEST_F(TwoArrivals, AnUnfinishedRequestWaitsForItsOwnRest) {
  const std::string text = register_text("alice") + "KeepAlive P2Pv1\n\nal";
  receive(text, "KeepAlive P2Pv1\n\nb");
  EXPECT_EQ(home_consumed_, text.size());
  EXPECT_EQ(home_out_.view(), kSuccessLine);
  EXPECT_TRUE(away_out_.empty());
  EXPECT_TRUE(under_test_.engine().due(under_test_.now() + limits::kRequestTime).has_value());
  home_out_.clear();
  receive("ice\n", "ob\n");
  EXPECT_EQ(home_out_.view(), kSuccessLine);
  EXPECT_EQ(away_out_.view(), answer_line(Outcome::kNotRegistered));
}

TEST_F(TwoArrivals, MayHaveMoreRequestsThanABatch) {
  for (const std::size_t requests :
       {limits::kBatchRequestsMax - 1, limits::kBatchRequestsMax, limits::kBatchRequestsMax + 1}) {
    std::string home;
    std::string expected;
    for (std::size_t i = 0; i < requests; ++i) {
      home += register_text("alice");
      expected += kSuccessLine;
    }
    receive(home, register_text("bob") + register_text("carol"));
    EXPECT_EQ(home_out_.view(), expected);
    EXPECT_EQ(away_out_.view(), std::string(kSuccessLine) + std::string(kSuccessLine));
    home_out_.clear();
    away_out_.clear();
  }
}

// Samples of one batch follow each other on the list, so they say who stood in it together.
TEST(Arrivals, ShareABatchWhileItsListsHaveAMarkfulOfBytes) {
  constexpr std::size_t kPeersTogether = limits::kOutputHighMark / limits::kPeerTextBytesMax;
  constexpr std::size_t kFirst = limits::kLimitMax;
  constexpr std::size_t kThird = 100;
  for (const bool is_over : {false, true}) {
    const std::size_t second = kPeersTogether - kFirst + (is_over ? 1 : 0);
    const std::size_t peers = kFirst + second + kThird;
    EngineUnderTest under_test;
    for (std::size_t i = 0; i < peers; ++i) {
      const auto host = HostAddress::v4(10, 0, static_cast<std::uint8_t>(i / 250), 1);
      under_test.ask(host, register_text("peer-" + std::to_string(i), 1 + i));
    }
    std::vector<std::string> texts;
    std::array<OutputBuffer, 3> outs;
    std::vector<Arrival> arrivals;
    for (const std::size_t limit : {kFirst, second, kThird}) {
      texts.push_back("PQuery P2Pv1\nLimit: " + std::to_string(limit) + "\n\npeer-0\n");
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      arrivals.push_back({under_test.open(kHome), bytes_of(texts[i]), &outs[i]});
    }
    EXPECT_EQ(under_test.engine().receive(arrivals, under_test.time()), 3u);
    std::set<std::string> listed;
    for (const OutputBuffer& out : outs) {
      for (const std::string& address : tests::addresses_in(out.view())) listed.insert(address);
    }
    EXPECT_EQ(listed.size() == peers, !is_over) << listed.size() << " of " << peers;
  }
}

// However the batches end.
TEST(Arrivals, AreLeftOnceTheOthersHaveAMarkfulOfLists) {
  constexpr std::size_t kHeadBytesMax = 64;
  EngineUnderTest under_test;
  for (std::size_t i = 0; i < 1400; ++i) {
    const std::string host =
        "1111:2222:3333:" + std::to_string(1000 + i / 100) + ":5555:6666:7777:8888";
    under_test.ask(parse_host(host).value(),
                   register_text("peer-" + std::to_string(i), 10'000 + i));
  }
  const std::vector<std::vector<std::size_t>> kLimits = {{50}, {1000, 285, 1}, {1000}, {285}};
  for (const std::vector<std::size_t>& asked : kLimits) {
    std::array<std::string, 100> texts;
    std::array<OutputBuffer, 100> outs;
    std::vector<Arrival> arrivals;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      texts[i] = "PQuery P2Pv1\nLimit: " + std::to_string(asked[i % asked.size()]) + "\n\npeer-0\n";
      const auto host = parse_host("1111:2222:3333:1000:5555:6666:7777:8888").value();
      arrivals.push_back({under_test.open(host), bytes_of(texts[i]), &outs[i]});
    }
    const std::size_t taken = under_test.engine().receive(arrivals, under_test.time());
    std::size_t bytes = 0;
    for (const OutputBuffer& out : outs) bytes += out.size();
    const std::size_t last = asked[(taken - 1) % asked.size()];
    EXPECT_LE(bytes,
              limits::kOutputHighMark + last * limits::kPeerTextBytesMax + taken * kHeadBytesMax);
    EXPECT_GT(bytes, limits::kOutputHighMark / 2);
    EXPECT_LT(taken, texts.size());
    for (const Arrival& arrival : arrivals) under_test.engine().close(arrival.session);
  }
}

}  // namespace
}  // namespace rollcall::engine
