// How far two PCIe functions are from each other.
#pragma once

#include <optional>
#include <string>

#include "probes/facts/node_facts.h"

namespace rocekit::facts::readers {

/// In the words of `nvidia-smi topo`: "PIX" (below one PCIe switch, or one function beside the other), "PXB" (several
/// switches under one root port), "PHB" (one host bridge), "NODE" (one NUMA node), "SYS" (across NUMA nodes).
/// `numa_nodes`: of the machine, 0 when not known; it decides where firmware names no node for one of the two.
/// nullopt: not enough was read to say.
std::optional<std::string> distance_between(const Pci& a, const Pci& b, int numa_nodes);

}  // namespace rocekit::facts::readers
