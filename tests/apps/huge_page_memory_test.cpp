#include "apps/huge_page_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/allocation_counter.h"

namespace rollcall::apps {
namespace {

using testing::ContainsRegex;

constexpr std::size_t kRegionBytes = HugePageMemory::kRegionBytes;
constexpr std::size_t kBlockBytes = std::size_t{64} << 10;
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kPages = kRegionBytes / kPageBytes;

std::uintptr_t address_of(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

// Which region a block is in.
std::uintptr_t region_of(const void* block) {
  return address_of(block) / kRegionBytes * kRegionBytes;
}

// Pages of the region that have memory behind them, or -1 if there is no region any more.
std::ptrdiff_t resident_pages(std::uintptr_t region) {
  std::array<unsigned char, kPages> pages;
  if (mincore(reinterpret_cast<void*>(region), kRegionBytes, pages.data()) != 0) return -1;
  return std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
}

// What the kernel says of the mapping that the region is in.
std::string flags_of(std::uintptr_t region) {
  std::ifstream smaps("/proc/self/smaps");
  bool is_in_it = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t first = 0;
    std::uintptr_t last = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2) {
      is_in_it = first <= region && region < last;
    } else if (is_in_it && line.starts_with("VmFlags:")) {
      return line + ' ';
    }
  }
  return "";
}

TEST(HugePageMemory, BlocksDoNotOverlapAndKeepWhatIsWrittenThere) {
  HugePageMemory memory;
  struct Block {
    unsigned char* at;
    std::size_t bytes;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < 500; ++i) {
    const std::size_t bytes = std::array<std::size_t, 4>{65'536, 8'200, 12'296, 1}[i % 4];
    const std::size_t alignment = std::array<std::size_t, 3>{64, 8, 1}[i % 3];
    auto* const at = static_cast<unsigned char*>(memory.allocate(bytes, alignment));
    EXPECT_EQ(address_of(at) % alignment, 0u);
    std::memset(at, static_cast<int>(i % 251), bytes);
    blocks.push_back({at, bytes});
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto is_own = [i](unsigned char byte) { return byte == i % 251; };
    EXPECT_TRUE(std::all_of(blocks[i].at, blocks[i].at + blocks[i].bytes, is_own)) << i;
  }
}

TEST(HugePageMemory, ABlockMayBeAsLargeAsARegion) {
  HugePageMemory memory;
  for (const std::size_t alignment : {kRegionBytes, std::size_t{1}}) {
    const std::uintptr_t region = address_of(memory.allocate(kRegionBytes, alignment));
    EXPECT_EQ(region % kRegionBytes, 0u);
    // Only the memory's own mappings have it said how large their pages are to be.
    EXPECT_THAT(flags_of(region), ContainsRegex(" (hg|nh) "));
  }
}

TEST(HugePageMemory, ALargerBlockIsInNoRegionAndGivenBackAtOnce) {
  struct Size {
    std::size_t bytes;
    std::size_t alignment;
  };
  HugePageMemory memory;
  auto* const first = static_cast<unsigned char*>(memory.allocate(1, 1));
  const tests::AllocationCounter allocations;
  for (const Size size : {Size{kRegionBytes + 1, 1}, Size{1, 2 * kRegionBytes}}) {
    auto* const block = static_cast<unsigned char*>(memory.allocate(size.bytes, size.alignment));
    EXPECT_EQ(address_of(block) % size.alignment, 0u);
    std::memset(block, 1, size.bytes);
    memory.deallocate(block, size.bytes, size.alignment);
  }
  EXPECT_EQ(allocations.held(), 0u);
  // The region is as it was.
  EXPECT_EQ(memory.allocate(1, 1), first + 1);
}

TEST(HugePageMemory, SmallBlocksFillWhatIsTooLittleForLargeOnes) {
  HugePageMemory memory;
  const std::uintptr_t first = region_of(memory.allocate(kRegionBytes - kBlockBytes + 1, 1));
  EXPECT_NE(region_of(memory.allocate(kBlockBytes, 1)), first);
  EXPECT_EQ(region_of(memory.allocate(kBlockBytes - 1, 1)), first);
  EXPECT_NE(region_of(memory.allocate(1, 1)), first);
}

TEST(HugePageMemory, AShortListTakesNoMoreThanItNeeds) {
  HugePageMemory memory;
  void* const block = memory.allocate(kBlockBytes, 64);
  EXPECT_EQ(resident_pages(region_of(block)), 0);
  std::memset(block, 1, kBlockBytes);
  EXPECT_EQ(resident_pages(region_of(block)), kBlockBytes / kPageBytes);
}

TEST(HugePageMemory, TheNextRegionIsReadyBeforeItIsNeeded) {
  constexpr std::size_t kBlocks = kRegionBytes / kBlockBytes;
  HugePageMemory memory;
  for (int i = 0; i < 4; ++i) {
    const std::uintptr_t region = region_of(memory.allocate(kBlockBytes, 64));
    EXPECT_EQ(resident_pages(region), i == 0 ? 0 : kPages);
    EXPECT_NE(flags_of(region).find(i == 0 ? " nh " : " hg "), std::string::npos);
    for (std::size_t block = 1; block < kBlocks; ++block) {
      EXPECT_EQ(region_of(memory.allocate(kBlockBytes, 64)), region);
      // Now less than half is left.
      if (block == kBlocks / 2) memory.wait_until_ready();
    }
  }
}

TEST(HugePageMemory, MakesNothingReadyWhileHalfIsLeft) {
  HugePageMemory memory;
  static_cast<void>(memory.allocate(kRegionBytes / 2, 1));
  memory.wait_until_ready();
  const std::uintptr_t second = region_of(memory.allocate(kRegionBytes, 1));
  EXPECT_EQ(resident_pages(second), 0);
  // Nothing is left of that one, but half of the first.
  memory.wait_until_ready();
  static_cast<void>(memory.allocate(1, 1));
  memory.wait_until_ready();
  EXPECT_EQ(resident_pages(region_of(memory.allocate(kRegionBytes, 1))), kPages);
}

TEST(HugePageMemory, IsGivenBackInTheEnd) {
  std::vector<std::uintptr_t> regions;
  {
    HugePageMemory memory;
    for (int i = 0; i < 3; ++i) regions.push_back(region_of(memory.allocate(kRegionBytes, 1)));
    for (const std::uintptr_t region : regions) EXPECT_GE(resident_pages(region), 0);
  }
  for (const std::uintptr_t region : regions) {
    EXPECT_EQ(resident_pages(region), -1);
    EXPECT_EQ(errno, ENOMEM);
  }
}

TEST(HugePageMemory, MayBeUsedByManyThreadsAtOnce) {
  HugePageMemory memory;
  std::array<std::vector<std::uintptr_t>, 4> blocks;
  std::vector<std::thread> threads;
  for (auto& own : blocks) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) own.push_back(address_of(memory.allocate(kBlockBytes, 64)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::uintptr_t> all;
  for (const auto& own : blocks) all.insert(all.end(), own.begin(), own.end());
  std::ranges::sort(all);
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i] - all[i - 1], kBlockBytes);
}

TEST(HugePageMemory, ItsThreadTakesNoSignals) {
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  HugePageMemory memory;
  static_cast<void>(memory.allocate(kRegionBytes, 1));
  memory.wait_until_ready();  // the thread has begun
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  // Where the thread took it, it would end the process.
  ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
  const timespec patience{10, 0};
  EXPECT_EQ(sigtimedwait(&signals, nullptr, &patience), SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace rollcall::apps
