#include "probes/report/probe_report.h"

#include <utility>

namespace rocekit::report {

ProbeReport examine(facts::NodeFacts node, const checks::Expectations& expect,
                    std::vector<const checks::Check*> checks) {
  if (checks.empty()) {
    for (const checks::Check& check : checks::all_checks()) checks.push_back(&check);
  }
  ProbeReport report;
  report.node = std::move(node);
  report.rails = derived::find_rails(report.node);
  report.nccl = derived::predict_nccl(report.node);
  report.findings = checks::run_checks(checks, {report.node, report.rails, report.nccl, expect});
  report.verdict = checks::judge(report.findings);
  return report;
}

}  // namespace rocekit::report
