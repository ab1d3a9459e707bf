#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Dependencies point one way: engine <- transport, store <- apps; tests, fuzz and bench see all,
// and nobody sees them. What a file depends on is what it includes.

namespace rollcall::tests {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string target;
  bool angled;  // <target> rather than "target"
};

// The includes of a source file. Includes are the only lines of ours that begin like this, comments
// included, so no preprocessor is needed.
std::vector<Include> includes_of(std::istream& source) {
  constexpr std::string_view kDirective = "#include ";
  std::vector<Include> includes;
  for (std::string line; std::getline(source, line);) {
    if (!line.starts_with(kDirective)) continue;
    const std::size_t open = kDirective.size();
    const std::size_t close = line.find_first_of("\">", open + 1);
    includes.push_back({line.substr(open + 1, close - open - 1), line[open] == '<'});
  }
  return includes;
}

// The standard library's headers are the ones without a path or an extension; <assert.h> and the
// other C headers have C++ names.
bool is_standard(const Include& include) {
  return include.angled && include.target.find_first_of("/.") == std::string::npos;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }

// Which folders of ours a folder may include.
const std::map<std::string, std::set<std::string>>& allowed_folders() {
  static const std::set<std::string> all = {"engine", "transport", "store", "apps",
                                            "tests",  "fuzz",      "bench"};
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"engine", {"engine"}},
      {"transport", {"engine", "transport"}},
      {"store", {"engine", "store"}},
      {"apps", {"engine", "transport", "store", "apps"}},
      {"tests", all},
      {"fuzz", all},
      {"bench", all},
  };
  return allowed;
}

// Why a file in `folder` may not have this include; empty if it may.
std::string objection(const std::string& folder, const Include& include) {
  if (include.angled) {
    const bool fine = folder != "engine" || is_standard(include);
    return fine ? "" : "the engine includes nothing but the standard library and itself";
  }
  const std::string target = folder_of(include.target);
  if (!allowed_folders().contains(target)) return "includes are written from the root";
  if (!allowed_folders().at(folder).contains(target)) return folder + " may not see " + target;
  return "";
}

bool is_source(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cpp";
}

TEST(Includes, PointOneWay) {
  const fs::path root = ROLLCALL_SOURCE_DIR;
  std::map<std::string, std::size_t> files;
  for (const auto& [folder, seen] : allowed_folders()) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!is_source(entry.path())) continue;
      ++files[folder];
      std::ifstream source(entry.path());
      for (const Include& include : includes_of(source)) {
        EXPECT_EQ(objection(folder, include), "")
            << fs::relative(entry.path(), root).string() << " includes " << include.target;
        EXPECT_TRUE(include.angled || fs::exists(root / include.target)) << include.target;
      }
    }
  }
  // Nothing was overlooked because it moved.
  EXPECT_GT(files["engine"], 10u);
  EXPECT_GT(files["transport"], 1u);
  EXPECT_GT(files["tests"], 5u);
}

TEST(Includes, OfTheWrongWayAreNoticed) {
  EXPECT_EQ(objection("engine", {"engine/time.h", false}), "");
  EXPECT_EQ(objection("engine", {"vector", true}), "");
  EXPECT_NE(objection("engine", {"asio.hpp", true}), "");
  EXPECT_NE(objection("engine", {"sys/socket.h", true}), "");
  EXPECT_NE(objection("engine", {"transport/loopback.h", false}), "");
  EXPECT_NE(objection("transport", {"store/store.h", false}), "");
  EXPECT_NE(objection("store", {"transport/loopback.h", false}), "");
  EXPECT_NE(objection("transport", {"apps/options.h", false}), "");
  EXPECT_NE(objection("apps", {"tests/support/seeded_random.h", false}), "");
  EXPECT_NE(objection("engine", {"time.h", false}), "");
  EXPECT_EQ(objection("fuzz", {"tests/support/seeded_random.h", false}), "");
}

}  // namespace
}  // namespace rollcall::tests
