// One node, read and judged; every reporter renders this one object.
#pragma once

#include <string>
#include <vector>

#include "probes/checks/check.h"
#include "probes/derived/nccl_choice.h"
#include "probes/derived/rails.h"
#include "probes/facts/node_facts.h"

namespace rocekit::report {

struct ProbeReport {
  facts::NodeFacts node;
  std::vector<derived::Rail> rails;
  derived::NcclChoice nccl;  ///< of this tool's process, or of node.serving
  std::vector<checks::Finding> findings;
  checks::Verdict verdict = checks::Verdict::unknown;
};

/// Derives rails and NCCL's choice and runs `checks` (all when empty).
ProbeReport examine(facts::NodeFacts node, const checks::Expectations& expect,
                    std::vector<const checks::Check*> checks = {});

}  // namespace rocekit::report
