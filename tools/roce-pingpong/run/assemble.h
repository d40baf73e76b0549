// Results from what both ends of a pair noted. Pure.
#pragma once

#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/run/plan.h"
#include "tools/roce-pingpong/run/record.h"

namespace rocekit::pingpong {

/// Appends the results of one cell, a transport each, and the comparisons of the first with the others;
/// of a cell with both directions one Directions instead.
void add_results(const Plan& plan, const PairPlan& pair, const Cell& cell, const Settings& settings,
                 const CellRecord& a, const CellRecord& b, Report& report);

/// What cores that were slowed for a while did to the results. When all are there: what a core can do at its best is
/// known at the end.
void add_core_warnings(Report& report);

}  // namespace rocekit::pingpong
