// What the figures and their proof mean: the checks ROCE-PERF-009 to -014.
#pragma once

#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// Appends a finding for each fault that the results show, and sets the verdict: ready when something was measured and
/// nothing is wrong, unknown when nothing was. Findings that are there already count for the verdict. Fields that are
/// read: sides, subjects, results, comparisons, verifications, required, function_only, hosts.
void judge(Report& report);

}  // namespace rocekit::pattern
