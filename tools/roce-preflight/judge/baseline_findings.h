// A run judged against a baseline, and whether it may become part of one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/checks/finding.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

/// Rank 0's files, read before anything is measured.
struct BaselineFiles {
  std::string compare;                ///< --baseline; empty: not asked for
  std::optional<Baseline> past;       ///< what it holds
  std::string save;                   ///< --save-baseline; empty: not asked for
  std::optional<Baseline> to_extend;  ///< what that file holds; absent: it is new
};

/// ROCE-PERF-017 to -020; fills report.baseline. Reads rails, collectives, steps and nodes.
void judge_baseline(Report& report, const BaselineFiles& files, std::vector<checks::Finding>& out);

/// Fills what is to be saved, from the judged report: a run that is slower than its baseline, or critically slow, is
/// kept out, so that a fault does not become what is normal.
void choose_what_to_save(Report& report, const BaselineFiles& files);

/// "cpu governor of spark-1: performance -> powersave"
std::vector<std::string> changes_between(const SavedRun& before, const SavedRun& now);

/// What counts as slower, by what was measured and over what.
measure::Margins margins_of(const Quantity& quantity, bool function_only);

}  // namespace rocekit::preflight
