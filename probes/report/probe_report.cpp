#include "probes/report/probe_report.h"

#include <utility>

#include "probes/derived/serving_view.h"

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
  if (report.node.serving) {
    facts::NodeFacts alone = report.node;
    alone.serving.reset();
    const checks::NodeView node_side{alone, report.rails, report.nccl, expect};
    const facts::NodeFacts seen = derived::as_seen_by_serving(report.node);
    derived::NcclChoice chosen = derived::predict_serving_nccl(seen);
    report.findings = checks::run_checks(checks, {seen, report.rails, chosen, expect, &node_side});
    report.nccl = std::move(chosen);
  } else {
    report.findings = checks::run_checks(checks, {report.node, report.rails, report.nccl, expect});
  }
  report.verdict = checks::judge(report.findings);
  return report;
}

}  // namespace rocekit::report
