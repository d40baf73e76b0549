#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/checks/fabric.h"

namespace rocekit::checks {
namespace {

using facts::Netdev;
using facts::Route;

std::string with_prefix(const facts::Address& address) {
  return fmt::format("{}/{}", address.ip, address.prefix_length);
}

std::string address_source(const Netdev& netdev) { return fmt::format("ip -4 address show dev {}", netdev.name); }

// ---- ROCE-NET-001 -------------------------------------------------------------------------------------------------

/// NCCL leaves this port alone because NCCL_IB_HCA does, while it has others to use.
bool left_out_by_filter(const NodeView& view, const PortView& port) {
  const auto text = derived::setting(view.node, "NCCL_IB_HCA");
  return text && !derived::NameFilter::parse(*text).accepts(port.device->name, port.port->number) &&
         !view.nccl.hcas.empty();
}

/// The first IPv4 address of a twin, else of any other port of the fabric: a new address is chosen near it.
std::optional<FabricAddress> model_address(const NodeView& view, const PortView& port) {
  std::optional<FabricAddress> any;
  for (const FabricAddress& candidate : fabric_addresses(view)) {
    if (candidate.port.rail != nullptr && candidate.port.rail == port.rail) return candidate;
    if (!any) any = candidate;
  }
  return any;
}

void report_no_address(const NodeView& view, Verdicts& verdicts, const PortView& port) {
  const std::string& netdev = port.netdev->name;
  const auto model = model_address(view, port);
  const bool twin = model && model->port.rail == port.rail;
  const std::string proposal =
      free_address(view.node, model ? std::optional<std::string>(model->address.ip) : std::nullopt);
  const std::string subnet = parse_subnet(proposal)->text();

  std::vector<Evidence> evidence_lines{evidence("IPv4 addresses of " + netdev, "(none)", address_source(*port.netdev))};
  for (const facts::Gid& gid : port.port->gids) {
    evidence_lines.push_back(evidence(fmt::format("GID {} of {}", gid.index, port.name()),
                                      fmt::format("{} ({})", gid.gid, show(gid.type)),
                                      facts::sysfs_gid(port.device->name, port.port->number, gid.index)));
  }
  if (model) {
    evidence_lines.push_back(evidence("IPv4 address of " + model->netdev->name, with_prefix(model->address),
                                      address_source(*model->netdev)));
  }
  std::vector<std::string> remedy =
      concat({fmt::format("# {} is free on this node; give the matching port of the other node another address of it",
                          subnet)},
             add_address(view.node, *port.netdev, proposal));
  const std::string title = fmt::format("{} has no IPv4 address, so {} cannot carry RoCE v2", netdev, port.name());
  const std::string what_is_it =
      twin ? fmt::format(
                 "{} is the twin of {}: the second half of the same physical port, and it needs an address of "
                 "its own in a second subnet. ",
                 netdev, model->netdev->name)
           : fmt::format("RoCE v2 addresses a port by the IPv4 address of its interface, and {} has none. ", netdev);
  if (left_out_by_filter(view, port)) {
    verdicts.warning(port.name(), title, std::move(evidence_lines),
                     what_is_it + fmt::format("NCCL_IB_HCA leaves {} out, so nothing fails, but half of the port's "
                                              "bandwidth stays unused.",
                                              port.name()),
                     std::move(remedy));
    return;
  }
  verdicts.critical(
      port.name(), title, std::move(evidence_lines),
      what_is_it + fmt::format("NCCL takes {} all the same, with the link-local RoCE v1 GID at index 0, and fails when "
                               "it connects: completion error 12 (transport retry counter exceeded) or errno 110 "
                               "(Connection timed out).",
                               port.name()),
      std::move(remedy));
}

void check_addresses(const NodeView& view, Verdicts& verdicts) {
  std::vector<std::string> good;
  std::vector<Evidence> good_evidence;
  bool spoken = false;
  const bool ipv6_wanted = derived::setting(view.node, "NCCL_IB_ADDR_FAMILY") == "AF_INET6";
  for (const PortView& port : roce_ports(view)) {
    if (!port.active()) continue;
    const bool by_gid = std::any_of(port.port->gids.begin(), port.port->gids.end(),
                                    [](const facts::Gid& gid) { return gid.ipv4.has_value(); });
    if (port.netdev == nullptr) continue;  // ROCE-GID-003
    bool found = false;
    for (const Netdev* netdev : netdevs_over(view.node, *port.netdev)) {
      for (const facts::Address& address : ipv4_addresses(*netdev)) {
        good_evidence.push_back(
            evidence("IPv4 address of " + netdev->name, with_prefix(address), address_source(*netdev)));
        found = true;
      }
    }
    if (found || by_gid) {
      good.push_back(port.netdev->name);
      continue;
    }
    spoken = true;
    if (!port.netdev->addresses) {
      verdicts.unknown(port.name(), fmt::format("addresses of {} could not be read", port.netdev->name),
                       port.netdev->addresses.missing());
    } else if (ipv6_wanted) {
      verdicts.skipped(port.name(), "NCCL_IB_ADDR_FAMILY=AF_INET6: IPv6 is wanted, no IPv4 address is needed");
    } else if (left_out_by_filter(view, port) && twins_of(port).empty()) {
      verdicts.skipped(port.name(), fmt::format("{} has no IPv4 address, and NCCL_IB_HCA leaves {} out",
                                                port.netdev->name, port.name()));
    } else {
      report_no_address(view, verdicts, port);
    }
  }
  if (!good.empty()) {
    verdicts.ok(join(good, ", "),
                fmt::format("{} {} an IPv4 address", join_words(good), good.size() == 1 ? "has" : "have"),
                std::move(good_evidence));
  } else if (!spoken) {
    verdicts.skipped("node", "no ACTIVE RoCE port with a network interface that is visible here");
  }
}

// ---- ROCE-NET-002 -------------------------------------------------------------------------------------------------

/// Addresses by which ACTIVE RoCE ports are reached; one per netdev and subnet.
std::vector<FabricAddress> roce_addresses(const NodeView& view) {
  std::vector<FabricAddress> found;
  for (FabricAddress& candidate : fabric_addresses(view)) {
    if (!is_roce(*candidate.port.device) || candidate.port.port->link_layer.is("InfiniBand")) continue;
    // Several ports of one bond share its address.
    const bool known = std::any_of(found.begin(), found.end(), [&](const FabricAddress& other) {
      return other.netdev == candidate.netdev && other.subnet == candidate.subnet;
    });
    if (!known) found.push_back(std::move(candidate));
  }
  return found;
}

void check_shared_subnets(const NodeView& view, Verdicts& verdicts) {
  const std::vector<FabricAddress> addresses = roce_addresses(view);
  if (addresses.size() < 2) {
    verdicts.skipped("node", "fewer than two RoCE interfaces with an IPv4 address");
    return;
  }
  bool shared = false;
  for (std::size_t later = 1; later < addresses.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      const FabricAddress& a = addresses[earlier];
      const FabricAddress& b = addresses[later];
      if (a.netdev == b.netdev || !a.subnet.overlaps(b.subnet)) continue;
      shared = true;
      const std::string proposal = free_address(view.node, b.address.ip);
      verdicts.critical(
          b.port.name(),
          fmt::format("{} and {} have addresses in one subnet, {}", a.netdev->name, b.netdev->name, a.subnet.text()),
          {evidence("IPv4 address of " + a.netdev->name, with_prefix(a.address), address_source(*a.netdev)),
           evidence("IPv4 address of " + b.netdev->name, with_prefix(b.address), address_source(*b.netdev))},
          fmt::format("With two interfaces in one subnet either of them answers ARP for both addresses, and the kernel "
                      "sends everything for {} through one of them. RDMA traffic then leaves on one interface and is "
                      "expected on the other: connecting fails with errno 110 (Connection timed out), or one interface "
                      "carries everything. Each interface needs a subnet of its own.",
                      a.subnet.text()),
          concat({fmt::format("# {} is free on this node; give the matching port of the other node another address of "
                              "it",
                              parse_subnet(proposal)->text())},
                 replace_address(view.node, *b.netdev, with_prefix(b.address), proposal)));
      break;
    }
  }
  if (shared) return;
  std::vector<Evidence> evidence_lines;
  for (const FabricAddress& item : addresses) {
    evidence_lines.push_back(
        evidence("IPv4 address of " + item.netdev->name, with_prefix(item.address), address_source(*item.netdev)));
  }
  verdicts.ok("node", "every RoCE interface has a subnet of its own", std::move(evidence_lines));
}

// ---- ROCE-NET-003 -------------------------------------------------------------------------------------------------

std::string describe(const Route& route) {
  return fmt::format("{} dev {}{}{}", route.destination, route.netdev, route.gateway ? " via " + *route.gateway : "",
                     route.metric != 0 ? fmt::format(" metric {}", route.metric) : "");
}

/// The route that the kernel takes for a whole subnet: longest prefix first, then the lowest metric.
const Route* route_for(const std::vector<Route>& routes, const Subnet& subnet) {
  const Route* best = nullptr;
  int best_length = -1;
  for (const Route& route : routes) {
    const auto destination = route.destination == "default" ? Subnet{} : parse_subnet(route.destination);
    if (!destination || destination->prefix_length > subnet.prefix_length || !destination->overlaps(subnet)) continue;
    const bool better = destination->prefix_length > best_length ||
                        (destination->prefix_length == best_length && route.metric < best->metric);
    if (better) {
      best = &route;
      best_length = destination->prefix_length;
    }
  }
  return best;
}

/// Routes of other interfaces that take traffic of this subnet away from its own interface.
std::vector<const Route*> foreign_routes(const std::vector<Route>& routes, const FabricAddress& own,
                                         const std::vector<FabricAddress>& all) {
  // Two RoCE interfaces in one subnet are ROCE-NET-002.
  const auto is_its_own = [&](const std::string& netdev) {
    return std::any_of(all.begin(), all.end(), [&](const FabricAddress& item) {
      return item.netdev->name == netdev && item.subnet.overlaps(own.subnet);
    });
  };
  std::vector<const Route*> found;
  if (const Route* best = route_for(routes, own.subnet); best != nullptr && !is_its_own(best->netdev)) {
    found.push_back(best);
  }
  for (const Route& route : routes) {
    const auto destination = parse_subnet(route.destination);
    const bool inside =
        destination && destination->prefix_length > own.subnet.prefix_length && own.subnet.overlaps(*destination);
    if (inside && !is_its_own(route.netdev)) found.push_back(&route);
  }
  return found;
}

void report_foreign_routes(const NodeView& view, Verdicts& verdicts, const FabricAddress& own,
                           const std::vector<const Route*>& foreign) {
  std::vector<Evidence> evidence_lines{
      evidence("IPv4 address of " + own.netdev->name, with_prefix(own.address), address_source(*own.netdev))};
  std::vector<std::string> commands;
  bool by_default = false;
  for (const Route* route : foreign) {
    evidence_lines.push_back(evidence("route", describe(*route), "ip -4 route show"));
    const auto destination = parse_subnet(route->destination);
    if (destination && destination->prefix_length >= own.subnet.prefix_length) {
      commands.push_back(fmt::format("ip route del {} dev {}", route->destination, route->netdev));
      const Netdev* other = view.node.find_netdev(route->netdev);
      const bool stale_bond = other != nullptr && other->type.is("bond") && other->lower.empty();
      if (stale_bond) {
        commands.push_back(
            fmt::format("# {} is a bond without members: remove it and its configuration as well", other->name));
        commands.push_back(fmt::format("ip link delete {}", other->name));
      }
      if (other == nullptr || !other->persistent) continue;
      for (const facts::PersistentConfig& config : *other->persistent) {
        commands.push_back(fmt::format("# {} sets {} up at boot: take it out there", config.file, other->name));
      }
    } else {
      by_default = true;
    }
  }
  if (by_default) {
    commands.push_back(
        fmt::format("ip route add {} dev {} src {}", own.subnet.text(), own.netdev->name, own.address.ip));
  }
  commands.push_back(fmt::format("# afterwards this must name {}: ip route get to the other node's address in {}",
                                 own.netdev->name, own.subnet.text()));
  const Route& first = *foreign.front();
  verdicts.warning(
      own.port.name(),
      fmt::format("{} is routed over {}, not over {}", own.subnet.text(), first.netdev, own.netdev->name),
      std::move(evidence_lines),
      fmt::format("{} belongs to {}, but the kernel's route for {} goes over {}: a route left behind by an old setup, "
                  "or one that was lost. TCP to the other node (bootstrap, Ray, Gloo) takes the wrong link or hangs, "
                  "and RDMA connections can fail with errno 101 (Network is unreachable) or 110 (Connection timed "
                  "out).",
                  own.subnet.text(), own.netdev->name,
                  first.destination == own.subnet.text() || by_default ? "it" : first.destination, first.netdev),
      on_host(view.node, std::move(commands)));
}

void check_routes(const NodeView& view, Verdicts& verdicts) {
  const std::vector<FabricAddress> addresses = roce_addresses(view);
  if (addresses.empty()) {
    verdicts.skipped("node", "no ACTIVE RoCE port has an IPv4 address");
    return;
  }
  if (!view.node.routes) {
    verdicts.unknown("node", "the routes of this node could not be read", view.node.routes.missing());
    return;
  }
  bool spoken = false;
  std::vector<Evidence> good;
  for (const FabricAddress& own : addresses) {
    if (own.subnet.prefix_length >= 31) continue;  // point to point: the peer's route is set by hand
    const std::vector<const Route*> foreign = foreign_routes(*view.node.routes, own, addresses);
    if (!foreign.empty()) {
      report_foreign_routes(view, verdicts, own, foreign);
      spoken = true;
    } else if (const Route* route = route_for(*view.node.routes, own.subnet)) {
      good.push_back(evidence("route", describe(*route), "ip -4 route show"));
    } else {
      verdicts.warning(
          own.port.name(), fmt::format("no route leads to {}", own.subnet.text()),
          {evidence("IPv4 address of " + own.netdev->name, with_prefix(own.address), address_source(*own.netdev)),
           evidence("routes to " + own.subnet.text(), "(none)", "ip -4 route show")},
          "The kernel's own route for this subnet is gone, so the other node cannot be reached: errno 101 (Network is "
          "unreachable).",
          on_host(view.node,
                  {fmt::format("ip route add {} dev {} src {}", own.subnet.text(), own.netdev->name, own.address.ip)}));
      spoken = true;
    }
  }
  if (!spoken) verdicts.ok("node", "every RoCE subnet is routed over its own interface", std::move(good));
}

constexpr Check checks[] = {
    {"ROCE-NET-001", "RoCE interface without IPv4 address",
     "RoCE v2 needs an IPv4 address on the network interface of every RDMA device that is to carry traffic. Without "
     "one the port has link-local GIDs only; NCCL takes the RoCE v1 entry at index 0 and fails when it connects "
     "(completion error 12 or errno 110). On GB10 it is usually the twin, the second interface of the same physical "
     "port, that was forgotten.",
     "Each ACTIVE RoCE port whose interface (with the bond, bridge or VLAN above it) has no IPv4 address is critical; "
     "warning when NCCL_IB_HCA leaves the port out and its twin is used. NCCL_IB_ADDR_FAMILY=AF_INET6 switches the "
     "check off.",
     "Give the interface an address in a subnet of its own: sudo ip address add 192.168.101.10/24 dev NETDEV, and the "
     "same in /etc/netplan. The finding names a subnet that is free on the node.",
     true, check_addresses},
    {"ROCE-NET-002", "Two RoCE interfaces in one subnet",
     "When two interfaces of a node have addresses in one subnet, both answer ARP for both addresses and the kernel "
     "sends through one of them only. RDMA connections then time out (errno 110), or one half of the port carries "
     "everything.",
     "IPv4 subnets of the interfaces of ACTIVE RoCE ports are compared pair by pair; overlapping ones are critical. "
     "Several ports of one bond count as one interface.",
     "Give each interface a subnet of its own, the same subnets on both nodes: 192.168.100.0/24 for the first "
     "interfaces, 192.168.101.0/24 for the twins.",
     false, check_shared_subnets},
    {"ROCE-NET-003", "Fabric subnet routed over another interface",
     "A route left behind by an old setup (often a bond that no longer has members) takes the traffic for the fabric's "
     "subnet away from the RoCE interface. Bootstrap, Ray and Gloo then hang or use a slow link, and RDMA connections "
     "may fail with errno 101 or 110.",
     "For the IPv4 subnet of each ACTIVE RoCE port the route that the kernel takes (longest prefix, then lowest "
     "metric) and all narrower routes must use the port's own interface; warning otherwise. /31 and /32 are skipped.",
     "sudo ip route del SUBNET dev OTHER, and remove the file that sets the route at boot.", false, check_routes},
};

}  // namespace

std::span<const Check> network_checks() { return checks; }

}  // namespace rocekit::checks
