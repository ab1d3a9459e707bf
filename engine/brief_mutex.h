#pragma once

#include <mutex>

namespace rollcall::engine {

// A mutex that is mostly held for no longer than a batch of requests takes, a few microseconds.
// Whoever finds it taken looks again for a little longer than that before it sleeps, because to
// sleep and to be woken takes longer still. Held for longer it is waited for like a std::mutex;
// like that it must not be locked twice by one thread.
class BriefMutex {
 public:
  void lock() {
    for (int looks = 0; looks < kLooksMax; ++looks) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  static constexpr int kLooksMax = 400;

  // Tells the processor that this is a loop that waits.
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::mutex mutex_;
};

}  // namespace rollcall::engine
