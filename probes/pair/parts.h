// The comparisons that compare_nodes() joins; each adds findings of the checks it names.
#pragma once

#include <vector>

#include "probes/checks/finding.h"
#include "probes/pair/compare_nodes.h"
#include "probes/pair/fabric.h"

namespace rocekit::pair {

using Nodes = std::vector<NodeOfPair>;
using Findings = std::vector<checks::Finding>;

/// The process that serves where one is named, else the tool's own.
const facts::Process& process_of(const facts::NodeFacts& node);

void compare_nccl_versions(const Nodes& nodes, Findings& out);                       ///< ROCE-PAIR-005
void compare_firmware(const Nodes& nodes, Findings& out);                            ///< ROCE-PAIR-006
void compare_system(const Nodes& nodes, Findings& out);                              ///< ROCE-PAIR-007
void compare_tool_versions(const Nodes& nodes, Findings& out);                       ///< ROCE-PAIR-008
void compare_nccl_networks(const Nodes& nodes, Findings& out);                       ///< ROCE-PAIR-010
void compare_nccl_devices(const Nodes& nodes, const Fabric& fabric, Findings& out);  ///< ROCE-PAIR-011
void compare_bootstrap(const Nodes& nodes, Findings& out);                           ///< ROCE-PAIR-012
void compare_nccl_settings(const Nodes& nodes, Findings& out);                       ///< ROCE-PAIR-013
void compare_rights(const Nodes& nodes, Findings& out);                              ///< ROCE-PAIR-017
void compare_clocks(const Nodes& nodes, Findings& out);                              ///< ROCE-PAIR-018

void compare_subnets(const Nodes& nodes, const Fabric& fabric, Findings& out);         ///< ROCE-PAIR-001
void compare_order(const Nodes& nodes, const Fabric& fabric, Findings& out);           ///< ROCE-PAIR-014
void compare_shared_subnets(const Nodes& nodes, const Fabric& fabric, Findings& out);  ///< ROCE-PAIR-015

void compare_mtu(const Fabric& fabric, Findings& out);                       ///< ROCE-PAIR-002
void compare_rates(const Fabric& fabric, Findings& out);                     ///< ROCE-PAIR-004
void compare_gids(const Nodes& nodes, const Fabric& fabric, Findings& out);  ///< ROCE-PAIR-009
void compare_pcie(const Fabric& fabric, Findings& out);                      ///< ROCE-PAIR-016

}  // namespace rocekit::pair
