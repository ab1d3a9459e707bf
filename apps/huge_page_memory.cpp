#include "apps/huge_page_memory.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace rollcall::apps {
namespace {

constexpr std::size_t kRegionBytes = HugePageMemory::kRegionBytes;
constexpr std::size_t kPageBytes = 4096;

// Of ordinary pages, at a multiple of its size, as a huge page has to be. Empty if the system has
// no memory.
std::span<std::byte> map_region() {
  constexpr std::size_t kMappedBytes = 2 * kRegionBytes - kPageBytes;
  void* const mapped =
      mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return {};
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(mapped) % kRegionBytes;
  const std::size_t behind = kMappedBytes - before - kRegionBytes;
  if (before > 0) munmap(begin, before);
  if (behind > 0) munmap(begin + before + kRegionBytes, behind);
  madvise(begin + before, kRegionBytes, MADV_NOHUGEPAGE);
  return {begin + before, kRegionBytes};
}

void unmap(std::span<std::byte> region) {
  if (!region.empty()) munmap(region.data(), region.size());
}

// Has the system give the memory now, as one page if it can.
void populate(std::span<std::byte> region) {
  if (region.empty()) return;
  madvise(region.data(), region.size(), MADV_HUGEPAGE);
  for (std::size_t at = 0; at < region.size(); at += kPageBytes) {
    static_cast<volatile std::byte&>(region[at]) = std::byte{0};
  }
}

bool fits_in_region(std::size_t bytes, std::size_t alignment) {
  return bytes <= kRegionBytes && alignment <= kRegionBytes;
}

bool is_less(std::span<std::byte> a, std::span<std::byte> b) { return a.size() < b.size(); }

}  // namespace

HugePageMemory::~HugePageMemory() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (const Region region : regions_) unmap(region);
  unmap(prepared_);
}

void HugePageMemory::wait_until_ready() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return !is_wanted_; });
}

void* HugePageMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (!fits_in_region(bytes, alignment)) {
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  const std::lock_guard lock(mutex_);
  void* block = cut(bytes, alignment);
  if (block == nullptr) {
    add_region();
    block = cut(bytes, alignment);
  }
  const std::size_t most_left = std::ranges::max_element(rests_, is_less)->size();
  if (most_left < kRegionBytes / 2 && prepared_.empty() && !is_wanted_) want_region();
  return block;
}

void HugePageMemory::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  if (fits_in_region(bytes, alignment)) return;
  std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
}

void* HugePageMemory::cut(std::size_t bytes, std::size_t alignment) {
  for (Region& rest : rests_) {
    void* at = rest.data();
    std::size_t left = rest.size();
    if (std::align(alignment, bytes, at, left) == nullptr) continue;
    rest = Region(static_cast<std::byte*>(at), left).subspan(bytes);
    return at;
  }
  return nullptr;
}

void HugePageMemory::add_region() {
  Region& region = regions_.emplace_back();
  region = prepared_.empty() ? map_region() : std::exchange(prepared_, {});
  if (region.empty()) {
    regions_.pop_back();
    throw std::bad_alloc();
  }
  *std::ranges::min_element(rests_, is_less) = region;
}

void HugePageMemory::want_region() {
  is_wanted_ = true;
  if (thread_.joinable()) return wake_.notify_one();
  // Signals are for threads that expect them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { prepare_regions(); });
  } catch (const std::system_error&) {
    is_wanted_ = false;  // there may be a thread to be had later
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void HugePageMemory::prepare_regions() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return is_wanted_ || is_ending_; });
    if (is_ending_) return;
    lock.unlock();
    const Region region = map_region();
    populate(region);
    lock.lock();
    prepared_ = region;
    is_wanted_ = false;
    ready_.notify_all();
  }
}

}  // namespace rollcall::apps
