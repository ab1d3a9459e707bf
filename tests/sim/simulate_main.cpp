// Runs simulations: `simulate --seed 1 --seeds 1000`.

#include <sys/resource.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "tests/sim/campaign.h"

namespace {

using namespace rollcall;

constexpr std::string_view kUsage =
    "usage: simulate [--seed N] [--seeds N] [--events N] [--sqlite] [--lying-disk]\n"
    "  --seed N      the first seed (1)\n"
    "  --seeds N     how many, one after the other (1)\n"
    "  --events N    events of a run (300)\n"
    "  --sqlite      runs SQLite on a simulated disk, and not the store in memory\n"
    "  --lying-disk  says that it has synced, and has not: a canary that has to fail\n"
    "Prints what was met; a failure is replayed, shrunk and told, and the exit status is 1.\n";
constexpr int kExitUsage = 64;

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  return error == std::errc() && end == text.end() && value > 0;
}

bool parse(int argc, char** argv, sim::Campaign& campaign) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--lying-disk" || option == "--sqlite") {
      (option == "--sqlite" ? campaign.uses_sqlite : campaign.disk_lies) = true;
      continue;
    }
    std::uint64_t value = 0;
    if (++i == argc || !parse_number(argv[i], value)) return false;
    if (option == "--seed") {
      campaign.first_seed = value;
    } else if (option == "--seeds") {
      campaign.seeds = value;
    } else if (option == "--events") {
      campaign.events = value;
    } else {
      return false;
    }
  }
  return true;
}

// What the runs took, whatever else the machine was busy with.
double seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::cout << kUsage;
    return EXIT_SUCCESS;
  }
  sim::Campaign campaign;
  if (!parse(argc, argv, campaign)) {
    std::cerr << kUsage;
    return kExitUsage;
  }
  const sim::CampaignResult result = run(campaign);

  for (std::size_t i = 0; i < sim::kMet; ++i) {
    const auto met = static_cast<sim::Met>(i);
    std::printf("%12llu  %s\n", static_cast<unsigned long long>(result.tally.of(met)),
                std::string(name_of(met)).c_str());
  }
  std::printf("%llu seeds, %llu operations, %.0f a second of one core, hash %016llx\n",
              static_cast<unsigned long long>(result.seeds),
              static_cast<unsigned long long>(result.operations),
              static_cast<double>(result.operations) / seconds_of_children(),
              static_cast<unsigned long long>(result.hash));
  std::fflush(stdout);

  if (result.failed_seed.has_value()) {
    std::cout << report_of(campaign, *result.failed_seed);
    return EXIT_FAILURE;
  }
  bool is_missing = false;
  // Some are told of the store in memory only.
  if (campaign.seeds >= sim::kSeedsToMeetAll && !campaign.uses_sqlite) {
    for (const sim::Met met : result.tally.missing()) {
      std::cout << "never met: " << name_of(met) << '\n';
      is_missing = true;
    }
  }
  return is_missing ? EXIT_FAILURE : EXIT_SUCCESS;
}
