#include "tests/support/simulated_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace rollcall::tests {
namespace {

using Disk = std::unique_ptr<SimulatedDisk>;
using Paths = std::vector<std::string>;

// A file with this content, of which nothing is synced.
SimulatedDisk::OpenFile write_file(SimulatedDisk& disk, const std::string& path,
                                   const std::string& content) {
  SimulatedDisk::OpenFile file;
  EXPECT_EQ(disk.open(path, SimulatedDisk::Opening::kOrCreate, file), 0);
  EXPECT_EQ(disk.write(file, 0, content), 0);
  return file;
}

// Which files may be left, over many seeds.
std::set<Paths> all_left(const SimulatedDisk& disk) {
  std::set<Paths> all;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Disk left = disk.crash(seed);
    left->check_invariants();
    all.insert(left->paths());
  }
  return all;
}

TEST(SimulatedDisk, ServesAsTheFilesOfAStore) {
  SimulatedDisk disk;
  EXPECT_FALSE(disk.status("a").exists);
  EXPECT_EQ(disk.create("a"), 0);
  EXPECT_EQ(disk.create("a"), EEXIST);
  EXPECT_TRUE(disk.status("/a").is_regular);
  write_file(disk, "a", "hello");
  EXPECT_EQ(disk.status("a").bytes, 5u);
  std::string text;
  EXPECT_EQ(disk.read("a", 1, 3, text), 0);
  EXPECT_EQ(text, "ell");
  EXPECT_EQ(disk.read("a", 4, 3, text), 0);
  EXPECT_EQ(text, "o");
  EXPECT_EQ(disk.read("b", 0, 1, text), ENOENT);
  EXPECT_EQ(text, "");
  EXPECT_EQ(disk.rename("a", "b"), 0);
  EXPECT_EQ(disk.rename("a", "b"), ENOENT);
  EXPECT_EQ(disk.sync_file("a"), ENOENT);
  EXPECT_EQ(disk.remove("a"), ENOENT);
  EXPECT_EQ(disk.content("b"), "hello");
  EXPECT_EQ(disk.remove("b"), 0);
  EXPECT_EQ(disk.content("b"), std::nullopt);
  disk.check_invariants();
}

TEST(SimulatedDisk, ANewFileIsThereForSureOnceItsDirectoryWasSynced) {
  SimulatedDisk disk;
  write_file(disk, "a", "x");
  EXPECT_EQ(disk.sync_file("a"), 0);
  EXPECT_EQ(all_left(disk), (std::set<Paths>{{}, {"/a"}}));
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(all_left(disk), (std::set<Paths>{{"/a"}}));
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "x");
}

TEST(SimulatedDisk, ASyncedDirectoryDoesNotSyncWhatIsInItsFiles) {
  SimulatedDisk disk;
  write_file(disk, "a", "x");
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "");
}

TEST(SimulatedDisk, ARenameOverAFileLeavesOneOrTheOther) {
  SimulatedDisk disk;
  disk.put("a", "old");
  write_file(disk, "b", "new");
  EXPECT_EQ(disk.sync_file("b"), 0);
  EXPECT_EQ(disk.rename("b", "a"), 0);
  EXPECT_EQ(disk.content("a"), "new");
  std::set<std::string> contents;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    contents.insert(disk.crash(seed)->content("a").value());
  }
  EXPECT_EQ(contents, (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "new");
  EXPECT_EQ(all_left(disk), (std::set<Paths>{{"/a"}}));
}

TEST(SimulatedDisk, ARenamedFileThatWasNotSyncedMayBeEmpty) {
  SimulatedDisk disk;
  disk.put("a", "old");
  write_file(disk, "b", "new");
  EXPECT_EQ(disk.rename("b", "a"), 0);
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "");
}

TEST(SimulatedDisk, ARemovedFileMayComeBack) {
  SimulatedDisk disk;
  disk.put("a", "x");
  EXPECT_EQ(disk.remove("a"), 0);
  EXPECT_EQ(all_left(disk), (std::set<Paths>{{}, {"/a"}}));
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "x");
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(all_left(disk), (std::set<Paths>{{}}));
}

TEST(SimulatedDisk, DirectoryOperationsSurviveInOrder) {
  SimulatedDisk disk;
  for (const char* path : {"a", "b", "c"}) EXPECT_EQ(disk.create(path), 0);
  EXPECT_EQ(disk.remove("a"), 0);
  EXPECT_EQ(all_left(disk),
            (std::set<Paths>{{}, {"/a"}, {"/a", "/b"}, {"/a", "/b", "/c"}, {"/b", "/c"}}));
}

TEST(SimulatedDisk, AKilledProcessLosesNothingThatItWrote) {
  SimulatedDisk disk;
  disk.put("old", "x");
  write_file(disk, "a", "unsynced");
  EXPECT_EQ(disk.rename("old", "b"), 0);
  const Disk killed = disk.kill();
  killed->check_invariants();
  EXPECT_EQ(killed->paths(), (Paths{"/a", "/b"}));
  EXPECT_EQ(killed->content("a"), "unsynced");
  // But the next power loss does.
  const Disk left = killed->crash(Survival::kNothing, 0, 0);
  EXPECT_EQ(left->paths(), Paths{"/old"});
  // And it is a disk of its own.
  write_file(*killed, "a", "other...");
  EXPECT_EQ(disk.content("a"), "unsynced");
}

TEST(SimulatedDisk, NothingChangesOnceThePowerIsOff) {
  SimulatedDisk disk;
  disk.put("a", "old");
  disk.io().crash_at(1);
  SimulatedDisk::OpenFile file;
  EXPECT_EQ(disk.open("a", SimulatedDisk::Opening::kExisting, file), 0);
  EXPECT_EQ(disk.write(file, 0, "new"), EIO);
  EXPECT_EQ(disk.truncate(file, 0), EIO);
  EXPECT_EQ(disk.sync(file), EIO);
  EXPECT_EQ(disk.rename("a", "b"), EIO);
  EXPECT_EQ(disk.remove("a"), EIO);
  EXPECT_EQ(disk.create("b"), EIO);
  EXPECT_EQ(disk.sync_directory_of("a"), EIO);
  EXPECT_EQ(disk.status("a").error, EIO);
  EXPECT_EQ(disk.crash(Survival::kEverything, 0, 0)->content("a"), "old");
  EXPECT_EQ(disk.paths(), Paths{"/a"});
}

TEST(SimulatedDisk, TheLastSyncBeforeThePowerFailsCounts) {
  SimulatedDisk disk;
  disk.put("a", "old");
  const auto file = write_file(disk, "a", "new");
  disk.io().crash_at(disk.io().next() + 1);
  EXPECT_EQ(disk.sync(file), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "new");
}

TEST(SimulatedDisk, AFaultHappensOnceOrForGood) {
  SimulatedDisk disk;
  const auto file = write_file(disk, "a", "old");
  disk.io().fail_at(disk.io().next() + 1, Fault::kIoError, Times::kOnce);
  EXPECT_EQ(disk.write(file, 0, "abc"), 0);
  EXPECT_EQ(disk.write(file, 0, "xyz"), EIO);
  EXPECT_EQ(disk.content("a"), "abc");
  EXPECT_EQ(disk.write(file, 0, "def"), 0);
  disk.io().fail_at(disk.io().next(), Fault::kDiskFull, Times::kForGood);
  EXPECT_EQ(disk.write(file, 0, "xyz"), ENOSPC);
  EXPECT_EQ(disk.create("b"), ENOSPC);
  EXPECT_EQ(disk.truncate(file, 2), 0);
  EXPECT_EQ(disk.sync(file), 0);
  EXPECT_EQ(disk.content("a"), "de");
  disk.io().heal();
  EXPECT_EQ(disk.write(file, 2, "f"), 0);
  EXPECT_EQ(disk.io().count(Fault::kIoError), 1u);
  EXPECT_EQ(disk.io().count(Fault::kDiskFull), 2u);
}

TEST(SimulatedDisk, AFaultWaitsForAnIoThatItAppliesTo) {
  SimulatedDisk disk;
  const auto file = write_file(disk, "a", "old");
  const std::uint64_t first = disk.io().next();
  disk.io().fail_at(first, Fault::kFailedSync, Times::kOnce);
  EXPECT_EQ(disk.write(file, 0, "abc"), 0);
  EXPECT_EQ(disk.truncate(file, 2), 0);
  EXPECT_EQ(disk.io().first_fault(), std::nullopt);
  EXPECT_EQ(disk.sync(file), EIO);
  EXPECT_EQ(disk.sync(file), 0);
  EXPECT_EQ(disk.io().first_fault(), first + 2);
  EXPECT_EQ(disk.io().count(Fault::kFailedSync), 1u);
}

TEST(SimulatedDisk, AShortWriteLeavesAPart) {
  SimulatedDisk disk;
  const std::string sector(SimulatedFile::kSectorBytes, 'a');
  const std::string other(SimulatedFile::kSectorBytes, 'b');
  const auto file = write_file(disk, "a", sector + sector + sector);
  disk.io().fail_at(disk.io().next(), Fault::kShortWrite, Times::kForGood);
  EXPECT_EQ(disk.write(file, 0, other + other + other), ENOSPC);
  EXPECT_EQ(disk.content("a"), other + sector + sector);
  EXPECT_EQ(disk.write(file, sector.size() - 1, "bbb"), ENOSPC);
  EXPECT_EQ(disk.write(file, sector.size(), "bbb"), ENOSPC);
  EXPECT_EQ(disk.content("a"), other + sector + sector);
}

TEST(SimulatedDisk, AFailedSyncIsNotMadeUpForByALaterOne) {
  for (const Fault fault : {Fault::kFailedSync, Fault::kIoError}) {
    bool is_lost = false;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      SimulatedDisk disk({.seed = seed});
      disk.put("a", "old");
      const auto file = write_file(disk, "a", "new");
      disk.io().fail_at(disk.io().next(), fault, Times::kOnce);
      EXPECT_EQ(disk.sync(file), EIO);
      EXPECT_EQ(disk.sync(file), 0);
      EXPECT_EQ(disk.content("a"), "new");
      is_lost |= disk.crash(Survival::kEverything, 0, 0)->content("a") == "old";
    }
    EXPECT_TRUE(is_lost);
  }
}

TEST(SimulatedDisk, AFailedSyncOfADirectoryLeavesItUnsynced) {
  SimulatedDisk disk;
  EXPECT_EQ(disk.create("a"), 0);
  disk.io().fail_at(disk.io().next(), Fault::kFailedSync, Times::kOnce);
  EXPECT_EQ(disk.sync_directory_of("a"), EIO);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->paths(), Paths{});
  EXPECT_EQ(disk.sync_directory_of("a"), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->paths(), Paths{"/a"});
}

TEST(SimulatedDisk, ADiskThatIgnoresSyncsLosesAllTheSame) {
  SimulatedDisk disk({.ignores_syncs = true});
  disk.put("a", "old");
  const auto file = write_file(disk, "a", "new");
  EXPECT_EQ(disk.sync(file), 0);
  EXPECT_EQ(disk.create("b"), 0);
  EXPECT_EQ(disk.sync_directory_of("b"), 0);
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->paths(), Paths{"/a"});
  EXPECT_EQ(disk.crash(Survival::kNothing, 0, 0)->content("a"), "old");
}

TEST(SimulatedDisk, EveryIoIsNumberedCountedAndSeenBeforeItHappens) {
  SimulatedDisk disk;
  std::vector<Io> seen;
  disk.io().watch([&](std::uint64_t number, Io io) {
    EXPECT_EQ(number, seen.size());
    EXPECT_EQ(disk.paths().empty(), io == Io::kCreate);
    seen.push_back(io);
  });
  const auto file = write_file(disk, "a", "x");
  std::string text;
  EXPECT_EQ(disk.read("a", 0, 1, text), 0);
  EXPECT_EQ(disk.truncate(file, 0), 0);
  EXPECT_TRUE(disk.status("a").exists);
  EXPECT_EQ(disk.sync(file), 0);
  EXPECT_EQ(disk.rename("a", "b"), 0);
  EXPECT_EQ(disk.sync_directory_of("b"), 0);
  EXPECT_EQ(disk.remove("b"), 0);
  EXPECT_EQ(seen, (std::vector<Io>{Io::kCreate, Io::kWrite, Io::kOpen, Io::kRead, Io::kTruncate,
                                   Io::kStatus, Io::kSync, Io::kRename, Io::kSyncDirectory,
                                   Io::kRemove}));
  for (std::size_t io = 0; io < kIoKinds; ++io) {
    EXPECT_EQ(disk.io().count(static_cast<Io>(io)), 1u);
  }
}

TEST(SimulatedDisk, TheSameSeedLeavesTheSameDisk) {
  SimulatedDisk disk;
  disk.put("a", std::string(20'000, 'a'));
  for (const char* path : {"a", "b", "c"}) write_file(disk, path, std::string(10'000, *path + 1));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Disk one = disk.crash(seed);
    const Disk other = disk.crash(seed);
    ASSERT_EQ(one->paths(), other->paths());
    for (const std::string& path : one->paths())
      EXPECT_EQ(one->content(path), other->content(path));
  }
}

}  // namespace
}  // namespace rollcall::tests
