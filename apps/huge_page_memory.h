#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace rollcall::apps {

// Memory for a long list: in huge pages, where an access waits less for its address to be
// translated. Blocks are cut from regions, and given back all at once in the end; none is used
// again before. One that is larger than a region, or aligned to more, comes from `new` and goes
// back there.
//
// A region takes the system 0.2 ms and more, so a thread makes the next one ready once less than
// half is left of the last. The first has ordinary pages, so that a list that fits in there takes
// no more memory than it needs; so has one that is needed before it is ready, or where the system
// has no huge page or no thread.
class HugePageMemory final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t kRegionBytes = std::size_t{2} << 20;

  HugePageMemory() = default;
  ~HugePageMemory() override;

  // Returns once no region is being made ready.
  void wait_until_ready();

 private:
  using Region = std::span<std::byte>;

  // Throws std::bad_alloc if the system has no memory.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  // Null if there is no room for it.
  void* cut(std::size_t bytes, std::size_t alignment);
  void add_region();
  void want_region();
  void prepare_regions();

  std::mutex mutex_;
  std::vector<Region> regions_;
  // What is left of the regions with the most, so that small blocks fill what was too little for
  // others.
  std::array<Region, 4> rests_;
  Region prepared_;
  std::condition_variable wake_;
  std::condition_variable ready_;
  bool is_wanted_ = false;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace rollcall::apps
