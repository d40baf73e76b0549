#include "probes/checks/usable_ports.h"

#include <algorithm>

namespace rocekit::checks {
namespace {

bool same_port(const PortView& a, const PortView& b) { return a.port == b.port; }

/// Domain, bus and device of a PCI address, without the function.
std::string slot_of(const PortView& port) {
  if (!port.device->pci) return "";
  const std::string& address = port.device->pci->address;
  return address.substr(0, address.rfind('.'));
}

/// Another function of the same PCIe slot is in use already and can fill the slot by itself: on GB10 a second cable
/// adds nothing, as both cages share the same lanes.
bool slot_is_full(const PortView& port, const std::vector<PortView>& used) {
  const std::string slot = slot_of(port);
  if (slot.empty()) return false;
  return std::any_of(used.begin(), used.end(), [&](const PortView& other) {
    return slot_of(other) == slot && other.device != port.device && other.device->pci->bandwidth_gbit_s &&
           other.port->rate_gbit_s && *other.device->pci->bandwidth_gbit_s <= *other.port->rate_gbit_s;
  });
}

bool is_peer_of_any(const PortView& port, const std::vector<PortView>& used) {
  return std::any_of(used.begin(), used.end(), [&](const PortView& other) {
    return other.device->kind == port.device->kind && other.port->rate_gbit_s && port.port->rate_gbit_s &&
           *port.port->rate_gbit_s >= *other.port->rate_gbit_s;
  });
}

}  // namespace

std::vector<PortView> usable_ports(const NodeView& view) {
  std::vector<PortView> usable;
  for (const PortView& port : all_ports(view)) {
    if (!port.active()) continue;
    const bool needs_ipv4 = is_roce(*port.device) && !port.port->link_layer.is("InfiniBand");
    const bool has_ipv4 = std::any_of(port.port->gids.begin(), port.port->gids.end(),
                                      [](const facts::Gid& gid) { return gid.ipv4.has_value(); });
    if (!needs_ipv4 || has_ipv4) usable.push_back(port);
  }
  return usable;
}

bool is_twin_of_any(const PortView& port, const std::vector<PortView>& used) {
  return port.rail != nullptr && port.rail->twins && std::any_of(used.begin(), used.end(), [&](const PortView& other) {
           return other.rail == port.rail && !same_port(port, other);
         });
}

std::vector<PortView> ports_that_would_add(const NodeView& view, const std::vector<PortView>& used) {
  std::vector<PortView> more;
  for (const PortView& port : usable_ports(view)) {
    const bool in_use =
        std::any_of(used.begin(), used.end(), [&](const PortView& other) { return same_port(port, other); });
    if (in_use) continue;
    if (is_twin_of_any(port, used) || (is_peer_of_any(port, used) && !slot_is_full(port, used))) more.push_back(port);
  }
  return more;
}

}  // namespace rocekit::checks
