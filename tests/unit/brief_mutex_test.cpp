#include "engine/brief_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace rollcall::engine {
namespace {

TEST(BriefMutex, LetsInOneAtATime) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 20'000;
  BriefMutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int time = 0; time < kTimes; ++time) {
        const std::lock_guard lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kTimes);
}

TEST(BriefMutex, IsWaitedForHoweverLongItIsHeld) {
  BriefMutex mutex;
  std::atomic<bool> is_waiting = false;
  bool is_over = false;
  mutex.lock();
  std::thread thread([&] {
    is_waiting = true;
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(is_over);
  });
  while (!is_waiting) std::this_thread::yield();
  // Oftener than anybody goes on looking.
  for (int times = 0; times < 10'000; ++times) std::this_thread::yield();
  is_over = true;
  mutex.unlock();
  thread.join();
}

}  // namespace
}  // namespace rollcall::engine
