#include "engine/outcome.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <vector>

namespace rollcall::engine {
namespace {

std::vector<Outcome> all_outcomes() {
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < kOutcomes; ++i) outcomes.push_back(static_cast<Outcome>(i));
  return outcomes;
}

TEST(Outcome, BeginsItsMessageWithTheNameOfItsStatus) {
  const std::map<Status, std::string_view> names = {
      {Status::kSuccess, "Success"},
      {Status::kBadMessage, "Bad message: "},
      {Status::kForbidden, "Forbidden: "},
      {Status::kMethodNotAllowed, "Method not allowed"},
      {Status::kInternalError, "Internal error: "},
      {Status::kUnknown, "Unknown: "},
  };
  for (const Outcome outcome : all_outcomes()) {
    EXPECT_TRUE(message_of(outcome).starts_with(names.at(status_of(outcome))))
        << message_of(outcome);
  }
}

TEST(Outcome, SaysWhyInAShortAsciiPhrase) {
  for (const Outcome outcome : all_outcomes()) {
    const std::string_view message = message_of(outcome);
    EXPECT_LE(message.size(), 64u) << message;
    EXPECT_TRUE(std::ranges::all_of(message, [](char c) { return c >= 0x20 && c <= 0x7E; }));
    const bool has_reason =
        status_of(outcome) != Status::kSuccess && status_of(outcome) != Status::kMethodNotAllowed;
    EXPECT_EQ(message.find(": ") != std::string_view::npos, has_reason) << message;
  }
}

TEST(Outcome, HasAMessageThatNoOtherHas) {
  std::set<std::string_view> messages;
  for (const Outcome outcome : all_outcomes()) messages.insert(message_of(outcome));
  EXPECT_EQ(messages.size(), kOutcomes);
}

TEST(Outcome, OfSuccessIsTheOnlyOneWithItsStatus) {
  EXPECT_EQ(std::ranges::count(all_outcomes(), Status::kSuccess, status_of), 1);
  EXPECT_EQ(status_of(Outcome::kSuccess), Status::kSuccess);
}

TEST(Status, HasTheNumbersOfTheProtocol) {
  EXPECT_EQ(static_cast<int>(Status::kSuccess), 20);
  EXPECT_EQ(static_cast<int>(Status::kBadMessage), 400);
  EXPECT_EQ(static_cast<int>(Status::kForbidden), 403);
  EXPECT_EQ(static_cast<int>(Status::kMethodNotAllowed), 405);
  EXPECT_EQ(static_cast<int>(Status::kInternalError), 500);
  EXPECT_EQ(static_cast<int>(Status::kUnknown), 999);
}

}  // namespace
}  // namespace rollcall::engine
