#include "tests/sim/campaign.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <new>
#include <sstream>

#include "engine/assert.h"
#include "tests/sim/broken.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace rollcall::sim {
namespace {

constexpr std::size_t kShrinkAttemptsMax = 5000;

// Runs `work` in a child process whose standard error is returned, and whether it ended well.
struct ChildResult {
  bool is_well;
  std::string said;
};
ChildResult in_child(const std::function<bool()>& work) {
  std::array<int, 2> pipe_ends;
  ROLLCALL_ASSERT(pipe(pipe_ends.data()) == 0);
  std::cout.flush();
  const pid_t child = fork();
  ROLLCALL_ASSERT(child >= 0);
  if (child == 0) {
    dup2(pipe_ends[1], STDERR_FILENO);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    _exit(work() ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  close(pipe_ends[1]);
  ChildResult result{false, {}};
  std::array<char, 4096> piece;
  for (ssize_t bytes = 0; (bytes = read(pipe_ends[0], piece.data(), piece.size())) > 0;) {
    result.said.append(piece.data(), static_cast<std::size_t>(bytes));
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.is_well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
  return result;
}

// What both processes see.
struct Progress {
  std::uint64_t seed;
  CampaignResult result;
};

Schedule schedule_of_seed(const Campaign& campaign, std::uint64_t seed) {
  Schedule schedule = draw_schedule(seed, campaign.events);
  schedule.uses_sqlite = campaign.uses_sqlite;
  schedule.disk_lies = campaign.disk_lies;
  return schedule;
}

bool run_all(const Campaign& campaign, Progress& progress) {
  for (; progress.seed < campaign.first_seed + campaign.seeds; ++progress.seed) {
    const Ran ran = run(schedule_of_seed(campaign, progress.seed));
    if (!ran.broken.empty()) return false;
    ++progress.result.seeds;
    progress.result.operations += ran.operations;
    progress.result.hash = std::rotl(progress.result.hash, 1) ^ ran.hash;
    progress.result.tally.add(ran.tally);
  }
  return true;
}

// The commit of the sources that this was built from, as far as it can be told.
std::string commit() {
  const std::string command =
      std::string("git -C '") + ROLLCALL_SOURCE_DIR + "' rev-parse HEAD 2>/dev/null";
  std::FILE* git = popen(command.c_str(), "r");
  if (git == nullptr) return "unknown";
  std::array<char, 64> line{};
  const bool is_known = std::fgets(line.data(), line.size(), git) != nullptr;
  pclose(git);
  std::string hash = is_known ? line.data() : "unknown";
  while (hash.ends_with('\n')) hash.pop_back();
  return hash;
}

}  // namespace

Ran run(const Schedule& schedule, const Trace& trace) {
  Ran ran;
  Setting setting(schedule.setting);
  setting.uses_sqlite = schedule.uses_sqlite;
  setting.disk_lies = schedule.disk_lies;
  World world(setting, ran.tally, trace);
  try {
    for (const Event& event : schedule.events) world.take(event);
    world.finish();
  } catch (const Broken& broken) {
    ran.broken = broken.what();
  }
  ran.hash = world.hash();
  ran.operations = world.operations();
  return ran;
}

std::string failure_of(const Schedule& schedule, bool is_traced) {
  const ChildResult child = in_child([&] {
    const Ran ran = run(schedule, is_traced ? Trace(std::cerr) : Trace());
    if (!ran.broken.empty()) std::cerr << "broken: " << ran.broken << std::endl;
    return ran.broken.empty();
  });
  if (child.is_well) return {};
  return child.said.empty() ? "it ended without a word" : child.said;
}

CampaignResult run(const Campaign& campaign) {
  void* const shared =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ROLLCALL_ASSERT(shared != MAP_FAILED);
  auto& progress = *new (shared) Progress{campaign.first_seed, {}};
  const ChildResult child = in_child([&] { return run_all(campaign, progress); });
  CampaignResult result = progress.result;
  if (!child.is_well) result.failed_seed = progress.seed;
  munmap(shared, sizeof(Progress));
  return result;
}

std::string report_of(const Campaign& campaign, std::uint64_t seed) {
  const Schedule schedule = schedule_of_seed(campaign, seed);
  std::ostringstream report;
  report << "seed " << seed << " fails\n"
         << "  commit  " << commit() << "\n"
         << "  replay  ./dev simulate --seed " << seed << " --events " << campaign.events
         << (campaign.uses_sqlite ? " --sqlite" : "")
         << (campaign.disk_lies ? " --lying-disk\n" : "\n");
  const auto fails = [](const Schedule& s) { return !failure_of(s, false).empty(); };
  if (!fails(schedule)) {
    report << "  … and does not fail when it is run again: something is not deterministic\n";
    return report.str();
  }
  const Schedule enough = shrink(schedule, fails, kShrinkAttemptsMax);
  report << "  " << enough.events.size() << " of its " << campaign.events
         << " events are enough:\n\n"
         << failure_of(enough, true);
  return report.str();
}

}  // namespace rollcall::sim
