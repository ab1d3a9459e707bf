#include "transport/ready_sockets.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace rollcall::transport {
namespace {

constexpr Interest kReadable{.readable = true};
constexpr Interest kWritable{.writable = true};

struct SocketPair {
  SocketPair() : SocketPair(make()) {}

  TcpSocket ours;
  std::optional<TcpSocket> theirs;

 private:
  explicit SocketPair(std::array<int, 2> ends) : ours(ends[0]), theirs(ends[1]) {}
  static std::array<int, 2> make() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    return ends;
  }
};

class ReadySocketsTest : public testing::Test {
 protected:
  asio::io_context context_;
  ReadySockets sockets_{context_};
  SocketPair pair_;
};

TEST_F(ReadySocketsTest, NoneIsToldWithoutInterest) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  EXPECT_EQ(send_now(*pair_.theirs, "x"), 1u);
  EXPECT_TRUE(sockets_.take().empty());
}

TEST_F(ReadySocketsTest, ReadableOnesAreToldUntilTheyAreRead) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  sockets_.change(pair_.ours, 7, kReadable);
  EXPECT_TRUE(sockets_.take().empty());
  EXPECT_EQ(send_now(*pair_.theirs, "x"), 1u);
  for (int i = 0; i < 2; ++i) {
    const auto ready = sockets_.take();
    ASSERT_EQ(ready.size(), 1u);
    EXPECT_EQ(ready[0].number, 7u);
    EXPECT_EQ(ready[0].ready, kReadable);
    EXPECT_FALSE(ready[0].is_lost);
  }
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ(receive_now(pair_.ours, buffer).bytes, 1u);
  EXPECT_TRUE(sockets_.take().empty());
}

TEST_F(ReadySocketsTest, InterestCanChange) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  sockets_.change(pair_.ours, 7, kWritable);
  ASSERT_EQ(sockets_.take().size(), 1u);
  EXPECT_EQ(sockets_.take()[0].ready, kWritable);
  sockets_.change(pair_.ours, 7, kReadable);
  EXPECT_TRUE(sockets_.take().empty());
}

TEST_F(ReadySocketsTest, LostOneIsToldWithoutInterest) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  pair_.theirs.reset();
  const auto ready = sockets_.take();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_TRUE(ready[0].is_lost);
}

TEST_F(ReadySocketsTest, ClosedOneIsForgotten) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  sockets_.change(pair_.ours, 7, kWritable);
  pair_.ours.close();
  EXPECT_TRUE(sockets_.take().empty());
}

TEST_F(ReadySocketsTest, WhatIsNoSocketCannotBeAdded) {
  EXPECT_TRUE(sockets_.add(TcpSocket(-1), 7));
}

TEST_F(ReadySocketsTest, AllGetTheirTurnThoughSoManyAreTold) {
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<int> told(ReadySockets::kAtATime + 1);
  for (std::uint32_t i = 0; i < told.size(); ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    ASSERT_FALSE(sockets_.add(pairs[i]->ours, i));
    sockets_.change(pairs[i]->ours, i, kWritable);
  }
  EXPECT_EQ(sockets_.take().size(), ReadySockets::kAtATime);
  for (int i = 0; i < 3; ++i) {
    for (const ReadySocket& ready : sockets_.take()) ++told[ready.number];
  }
  for (const int times : told) EXPECT_GE(times, 1);
}

TEST_F(ReadySocketsTest, AsioWaitsUntilOneIsReady) {
  ASSERT_FALSE(sockets_.add(pair_.ours, 7));
  sockets_.change(pair_.ours, 7, kReadable);
  int calls = 0;
  sockets_.async_wait([&](std::error_code error) {
    EXPECT_FALSE(error);
    ++calls;
  });
  context_.poll();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(send_now(*pair_.theirs, "x"), 1u);
  context_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(calls, 1);
  // What is ready already is told of, too.
  sockets_.async_wait([&](std::error_code) { ++calls; });
  context_.restart();
  context_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(calls, 2);
}

TEST_F(ReadySocketsTest, CancelEndsTheWait) {
  std::error_code ended_with;
  sockets_.async_wait([&](std::error_code error) { ended_with = error; });
  sockets_.cancel();
  context_.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(ended_with);
}

}  // namespace
}  // namespace rollcall::transport
