// Ports that could carry traffic, and which of them add bandwidth to those already in use.
#pragma once

#include <vector>

#include "probes/checks/evidence.h"

namespace rocekit::checks {

/// ACTIVE ports that NCCL could use: InfiniBand, and RoCE with an IPv4-mapped GID. Access, NCCL_IB_HCA and
/// NCCL_IB_DISABLE are not looked at.
std::vector<PortView> usable_ports(const NodeView& view);

/// `port` shares its physical port with one of `used` through another PCIe function.
bool is_twin_of_any(const PortView& port, const std::vector<PortView>& used);

/// Usable ports that are not in `used` and would add bandwidth to them: twins, and ports of the same kind and at least
/// the same rate, as long as their PCIe slot has more to give. A slower port (a LAN card) is not among them.
std::vector<PortView> ports_that_would_add(const NodeView& view, const std::vector<PortView>& used);

}  // namespace rocekit::checks
