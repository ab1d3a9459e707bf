#include "apps/load_report.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace rollcall::apps {
namespace {

using std::chrono::microseconds;

LoadReport report_of_three_answers() {
  LoadReport report;
  report.mix.answers = 3;
  report.mix.time = std::chrono::seconds(2);
  report.mix.latency.record(microseconds(10), 2);
  report.mix.latency.record(microseconds(5000));
  report.mix.since_sent.record(microseconds(10), 3);
  report.mix.unsent = 7;
  report.mix.own_processor_time = std::chrono::milliseconds(500);
  report.mix.server_processor_time = std::chrono::milliseconds(1500);
  report.mix.server_resident_bytes = 123'456'789;
  return report;
}

TEST(LoadReport, AsJsonHasEverythingInIt) {
  LoadOptions options;
  options.rate = 1000;
  const std::string text = load_report_json(report_of_three_answers(), options);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["protocol"], "rollcall");
  EXPECT_EQ(json["rate"], 1000);
  EXPECT_FALSE(json.contains("registering"));
  const auto& played = json["played"];
  EXPECT_EQ(played["per_second"], 1.5);
  EXPECT_EQ(played["unsent"], 7);
  EXPECT_EQ(played["server_processor_seconds"], 1.5);
  EXPECT_EQ(played["server_resident_bytes"], 123'456'789);
  EXPECT_EQ(played["latency_us"]["max"], 5000);
  EXPECT_EQ(played["latency_us"]["histogram"].size(), 2u);
  EXPECT_EQ(played["latency_us"]["histogram"][0][1], 2);
  EXPECT_EQ(played["since_sent_us"]["histogram"][0][1], 3);
}

TEST(LoadReport, AsJsonIsWellFormedWhateverAServerSent) {
  LoadReport report;
  report.registering.answers = 1;
  report.registering.time = std::chrono::seconds(1);
  report.registering.wrong_answers = 1;
  report.registering.first_wrong_answer = "\xFF\"\x1B\n\\";
  const auto json = nlohmann::json::parse(load_report_json(report, {}));
  EXPECT_EQ(json["first_wrong_answer"], "\xEF\xBF\xBD\"\x1B\n\\");
}

TEST(LoadReport, DrawsAHistogramByPowersOfTwo) {
  const std::string text = load_report_text(report_of_three_answers(), {});
  EXPECT_NE(text.find("<         16.4 us  66.6667 % " + std::string(50, '#') + '\n'),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("<       8388.6 us  33.3333 % " + std::string(25, '#') + '\n'),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("500000000 ns a request, and has 123 MB"), std::string::npos) << text;
}

}  // namespace
}  // namespace rollcall::apps
