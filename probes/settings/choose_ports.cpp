#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include <optional>
#include <utility>

#include "probes/checks/fabric.h"
#include "probes/checks/uverbs_nodes.h"
#include "probes/derived/nccl_choice_parts.h"
#include "probes/settings/parts.h"

namespace rocekit::settings {
namespace {

using checks::PortView;
using facts::DeviceKind;
using facts::NodeFacts;

constexpr std::size_t most_ports = 32;  // MAX_IB_DEVS of NCCL

bool needs_gid(const PortView& port) { return !port.port->link_layer.is("InfiniBand"); }

/// Why traffic cannot take this ACTIVE port; empty: it can. `node` holds no settings but the address family.
std::string objection_to(const NodeFacts& node, const PortView& port, bool here) {
  const auto& layer = port.port->link_layer;
  const bool supported = !layer || *layer == "InfiniBand" || *layer == "Ethernet";
  if (!supported || port.device->kind == DeviceKind::iwarp || port.device->kind == DeviceKind::omni_path) {
    return fmt::format("it is {}, which NCCL does not use", checks::kind_words(port.device->kind));
  }
  if (needs_gid(port) && port.netdev == nullptr) {
    return "its network interface is not visible here (another network namespace), run roce-probe env on the host "
           "(ROCE-GID-003)";
  }
  if (!derived::nccl::choose_gid(node, *port.port).usable) {
    const std::vector<const facts::Netdev*> stack = checks::netdevs_over(node, *port.netdev);
    const bool addressed = std::any_of(stack.begin(), stack.end(), [](const facts::Netdev* netdev) {
      return !checks::ipv4_addresses(*netdev).empty();
    });
    if (addressed) return "it has no RoCE v2 GID for its address (ROCE-GID-001)";
    return fmt::format("{} has no IPv4 address (ROCE-NET-001), roce-probe env --for netplan proposes one",
                       port.netdev_name);
  }
  if (here) {
    const checks::NodeState state = checks::uverbs_state(node, *port.device);
    if (state == checks::NodeState::missing) {
      return checks::in_container(node) ? "its uverbs node is not in this container (ROCE-ACC-001, ROCE-ACC-005), "
                                          "start it with what roce-probe "
                                          "env --for podman (or docker) prints on the host"
                                        : "its uverbs node is not here (ROCE-ACC-001)";
    }
    if (state == checks::NodeState::refused) return "its uverbs node cannot be opened here (ROCE-ACC-002)";
  }
  return "";
}

struct Sorted {
  std::vector<PortView> usable;
  std::vector<Remark> objections;
  std::vector<std::pair<std::string, std::string>> reasons;  ///< why not -> "rocep1s0f0, roceP2p1s0f0"
};

Sorted sort_ports(const checks::NodeView& view, const std::string& family, bool here) {
  std::vector<Setting> only_family;
  if (!family.empty()) only_family.push_back({Kind::variable, "NCCL_IB_ADDR_FAMILY", family, "", false});
  NodeFacts bare = view.node;
  bare.process.nccl_env.clear();
  bare.process.settings.clear();
  bare = with_settings(std::move(bare), only_family, false);
  Sorted sorted;
  for (const PortView& port : checks::all_ports(view)) {
    if (!port.active()) continue;
    const std::string objection = objection_to(bare, port, here);
    if (objection.empty()) {
      sorted.usable.push_back(port);
    } else {
      const auto same = std::find_if(sorted.reasons.begin(), sorted.reasons.end(),
                                     [&](const auto& reason) { return reason.first == objection; });
      if (same == sorted.reasons.end()) {
        sorted.reasons.emplace_back(objection, port.name());
      } else {
        same->second += ", " + port.name();
      }

      sorted.objections.push_back({fmt::format("{} is left out: {}.", port.name(), objection), true});
    }
  }
  return sorted;
}

double rate_of(const PortView& port) { return port.port->rate_gbit_s.value_or(0); }

/// By board ID; boards whose ID could not be read may be the same.
bool same_model(const PortView& a, const PortView& b) {
  return !a.device->board_id || !b.device->board_id || *a.device->board_id == *b.device->board_id;
}

/// Every collective waits for its slowest rail.
void leave_out_slow(std::vector<PortView>& ports, std::vector<Remark>& remarks) {
  const bool hardware = std::any_of(ports.begin(), ports.end(),
                                    [](const PortView& port) { return port.device->kind != DeviceKind::soft_roce; });
  double fastest = 0;
  for (const PortView& port : ports) {
    if (port.device->kind != DeviceKind::soft_roce) fastest = std::max(fastest, rate_of(port));
  }
  std::vector<PortView> fast;
  std::copy_if(ports.begin(), ports.end(), std::back_inserter(fast),
               [&](const PortView& port) { return rate_of(port) >= fastest; });
  std::erase_if(ports, [&](const PortView& port) {
    if (!hardware) return false;
    if (port.device->kind == DeviceKind::soft_roce) {
      remarks.push_back(
          {fmt::format("{} is left out: it is Soft-RoCE, software beside real RDMA ports.", port.name()), false});
      return true;
    }
    // An adapter of the fastest kind at a lower rate has a degraded link, which the checks tell; another kind is there
    // for something else (storage, the LAN).
    const bool of_that_kind =
        std::any_of(fast.begin(), fast.end(), [&](const PortView& other) { return same_model(port, other); });
    if (!port.port->rate_gbit_s || rate_of(port) >= fastest || (of_that_kind && rate_of(port) * 2 >= fastest))
      return false;
    remarks.push_back({fmt::format("{} is left out: at {} beside ports of {} it would hold every collective up.",
                                   port.name(), checks::show_rate(rate_of(port)), checks::show_rate(fastest)),
                       false});
    return true;
  });
}

/// The subnet by which a port is reached; nullopt: no IPv4.
std::optional<checks::Subnet> subnet_of(const checks::NodeView& view, const PortView& port) {
  for (const checks::FabricAddress& address : checks::fabric_addresses(view)) {
    if (address.port.port == port.port) return address.subnet;
  }
  return std::nullopt;
}

/// Twins in one subnet answer ARP for each other: traffic of one of them fails.
void leave_out_twins_in_one_subnet(const checks::NodeView& view, std::vector<PortView>& ports,
                                   std::vector<Remark>& remarks) {
  std::vector<PortView> kept;
  for (const PortView& port : ports) {
    const auto subnet = subnet_of(view, port);
    const auto rival = std::find_if(kept.begin(), kept.end(), [&](const PortView& other) {
      const auto others = subnet_of(view, other);
      return port.rail != nullptr && other.rail == port.rail && other.netdev != port.netdev && subnet && others &&
             subnet->overlaps(*others);
    });
    if (rival == kept.end()) {
      kept.push_back(port);
      continue;
    }
    remarks.push_back(
        {fmt::format("{} is left out: its address lies in {}, the subnet of its twin {} (ROCE-NET-002). In "
                     "a subnet of its own it would carry the other half of the port.",
                     port.name(), subnet->text(), rival->name()),
         true});
  }
  ports = std::move(kept);
}

/// Other functions of one PCIe slot that fill it by themselves: the second cable of GB10.
void remark_on_full_slots(const std::vector<PortView>& ports, std::vector<Remark>& remarks) {
  const auto slot = [](const PortView& port) {
    const std::string address = port.device->pci ? port.device->pci->address : "";
    return address.substr(0, address.rfind('.'));
  };
  std::vector<std::string> sharing;
  for (const PortView& port : ports) {
    for (const PortView& other : ports) {
      if (&other == &port) break;
      if (other.device == port.device || slot(port).empty() || slot(port) != slot(other)) continue;
      if (!port.device->pci->bandwidth_gbit_s || *port.device->pci->bandwidth_gbit_s > rate_of(port)) continue;
      sharing.push_back(fmt::format("{} with {}", port.name(), other.name()));
      break;
    }
  }
  if (sharing.empty()) return;
  remarks.push_back(
      {fmt::format("Shared PCIe lanes: {}. To one and the same node a second cable adds no bandwidth; where "
                   "the cables lead to different nodes, both are needed.",
                   checks::join_words(sharing)),
       false});
}

std::string none_words(const checks::NodeView& view, const Sorted& sorted) {
  const NodeFacts& node = view.node;
  if (!sorted.reasons.empty()) {
    std::string text;
    for (const auto& [why, names] : sorted.reasons) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", names, why);
    }
    return "no RDMA port can carry traffic: " + text;
  }

  if (node.devices.empty()) return "this node has no RDMA device (ROCE-DEV-001)";
  std::vector<std::string> states;
  for (const PortView& port : checks::all_ports(view)) {
    states.push_back(fmt::format("{} is {}", port.name(), checks::show(port.port->state)));
  }
  if (states.empty()) return "no RDMA device of this node has a port (ROCE-LNK-001)";
  return fmt::format("no RDMA port is ACTIVE: {} (ROCE-LNK-001)", checks::join(states, ", "));
}

}  // namespace

ChosenPorts choose_ports(const checks::NodeView& view, bool here) {
  ChosenPorts chosen;
  Sorted sorted = sort_ports(view, "", here);
  if (sorted.usable.empty()) {
    Sorted ipv6 = sort_ports(view, "AF_INET6", here);
    if (!ipv6.usable.empty()) {
      sorted = std::move(ipv6);
      chosen.address_family = "AF_INET6";
    }
  }
  if (sorted.usable.empty()) {
    chosen.why_none = none_words(view, sorted);
    return chosen;
  }
  chosen.ports = std::move(sorted.usable);
  chosen.remarks = std::move(sorted.objections);
  leave_out_slow(chosen.ports, chosen.remarks);
  leave_out_twins_in_one_subnet(view, chosen.ports, chosen.remarks);
  remark_on_full_slots(chosen.ports, chosen.remarks);
  if (chosen.ports.size() > most_ports) {
    chosen.remarks.push_back({fmt::format("{} ports are left out: NCCL_IB_HCA takes {} names, and NCCL no more ports.",
                                          chosen.ports.size() - most_ports, most_ports),
                              false});
    chosen.ports.resize(most_ports);
  }

  return chosen;
}

}  // namespace rocekit::settings
