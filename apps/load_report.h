#pragma once

#include <string>

#include "apps/load_generator.h"
#include "apps/load_options.h"
#include "engine/time.h"

namespace rollcall::apps {

// What a run of rollcall-load found out.
struct LoadReport {
  LoadResult registering;  // every peer once
  LoadResult mix;          // no answers if it was not played
  // Processor time of this program while the mix was played. Close to the time itself, it was the
  // load generator that could not go faster.
  engine::Duration processor_time{};

  std::uint64_t wrong_answers() const { return registering.wrong_answers + mix.wrong_answers; }
  // Of the first of them; empty if there was none.
  const std::string& first_wrong_answer() const {
    return registering.wrong_answers > 0 ? registering.first_wrong_answer : mix.first_wrong_answer;
  }
};

// A few lines for people.
std::string load_report_text(const LoadReport& report);

// One JSON object on one line, the options of the run included.
std::string load_report_json(const LoadReport& report, const LoadOptions& options);

}  // namespace rollcall::apps
