#include <fmt/format.h>

#include <algorithm>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/checks/fabric.h"
#include "probes/checks/settings.h"
#include "probes/derived/nccl_choice_parts.h"

namespace rocekit::checks {
namespace {

using facts::Gid;
using facts::sysfs_gid;
using facts::sysfs_gid_netdev;
using facts::sysfs_gid_type;

const Gid* gid_at(const facts::Port& port, long long index) {
  const auto found =
      std::find_if(port.gids.begin(), port.gids.end(), [&](const Gid& gid) { return gid.index == index; });
  return found == port.gids.end() ? nullptr : &*found;
}

std::string describe(const Gid& gid) {
  return fmt::format("{} ({}, {})", gid.ipv4 ? *gid.ipv4 : gid.gid, show(gid.type), show(gid.netdev));
}

std::vector<Evidence> table_evidence(const PortView& port) {
  std::vector<Evidence> evidence_lines;
  for (const Gid& gid : port.port->gids) {
    evidence_lines.push_back(evidence(fmt::format("GID {} of {}", gid.index, port.name()), describe(gid),
                                      sysfs_gid(port.device->name, port.port->number, gid.index)));
  }
  if (evidence_lines.empty()) {
    evidence_lines.push_back(evidence(fmt::format("GIDs of {}", port.name()), "(none)",
                                      facts::sysfs_port(port.device->name, port.port->number, "gids")));
  }
  return evidence_lines;
}

std::vector<std::string> ipv4_of(const NodeView& view, const PortView& port) {
  std::vector<std::string> found;
  for (const facts::Netdev* netdev : netdevs_over(view.node, *port.netdev)) {
    for (const facts::Address& address : ipv4_addresses(*netdev)) found.push_back(address.ip);
  }
  return found;
}

bool has_roce_v2_ipv4(const facts::Port& port) {
  return std::any_of(port.gids.begin(), port.gids.end(),
                     [](const Gid& gid) { return gid.ipv4 && gid.type.is("RoCE v2"); });
}

std::vector<PortView> active_roce_ports(const NodeView& view) {
  std::vector<PortView> active;
  for (const PortView& port : roce_ports(view)) {
    if (port.active()) active.push_back(port);
  }
  return active;
}

// ---- ROCE-GID-001 -------------------------------------------------------------------------------------------------

void judge_ipv4_gid(const NodeView& view, Verdicts& verdicts, const PortView& port,
                    const std::vector<std::string>& addresses) {
  for (const Gid& gid : port.port->gids) {
    if (!gid.ipv4 || gid.type) continue;
    verdicts.unknown(port.name(), fmt::format("the type of GID {} of {} could not be read", gid.index, port.name()),
                     gid.type.missing(),
                     {fmt::format("cat {}", sysfs_gid_type(port.device->name, port.port->number, gid.index))});
    return;
  }
  const std::string& netdev = port.netdev->name;
  std::vector<Evidence> evidence_lines = table_evidence(port);
  evidence_lines.push_back(
      evidence("IPv4 addresses of " + netdev, addresses, fmt::format("ip -4 address show dev {}", netdev)));
  verdicts.critical(
      port.name(), fmt::format("{} has {}, but {} has no RoCE v2 GID for it", netdev, addresses.front(), port.name()),
      std::move(evidence_lines),
      fmt::format("The kernel makes one RoCE v2 GID for every IPv4 address of {}. It did not make one here, so "
                  "traffic cannot be addressed to {} and connections over {} fail. Usual reasons: the address was set "
                  "while the driver was restarting, or RoCE v2 is switched off for this port.",
                  netdev, addresses.front(), port.name()),
      concat(on_host(view.node,
                     {"# take the link down and up: the kernel then writes the GIDs again (interrupts traffic on it)",
                      fmt::format("ip link set {} down", netdev), fmt::format("ip link set {} up", netdev)}),
             {fmt::format("grep -H . {}/* 2>/dev/null   # one of them must say RoCE v2",
                          facts::sysfs_port(port.device->name, port.port->number, "gid_attrs/types"))}));
}

void check_ipv4_gid(const NodeView& view, Verdicts& verdicts) {
  std::vector<std::string> good;
  std::vector<Evidence> good_evidence;
  bool spoken = false;
  for (const PortView& port : active_roce_ports(view)) {
    if (has_roce_v2_ipv4(*port.port)) {
      good.push_back(port.name());
      for (const Gid& gid : port.port->gids) {
        if (gid.ipv4 && gid.type.is("RoCE v2")) {
          good_evidence.push_back(evidence(fmt::format("GID {} of {}", gid.index, port.name()), describe(gid),
                                           sysfs_gid(port.device->name, port.port->number, gid.index)));
        }
      }
      continue;
    }
    if (port.netdev == nullptr) continue;  // another network namespace: ROCE-GID-003
    if (!port.netdev->addresses) {
      verdicts.unknown(port.name(), fmt::format("addresses of {} could not be read", port.netdev->name),
                       port.netdev->addresses.missing());
      spoken = true;
      continue;
    }
    const std::vector<std::string> addresses = ipv4_of(view, port);
    if (addresses.empty()) continue;  // nothing to make a GID from: ROCE-NET-001
    judge_ipv4_gid(view, verdicts, port, addresses);
    spoken = true;
  }
  if (!good.empty()) {
    verdicts.ok(join(good, ", "),
                fmt::format("{} {} a RoCE v2 GID for {} IPv4 address", join_words(good),
                            good.size() == 1 ? "has" : "have", good.size() == 1 ? "its" : "their"),
                std::move(good_evidence));
  } else if (!spoken) {
    verdicts.skipped("node", "no ACTIVE RoCE port with an IPv4 address");
  }
}

// ---- ROCE-GID-002 -------------------------------------------------------------------------------------------------

/// What is wrong with a pinned slot; empty: right today.
std::string defect_of_slot(const facts::Port& port, long long index) {
  const Gid* gid = gid_at(port, index);
  if (gid == nullptr) return "that slot is empty";
  if (gid->gid.rfind("fe80", 0) == 0) {
    return fmt::format("a link-local address{}, which no peer can reach", gid->type.is("RoCE v2") ? "" : " of RoCE v1");
  }
  if (gid->type && !gid->type.is("RoCE v2")) return fmt::format("{}, which routers and most peers drop", *gid->type);
  return "";
}

void check_pinned_gid(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = active_roce_ports(view);
  if (ports.empty()) {
    verdicts.skipped("node", "no ACTIVE RoCE port; GID indexes matter on RoCE only");
    return;
  }
  const facts::Setting* setting = derived::find_setting(view.node, "NCCL_IB_GID_INDEX");
  const long long index = derived::nccl::integer_setting(view.node, "NCCL_IB_GID_INDEX", -1);
  if (setting == nullptr || index < 0) {
    verdicts.ok("node", "NCCL_IB_GID_INDEX is not set: NCCL looks the right GID up itself");
    return;
  }
  std::vector<Evidence> evidence_lines{evidence_of(*setting)};
  std::vector<std::string> broken;
  std::vector<std::string> right_today;
  for (const PortView& port : ports) {
    const std::string key = fmt::format("{}:{}", port.device->name, port.port->number);
    const auto& used = view.nccl.hcas;
    if (!used.empty() && std::find(used.begin(), used.end(), key) == used.end()) continue;
    // A port without any RoCE v2 IPv4 GID has no right index at all: that is ROCE-NET-001 or ROCE-GID-001.
    if (!has_roce_v2_ipv4(*port.port)) continue;
    const Gid* gid = gid_at(*port.port, index);
    evidence_lines.push_back(evidence(fmt::format("GID {} of {}", index, port.name()),
                                      gid == nullptr ? "(empty)" : describe(*gid),
                                      sysfs_gid(port.device->name, port.port->number, static_cast<int>(index))));
    const std::string defect = defect_of_slot(*port.port, index);
    if (defect.empty()) {
      right_today.push_back(port.name());
    } else {
      broken.push_back(fmt::format("{} ({})", port.name(), defect));
      for (const Gid& other : port.port->gids) {
        if (!other.ipv4 || !other.type.is("RoCE v2")) continue;
        evidence_lines.push_back(evidence(fmt::format("GID {} of {}", other.index, port.name()), describe(other),
                                          sysfs_gid(port.device->name, port.port->number, other.index)));
        break;
      }
    }
  }
  const std::vector<std::string> remedy =
      concat(remove_setting(view.node, *setting), {"# do the same on the other node: indexes differ between nodes"});
  if (!broken.empty()) {
    verdicts.critical(
        "node", fmt::format("NCCL_IB_GID_INDEX={} points at a GID that cannot work", setting->value),
        std::move(evidence_lines),
        fmt::format("The pinned slot is wrong on {}. NCCL uses a pinned index unchecked: connecting then fails with "
                    "errno 61 (No data available), errno 110 (Connection timed out) or completion error 12, or it "
                    "hangs. Left unset, NCCL finds the RoCE v2 entry of the IPv4 address by itself.",
                    join_words(broken)),
        remedy);
    return;
  }
  verdicts.warning(
      "node", fmt::format("NCCL_IB_GID_INDEX is pinned to {}", setting->value), std::move(evidence_lines),
      fmt::format("{} GID indexes drift whenever addresses come and go (3 has become 4 within 30 minutes) and "
                  "differ from node to node; NCCL uses a pinned index unchecked and then fails to connect. Left unset, "
                  "NCCL finds the right entry by itself at every start.",
                  right_today.empty() ? "No port needs it."
                                      : fmt::format("The index is right today on {}.", join_words(right_today))),
      remedy);
}

// ---- ROCE-GID-003 -------------------------------------------------------------------------------------------------

/// The names of netdevs behind a port, its own and its GIDs'.
std::vector<std::string> netdev_names(const PortView& port) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  add(port.netdev_name);
  for (const Gid& gid : port.port->gids) add(gid.netdev.value_or(""));
  return names;
}

void check_gid_netdev(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = active_roce_ports(view);
  if (ports.empty()) {
    verdicts.skipped("node", "no ACTIVE RoCE port");
    return;
  }
  // Every network namespace holds at least lo.
  if (view.node.netdevs.empty()) {
    verdicts.unknown("node", "the network interfaces of this node could not be listed",
                     {facts::Why::not_read, "/sys/class/net holds nothing"});
    return;
  }
  std::vector<std::string> foreign;
  std::vector<std::string> here;
  std::vector<Evidence> evidence_lines;
  for (const PortView& port : ports) {
    const std::vector<std::string> names = netdev_names(port);
    const bool visible = std::any_of(names.begin(), names.end(),
                                     [&](const std::string& name) { return view.node.find_netdev(name) != nullptr; });
    if (visible) {
      here.push_back(port.name());
      continue;
    }
    // Without GIDs and without a name, the kernel hides the netdev altogether.
    if (names.empty() && !port.port->netdev && port.port->netdev.missing().why != facts::Why::absent) {
      verdicts.unknown(port.name(), fmt::format("the network interface of {} could not be read", port.name()),
                       port.port->netdev.missing());
      continue;
    }
    foreign.push_back(port.name());
    const int index = port.port->gids.empty() ? 0 : port.port->gids.front().index;
    evidence_lines.push_back(evidence("interface of " + port.name(),
                                      names.empty() ? "(none, and no GID)" : join(names, ", ") + ", not visible here",
                                      sysfs_gid_netdev(port.device->name, port.port->number, index)));
  }
  if (foreign.empty()) {
    if (!here.empty()) verdicts.ok(join(here, ", "), "the network interfaces behind all GIDs are visible here");
    return;
  }
  std::vector<std::string> visible_names;
  for (const facts::Netdev& netdev : view.node.netdevs) visible_names.push_back(netdev.name);
  evidence_lines.push_back(evidence("interfaces visible here", visible_names, "/sys/class/net"));
  evidence_lines.push_back(
      evidence("RDMA namespace mode", view.node.process.netns_mode, "RDMA_NLDEV_CMD_SYS_GET (rdma system show)"));
  std::vector<std::string> remedy;
  if (in_container(view.node)) {
    remedy = restart_container_with(view.node, {"--network=host"},
                                    "give this container the host's network (Kubernetes: hostNetwork: true)");
  } else {
    remedy = {"# run the tool and the server in the network namespace that owns the interface; it is listed by",
              as_root(view.node, "lsns -t net")};
  }
  verdicts.critical(join(foreign, ", "),
                    fmt::format("the network interface of {} is in another network namespace", join_words(foreign)),
                    std::move(evidence_lines),
                    "The RDMA device is visible here, but the network interface that gives it its address is not. The "
                    "kernel refuses such GIDs: ibv_modify_qp fails with errno 19 (No such device), and GIDs may read "
                    "as all zeros. This is what a container without the host's network sees.",
                    std::move(remedy));
}

constexpr Check checks[] = {
    {"ROCE-GID-001", "No RoCE v2 GID for the IPv4 address",
     "RoCE v2 addresses a port by a GID that the kernel makes from an IPv4 address of its network interface. A port "
     "whose interface has an address but no such GID cannot be reached: NCCL then takes the link-local RoCE v1 entry "
     "at index 0 and fails when it connects.",
     "Each ACTIVE RoCE port whose interface (or the bond, bridge or VLAN above it) has an IPv4 address must have a GID "
     "of type RoCE v2 that holds an IPv4 address (gids/*, gid_attrs/types/*); critical otherwise. An interface without "
     "IPv4 is ROCE-NET-001; InfiniBand ports need no such GID.",
     "Take the link down and up (sudo ip link set NETDEV down, then up) so that the kernel writes the GIDs again, then "
     "look at /sys/class/infiniband/DEVICE/ports/1/gid_attrs/types/*.",
     true, check_ipv4_gid},
    {"ROCE-GID-002", "GID index pinned by NCCL_IB_GID_INDEX",
     "NCCL_IB_GID_INDEX tells NCCL to use one slot of the GID table without looking into it. Slots move when addresses "
     "are added or links restart, and differ between nodes, so a value that worked yesterday fails today: connecting "
     "ends in errno 61, errno 110, completion error 12 or a hang.",
     "With NCCL_IB_GID_INDEX at 0 or above: critical when the slot is empty, link-local or not RoCE v2 on a port that "
     "NCCL would use, warning when it is right today.",
     "unset NCCL_IB_GID_INDEX on all nodes (in a container: start it without -e NCCL_IB_GID_INDEX).", false,
     check_pinned_gid, Scope::settings},
    {"ROCE-GID-003", "Network interface of the RDMA device not visible here",
     "A container with its own network sees the RDMA device but not the network interface that gives it its address. "
     "The kernel then refuses the device's GIDs: connections fail with errno 19 (No such device).",
     "An ACTIVE RoCE port none of whose GIDs belongs to a network interface that is visible here (gid_attrs/ndevs/* "
     "against /sys/class/net) is critical.",
     "Start the container with the host's network: podman run --network=host ... (Kubernetes: hostNetwork: true).",
     false, check_gid_netdev, Scope::process},
};

}  // namespace

std::span<const Check> gid_checks() { return checks; }

}  // namespace rocekit::checks
