#pragma once

#include <string>

#include "apps/load_generator.h"
#include "apps/load_options.h"

namespace rollcall::apps {

// What a run of rollcall-load found out.
struct LoadReport {
  LoadResult registering;  // every peer once; no answers if that was left out
  LoadResult mix;          // no answers if it was not played

  std::uint64_t wrong_answers() const { return registering.wrong_answers + mix.wrong_answers; }
  // Of the first of them; empty if there was none.
  const std::string& first_wrong_answer() const {
    return registering.wrong_answers > 0 ? registering.first_wrong_answer : mix.first_wrong_answer;
  }
};

// A few lines and a histogram for people.
std::string load_report_text(const LoadReport& report, const LoadOptions& options);

// One JSON object on one line, the options of the run included. Durations are in microseconds or,
// where their names say so, in seconds. Histograms are lists of [longest duration, how many] with
// 64 steps to each power of two.
std::string load_report_json(const LoadReport& report, const LoadOptions& options);

}  // namespace rollcall::apps
