#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/checks/persist.h"

namespace rocekit::checks {
namespace {

using facts::Netdev;

void skip_other_kinds(const NodeView& view, Verdicts& verdicts) {
  for (const facts::Device& device : view.node.devices) {
    if (!is_roce(device)) {
      verdicts.skipped(device.name, fmt::format("{}: no netdev's MTU bounds its packets", kind_words(device.kind)));
    }
  }
}

Evidence mtu_evidence(const Netdev& netdev) {
  return evidence("MTU of " + netdev.name, netdev.mtu, facts::sysfs_net(netdev.name, "mtu"));
}

Evidence active_mtu_evidence(const PortView& port) {
  return evidence("active_mtu of " + port.name(), port.port->active_mtu, "ibv_devinfo -d " + port.device->name);
}

bool mtu_too_small(const NodeView& view, const PortView& port) {
  return port.active() && port.netdev != nullptr && port.netdev->mtu &&
         *port.netdev->mtu < expected_mtu(view, port).bytes;
}

// ---- ROCE-MTU-001 -------------------------------------------------------------------------------------------------

void judge_mtu_of(const PortView& port, const NodeView& view, Verdicts& verdicts) {
  if (port.netdev == nullptr) {
    if (port.netdev_name.empty()) {
      verdicts.unknown(port.name(), fmt::format("which netdev {} uses could not be read, nor its MTU", port.name()),
                       port.port->netdev ? facts::Missing{facts::Why::absent, ""} : port.port->netdev.missing(),
                       {"rdma link"});
    } else {
      verdicts.unknown(
          port.name(), fmt::format("{} is not visible here, so its MTU could not be read", port.netdev_name),
          {facts::Why::absent, fmt::format("{}: not in this network namespace", facts::sysfs_net(port.netdev_name))},
          {fmt::format("# on the host: cat {}", facts::sysfs_net(port.netdev_name, "mtu"))});
    }
    return;
  }
  const Netdev& netdev = *port.netdev;
  if (!netdev.mtu) {
    verdicts.unknown(netdev.name, fmt::format("the MTU of {} could not be read", netdev.name), netdev.mtu.missing(),
                     {fmt::format("ip link show dev {}", netdev.name)});
    return;
  }
  const ExpectedMtu expected = expected_mtu(view, port);
  std::vector<Evidence> seen{mtu_evidence(netdev), active_mtu_evidence(port)};
  if (*netdev.mtu >= expected.bytes) {
    verdicts.ok(netdev.name, fmt::format("MTU of {} is {}", netdev.name, *netdev.mtu), std::move(seen));
    return;
  }
  const int path_now = derived::path_mtu_within(*netdev.mtu);
  const int path_then = derived::path_mtu_within(expected.bytes);
  std::string cost = path_now == path_then
                         ? "RDMA packets stay as large, but TCP frames and a peer with the larger MTU do not match."
                         : fmt::format(
                               "RDMA packets are cut to {} bytes instead of {}: more packets and headers for the same "
                               "data, and a slower TCP.",
                               path_now, path_then);
  const std::string cause = fmt::format(
      "{} bytes are expected here ({}). {} MTU 1500 is what an installer leaves; it must be raised on both ends, "
      "and on the switch ports between them.",
      expected.bytes, expected.why, cost);
  std::vector<std::string> remedy =
      concat({"# now, on both nodes:"},
             on_host(view.node, {fmt::format("ip link set dev {} mtu {}", netdev.name, expected.bytes)}));
  remedy = concat(concat(remedy, {"# and for the next start:"}), persist_mtu(view.node, netdev, expected.bytes));
  std::string title = fmt::format("MTU of {} is {}, not {}", netdev.name, *netdev.mtu, expected.bytes);
  if (expected.demanded) {
    verdicts.critical(netdev.name, std::move(title), std::move(seen), cause, std::move(remedy));
  } else {
    verdicts.warning(netdev.name, std::move(title), std::move(seen), cause, std::move(remedy));
  }
}

void judge_mtu(const NodeView& view, Verdicts& verdicts) {
  skip_other_kinds(view, verdicts);
  for (const PortView& port : roce_ports(view)) {
    if (port.active()) {
      judge_mtu_of(port, view, verdicts);
    } else if (!port.port->state) {
      verdicts.unknown(port.name(),
                       fmt::format("whether {} is in use could not be read, nor whether its MTU matters", port.name()),
                       port.port->state.missing());
    } else {
      verdicts.skipped(port.netdev_name.empty() ? port.name() : port.netdev_name, "its port is not ACTIVE");
    }
  }
}

// ---- ROCE-MTU-002 -------------------------------------------------------------------------------------------------

void judge_active_mtu_of(const PortView& port, const NodeView& view, Verdicts& verdicts) {
  const Netdev& netdev = *port.netdev;
  const auto& active = port.port->active_mtu;
  if (!active) {
    verdicts.unknown(port.name(), fmt::format("the active_mtu of {} could not be read", port.name()), active.missing(),
                     {"ibv_devinfo -d " + port.device->name});
    return;
  }
  int allowed = derived::path_mtu_within(*netdev.mtu);
  if (port.port->max_mtu && *port.port->max_mtu > 0) allowed = std::min(allowed, *port.port->max_mtu);
  std::vector<Evidence> seen{active_mtu_evidence(port), mtu_evidence(netdev)};
  if (*active >= allowed) {
    verdicts.ok(port.name(), fmt::format("active_mtu is {}", *active), std::move(seen));
    return;
  }
  verdicts.warning(
      port.name(),
      fmt::format("active_mtu of {} is {}, though MTU {} allows {}", port.name(), *active, *netdev.mtu, allowed),
      std::move(seen),
      fmt::format("The RDMA device kept the path MTU of an earlier, smaller MTU of {}. Queue pairs take the "
                  "smaller of both ends, so each message takes {} times the packets.",
                  netdev.name, allowed / std::max(*active, 1)),
      concat({"# give the driver a reason to look again (this breaks running connections):"},
             on_host(view.node, {fmt::format("ip link set dev {} mtu {}", netdev.name, *netdev.mtu - 4),
                                 fmt::format("ip link set dev {} mtu {}", netdev.name, *netdev.mtu)})));
}

void judge_active_mtu(const NodeView& view, Verdicts& verdicts) {
  skip_other_kinds(view, verdicts);
  for (const PortView& port : roce_ports(view)) {
    if (!port.active() || port.netdev == nullptr || !port.netdev->mtu) {
      verdicts.skipped(port.name(), port.active() ? "the MTU of its netdev is not known" : "its port is not ACTIVE");
    } else if (mtu_too_small(view, port)) {
      verdicts.skipped(port.name(), "follows the MTU of its netdev: see ROCE-MTU-001");
    } else {
      judge_active_mtu_of(port, view, verdicts);
    }
  }
}

// ---- ROCE-MTU-003 -------------------------------------------------------------------------------------------------

/// Netdevs that must have one MTU: those of ACTIVE RoCE ports, members of their bonds, VLANs over them.
std::vector<const Netdev*> related_netdevs(const NodeView& view) {
  std::vector<const Netdev*> related;
  const auto add = [&](const Netdev* netdev) {
    if (netdev != nullptr && std::find(related.begin(), related.end(), netdev) == related.end())
      related.push_back(netdev);
  };
  for (const PortView& port : roce_ports(view)) {
    if (!port.active() || port.netdev == nullptr) continue;
    add(port.netdev);
    for (const std::string& lower : port.netdev->lower) add(view.node.find_netdev(lower));
    for (const Netdev& other : view.node.netdevs) {
      const bool over_it = std::find(other.lower.begin(), other.lower.end(), port.netdev_name) != other.lower.end();
      if (over_it && other.type.is("vlan")) add(&other);
    }
  }
  return related;
}

void judge_equal_mtu(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = roce_ports(view);
  if (std::any_of(ports.begin(), ports.end(), [&](const PortView& port) { return mtu_too_small(view, port); })) {
    verdicts.skipped(node_subject, "a netdev's MTU is too small: see ROCE-MTU-001");
    return;
  }
  const std::vector<const Netdev*> related = related_netdevs(view);
  if (related.size() < 2) {
    verdicts.skipped(node_subject, "fewer than two netdevs of ACTIVE RoCE ports");
    return;
  }
  std::vector<Evidence> seen;
  std::set<int> values;
  const Netdev* unread = nullptr;
  for (const Netdev* netdev : related) {
    seen.push_back(mtu_evidence(*netdev));
    if (netdev->mtu) {
      values.insert(*netdev->mtu);
    } else {
      unread = netdev;
    }
  }
  if (values.size() > 1) {
    const int largest = *values.rbegin();
    std::vector<std::string> commands;
    std::vector<std::string> names;
    for (const Netdev* netdev : related) {
      if (!netdev->mtu) continue;
      names.push_back(fmt::format("{} {}", netdev->name, *netdev->mtu));
      if (*netdev->mtu != largest) commands.push_back(fmt::format("ip link set dev {} mtu {}", netdev->name, largest));
    }
    verdicts.warning(
        node_subject, "netdevs of this node's RoCE ports have different MTU: " + join(names, ", "), std::move(seen),
        "Rails, twins, members of a bond and VLANs over them carry the same traffic. The smallest MTU bounds some "
        "of it, and larger frames are dropped where they meet it.",
        on_host(view.node, commands));
  } else if (unread != nullptr) {
    verdicts.unknown(unread->name, fmt::format("the MTU of {} could not be read", unread->name), unread->mtu.missing());
  } else {
    verdicts.ok(node_subject, fmt::format("{} netdevs of RoCE ports have MTU {}", related.size(), *values.begin()),
                std::move(seen));
  }
}

constexpr std::array checks{
    Check{
        "ROCE-MTU-001", "MTU below jumbo size",
        "RoCE cuts messages into packets that fit the netdev's MTU: 4096 bytes with MTU 9000, only 1024 with the 1500 "
        "that installers leave. Small packets cost bandwidth and message rate, and TCP on the same link suffers more.",
        "The MTU of each ACTIVE RoCE port's netdev against --expect-mtu, else 9000 (or the most that its driver "
        "allows). Warning; critical when --expect-mtu was given. The resulting active_mtu of 1024 is part of this "
        "finding.",
        "sudo ip link set dev NETDEV mtu 9000, on both nodes and on switch ports between them, and a netplan file with "
        "\"mtu: 9000\" so that it stays.",
        true, judge_mtu},
    Check{"ROCE-MTU-002", "RDMA device kept a smaller path MTU",
          "The device's active_mtu should follow its netdev's MTU. Some drivers keep the old value when the MTU was "
          "raised while the device was there.",
          "Warning when active_mtu is below the path MTU that fits the netdev's MTU (4096 for 9000) and that the "
          "device can do.",
          "Set the MTU again, or take the netdev down and up.", false, judge_active_mtu},
    Check{"ROCE-MTU-003", "Rails of one node differ in MTU",
          "All rails of a node carry one job. A rail, bond member or VLAN with another MTU is the slowest, or drops "
          "frames.",
          "Warning when netdevs of ACTIVE RoCE ports, members of their bonds or VLANs over them differ in MTU, each "
          "being large enough for ROCE-MTU-001.",
          "Give all of them the same MTU: sudo ip link set dev NETDEV mtu 9000.", false, judge_equal_mtu},
};

}  // namespace

std::span<const Check> mtu_checks() { return checks; }

}  // namespace rocekit::checks
