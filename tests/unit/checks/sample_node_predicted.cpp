#include "tests/unit/checks/sample_node.h"

namespace rocekit::checks::sample {

std::vector<Finding> run(std::string_view id, const facts::NodeFacts& node, const Expectations& expect) {
  return run(id, node, derived::predict_nccl(node), expect);
}

std::vector<Finding> run_all(const facts::NodeFacts& node, const Expectations& expect) {
  std::vector<const Check*> checks;
  for (const Check& check : all_checks()) checks.push_back(&check);
  const std::vector<derived::Rail> rails = derived::find_rails(node);
  const derived::NcclChoice nccl = derived::predict_nccl(node);
  return run_checks(checks, {node, rails, nccl, expect});
}

}  // namespace rocekit::checks::sample
