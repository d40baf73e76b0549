// What matters first: findings of all steps merged over nodes, root causes before what follows from them, and the
// verdict.
#pragma once

#include <vector>

#include "tools/roce-preflight/judge/baseline_findings.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

/// The same check, severity, subject and title on several hosts is one fault. In the order in which they came.
std::vector<Found> merge(const std::vector<checks::Finding>& findings);

/// Causes (device, access, link, address, MTU, PCIe, settings), critical ones first; then what traffic showed; then
/// what matters another day (persistence, versions); what could not be checked last. The order within is kept.
void order(std::vector<Found>& findings);

/// Findings for steps that are not done, and for requirements that are not met (ROCE-PERF-015, -016, and the check that
/// a failed step's sentence names, unless `report.all` has it).
void judge_steps(const Report& report, std::vector<checks::Finding>& out);
void judge_requirements(const Report& report, std::vector<checks::Finding>& out);

/// Fills figures, findings and the verdict from what the steps left, judged against the baseline too. A step that is
/// not done is no success.
void conclude(Report& report, const BaselineFiles& baselines = {});

}  // namespace rocekit::preflight
