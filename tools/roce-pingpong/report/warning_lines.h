// What makes figures suspect, in lines: of many series, and never the same words twice.
#pragma once

#include <string>
#include <vector>

#include "core/measure/warnings.h"

namespace rocekit::pingpong {

/// A warning and the series that it was noticed in: "RC send latency, 8 B, path 0".
struct Noticed {
  std::string series;
  measure::Warning warning;
};

/// Most important first: a line for each kind, by the first series that has it, and how many others have it too; with
/// `every`, a line for each text with all its series. What is true of a run (governor, NUMA node) names no series.
std::vector<std::string> warning_lines(const std::vector<Noticed>& all, bool every);

}  // namespace rocekit::pingpong
