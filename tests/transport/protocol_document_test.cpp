#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "engine/limits.h"
#include "engine/outcome.h"

// docs/protocol.md says what the code does. Its exchanges are played with the golden ones; here its
// tables are compared with the code.

namespace rollcall::tests {
namespace {

namespace limits = engine::limits;
using testing::ElementsAreArray;
using testing::UnorderedElementsAreArray;

using Row = std::pair<std::string, std::string>;

std::string document() {
  std::ifstream stream(std::filesystem::path(ROLLCALL_SOURCE_DIR) / "docs/protocol.md");
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The two groups of `pattern` in every line of the document that matches it.
std::vector<Row> rows(const std::string& pattern) {
  const std::string text = document();
  const std::regex row(pattern, std::regex::ECMAScript | std::regex::multiline);
  std::vector<Row> found;
  for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
    found.emplace_back((*at)[1], (*at)[2]);
  }
  return found;
}

std::string number(std::size_t value) { return std::to_string(value); }

std::string duration(engine::Duration value) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(value).count();
  return milliseconds % 1000 == 0 ? std::to_string(milliseconds / 1000) + " s"
                                  : std::to_string(milliseconds) + " ms";
}

TEST(ProtocolDocument, ListsEveryMessageAndNoOther) {
  std::vector<Row> messages;
  for (std::size_t i = 0; i < engine::kOutcomes; ++i) {
    const auto outcome = static_cast<engine::Outcome>(i);
    messages.emplace_back(std::to_string(static_cast<unsigned>(engine::status_of(outcome))),
                          std::string(engine::message_of(outcome)));
  }
  EXPECT_THAT(rows(R"(^\| (\d+) \| `([^`]*)` \|)"), UnorderedElementsAreArray(messages));
}

TEST(ProtocolDocument, ListsEveryLimitWithItsValue) {
  const std::vector<Row> expected = {
      {"bytes of a request", number(limits::kRequestBytesMax)},
      {"letters of a method", number(limits::kMethodLettersMax)},
      {"headers of a request", number(limits::kHeadersMax)},
      {"bytes of a header's name", number(limits::kHeaderNameBytesMax)},
      {"bytes of a header's value", number(limits::kHeaderValueBytesMax)},
      {"bytes of a nick", number(limits::kNickBytesMax)},
      {"peers that `Limit` can ask for", number(limits::kLimitMax)},
      {"peers in an answer without `Limit`; beyond it a random sample",
       number(limits::kDefaultAnswerPeersMax)},
      {"active entries", number(limits::kDefaultPeersMax)},
      {"active entries of one host", number(limits::kDefaultPeersPerHostMax)},
      {"connections (fewer where the process may open fewer files)",
       number(limits::kDefaultConnectionsMax)},
      {"connections of one host", number(limits::kDefaultConnectionsPerHostMax)},
      {"quiet", duration(limits::kDefaultQuiet)},
      {"silence that ends a trickled request", duration(limits::kTrickledSilence)},
      {"silence after which a line is missing", duration(limits::kIncompleteSilence)},
      {"time of a request", duration(limits::kRequestTime)},
      {"lease of an entry", duration(limits::kDefaultTtl)},
      {"silence after which a connection is closed (the lease, unless told otherwise)",
       duration(limits::kDefaultTtl)},
      {"time for which the answers of a client that does not read them are kept",
       duration(limits::kOutputStall)},
      {"time after a closing answer", duration(limits::kDrainTime)},
      {"bytes dropped after a closing answer", number(limits::kDrainBytesMax)},
  };
  EXPECT_THAT(rows(R"(^\| ([^|]*) \| (\d[^|]*) \| (?:`--[a-z-]+` )?\|$)"),
              ElementsAreArray(expected));
}

}  // namespace
}  // namespace rollcall::tests
