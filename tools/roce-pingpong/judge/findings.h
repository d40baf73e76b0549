// What the figures mean: the checks ROCE-PERF and ROCE-PAIR.
#pragma once

#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// Appends a finding for each fault that the results show, and sets the verdict: ready when something was measured and
/// nothing is wrong, unknown when nothing was. Findings that are there already count for the verdict.
void judge(Report& report);

}  // namespace rocekit::pingpong
