#include "probes/facts/readers/proximity.h"

#include <algorithm>
#include <string_view>

namespace rocekit::facts::readers {
namespace {

/// "0000:17" of "0000:17:01.0": root ports on one bus belong to one host bridge.
std::string_view domain_and_bus(std::string_view address) { return address.substr(0, address.rfind(':')); }

std::optional<bool> one_numa_node(const Pci& a, const Pci& b, int numa_nodes) {
  if (numa_nodes == 1) return true;
  if (!a.numa_node || !b.numa_node) return std::nullopt;
  if (*a.numa_node < 0 || *b.numa_node < 0) {
    // Firmware that names no node for either describes a machine of one node.
    return *a.numa_node < 0 && *b.numa_node < 0 ? std::optional(true) : std::nullopt;
  }
  return *a.numa_node == *b.numa_node;
}

}  // namespace

std::optional<std::string> distance_between(const Pci& a, const Pci& b, int numa_nodes) {
  if (!a.hops.empty() && !b.hops.empty()) {
    const auto same_hop = [](const PciHop& x, const PciHop& y) { return x.address == y.address; };
    const auto parted = std::mismatch(a.hops.begin(), a.hops.end(), b.hops.begin(), b.hops.end(), same_hop);
    const auto apart_a = a.hops.end() - parted.first;
    const auto apart_b = b.hops.end() - parted.second;
    if (parted.first != a.hops.begin()) {
      // Below a common switch each side has its own downstream port and itself.
      return apart_a <= 2 && apart_b <= 2 ? "PIX" : "PXB";
    }
    // A function straight on a root bus stands for itself, as the root ports do.
    if (domain_and_bus(a.hops.front().address) == domain_and_bus(b.hops.front().address)) return "PHB";
  }
  const auto near = one_numa_node(a, b, numa_nodes);
  if (!near) return std::nullopt;
  return *near ? "NODE" : "SYS";
}

}  // namespace rocekit::facts::readers
