#include "probes/pair/compare_nodes.h"

#include <algorithm>

#include "probes/pair/parts.h"

namespace rocekit::pair {

std::vector<checks::Finding> compare_nodes(const std::vector<NodeOfPair>& nodes) {
  Findings found;
  if (nodes.size() < 2) return found;
  const Fabric fabric(nodes);
  compare_subnets(nodes, fabric, found);
  compare_mtu(fabric, found);
  compare_rates(fabric, found);
  compare_nccl_versions(nodes, found);
  compare_firmware(nodes, found);
  compare_system(nodes, found);
  compare_tool_versions(nodes, found);
  compare_gids(nodes, fabric, found);
  compare_nccl_networks(nodes, found);
  compare_nccl_devices(nodes, fabric, found);
  compare_bootstrap(nodes, found);
  compare_nccl_settings(nodes, found);
  compare_order(nodes, fabric, found);
  compare_shared_subnets(nodes, fabric, found);
  compare_pcie(fabric, found);
  compare_rights(nodes, found);
  compare_clocks(nodes, found);
  return found;
}

}  // namespace rocekit::pair
