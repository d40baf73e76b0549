#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probes/derived/rails.h"
#include "probes/facts/paths.h"
#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using facts::Missing;
using facts::Why;

/// A question about every port of a rail; `value` gives nullopt for ports that it does not concern.
template <class ValueOf>
Question ask_ports(const char* id, const char* what, const RailOfNodes& rail, ValueOf&& value) {
  Question question{id, fmt::format("{} in {}", what, rail.label)};
  for (const PortOfNode* port : rail.ports) {
    if (std::optional<Value> one = value(*port)) question.values.push_back(std::move(*one));
  }
  return question;
}

const PortOfNode* port_called(const RailOfNodes& rail, const std::string& owner) {
  const auto found =
      std::find_if(rail.ports.begin(), rail.ports.end(), [&](const auto* port) { return port->owner() == owner; });
  return found == rail.ports.end() ? nullptr : *found;
}

std::string largest(const std::vector<Value>& values) {
  std::string best;
  for (const Value& value : values) {
    if (value.is && (best.empty() || std::stod(*value.is) > std::stod(best))) best = *value.is;
  }
  return best;
}

bool has_software(const RailOfNodes& rail) {
  return std::any_of(rail.ports.begin(), rail.ports.end(), [](const PortOfNode* port) { return port->software(); });
}

void skip(const char* id, const RailOfNodes& rail, const std::string& why, Findings& out) {
  verdicts_of(id, rail.nodes(), out).skipped(rail.label, why);
}

std::string family_of(const std::string& gid) {
  if (gid.rfind("0000:0000:0000:0000:0000:ffff:", 0) == 0) return "IPv4";
  return gid.rfind("fe80", 0) == 0 ? "link-local IPv6" : "IPv6";
}

Value gid_of(const PortOfNode& port) {
  Value value{port.node, port.owner(), std::nullopt, {Why::not_read, "no GID was chosen for it"}, "", ""};
  const auto found = port.node->nccl.gids.find(port.key());
  if (found == port.node->nccl.gids.end()) return value;
  const derived::GidChoice& gid = found->second;
  value.source = facts::sysfs_gid(port.view.device->name, port.view.port->number, gid.index);
  if (gid.gid.empty()) {
    value.is = fmt::format("the empty slot {}", gid.index);
  } else if (gid.type.empty()) {
    value.missing = {Why::not_read, "the type of that GID is not known"};
  } else {
    value.is = fmt::format("{} over {}", gid.type, family_of(gid.gid));
  }
  value.more = fmt::format("index {}{}", gid.index, gid.pinned ? ", set by NCCL_IB_GID_INDEX" : "");
  return value;
}

}  // namespace

void compare_mtu(const Fabric& fabric, Findings& out) {
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins()) continue;
    Question netdev = ask_ports("ROCE-PAIR-002", "MTU", rail, [](const PortOfNode& port) -> std::optional<Value> {
      if (port.infiniband()) return std::nullopt;
      if (port.view.netdev == nullptr) return std::nullopt;
      return value_of(*port.node, port.owner(), port.view.netdev->mtu, facts::sysfs_net(port.view.netdev_name, "mtu"));
    });
    netdev.preferred = largest(netdev.values);
    netdev.cause =
        "RDMA takes the smaller path MTU of the two, which costs headers on every byte; and a frame larger than the "
        "receiver's MTU is dropped without a message, so that TCP stalls on large messages only.";
    netdev.remedy = [&rail](const Value& value, const std::string& wanted) {
      const PortOfNode* port = port_called(rail, value.owner);
      const std::string name = port->view.netdev_name;
      return std::vector<std::string>{
          fmt::format("# on {}:", host_of(*value.node)),
          checks::as_root(value.node->node, fmt::format("ip link set dev {} mtu {}", name, wanted)),
          "# and keep it in netplan; proof that it passes, from the other node:",
          fmt::format("ping -M do -s {} -c 3 {}", std::stoi(wanted) - 28,
                      port->addresses.empty() ? "IP" : port->addresses.front().address.ip)};
    };
    const Agreement by_netdev = judge(netdev, out);

    Question path = ask_ports("ROCE-PAIR-002", "RDMA path MTU", rail, [](const PortOfNode& port) {
      return std::optional<Value>(value_of(*port.node, port.owner(), port.view.port->active_mtu,
                                           fmt::format("ibv_devinfo -d {} (active_mtu)", port.view.device->name)));
    });
    path.preferred = largest(path.values);
    path.cause = "Both ends use the smaller one: each byte costs more headers, and more packets a second are handled.";
    path.unread_remedy = "ibv_devinfo | grep -E 'hca_id|active_mtu'";
    path.remedy = [&rail](const Value& value, const std::string& wanted) {
      const PortOfNode* port = port_called(rail, value.owner);
      return std::vector<std::string>{
          fmt::format("# on {}: the device takes {} when its netdev's MTU is set again", host_of(*value.node), wanted),
          checks::as_root(value.node->node, fmt::format("ip link set dev {} mtu 1500", port->view.netdev_name)),
          checks::as_root(value.node->node, fmt::format("ip link set dev {} mtu 9000", port->view.netdev_name))};
    };
    // The path MTU follows the netdev's: one cause, one finding.
    if (by_netdev != Agreement::differ && judge(path, out) == Agreement::nothing) {
      skip("ROCE-PAIR-002", rail, "no path MTU is told on these nodes", out);
    }
  }
}

void compare_rates(const Fabric& fabric, Findings& out) {
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins()) continue;
    if (has_software(rail)) {
      skip("ROCE-PAIR-004", rail, "Soft-RoCE: the rate that it tells is made up", out);
      continue;
    }
    Question question = ask_ports("ROCE-PAIR-004", "Link rate", rail, [](const PortOfNode& port) {
      return std::optional<Value>(value_of(*port.node, port.owner(), port.view.port->rate_gbit_s,
                                           facts::sysfs_port(port.view.device->name, port.view.port->number, "rate")));
    });
    for (Value& value : question.values) {
      if (value.is) *value.is += " Gb/s";
    }
    question.preferred = largest(question.values);
    question.cause = "The slower link decides what the rail carries, in both directions.";
    question.remedy = [&rail](const Value& value, const std::string& wanted) {
      const PortOfNode* port = port_called(rail, value.owner);
      return std::vector<std::string>{
          fmt::format("# on {}: why not {}: what the port offers and accepts, then the cable", host_of(*value.node),
                      wanted),
          fmt::format("ethtool {}", port->view.netdev_name), "sudo roce-probe --check LNK-003,LNK-004"};
    };
    if (judge(question, out) == Agreement::nothing) skip("ROCE-PAIR-004", rail, "no rate is told on these nodes", out);
  }
}

void compare_gids(const Nodes& nodes, const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-009";
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins()) continue;
    Question question = ask_ports(id, "GID", rail, [](const PortOfNode& port) -> std::optional<Value> {
      // What NCCL leaves out is ROCE-PAIR-011.
      if (port.infiniband() || !port.taken_by_nccl()) return std::nullopt;
      return gid_of(port);
    });
    question.severity = checks::Severity::critical;
    question.preferred = "RoCE v2 over IPv4";
    question.cause =
        "The two ends would speak different protocols: NCCL ends with \"Found Incompatibility issue with GID types\", "
        "or what one end sends is not understood by the other.";
    question.remedy = [](const Value& value, const std::string&) {
      std::vector<std::string> lines{fmt::format("# on {}, in the environment of what serves:", host_of(*value.node)),
                                     "unset NCCL_IB_GID_INDEX NCCL_IB_ADDR_FAMILY NCCL_IB_ROCE_VERSION_NUM"};
      constexpr std::array names{"NCCL_IB_GID_INDEX", "NCCL_IB_ADDR_FAMILY", "NCCL_IB_ROCE_VERSION_NUM"};
      for (const facts::Setting& setting : process_of(value.node->node).settings) {
        const bool named = std::find(names.begin(), names.end(), setting.name) != names.end();
        if (named) lines.push_back(fmt::format("# {}={} is set by: {}", setting.name, setting.value, setting.source));
      }
      return lines;
    };
    if (judge(question, out) == Agreement::nothing) {
      skip(id, rail, fmt::format("NCCL takes RoCE on no two of {} nodes there", nodes.size()), out);
    }
  }
}

void compare_pcie(const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-016";
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins()) continue;
    if (has_software(rail)) {
      skip(id, rail, "Soft-RoCE: the device has no PCIe path of its own", out);
      continue;
    }
    Question question = ask_ports(id, "PCIe bandwidth", rail, [](const PortOfNode& port) {
      const auto& pci = port.view.device->pci;
      if (!pci) return std::optional<Value>({port.node, port.owner(), std::nullopt, pci.missing(), "", ""});
      Value value = value_of(*port.node, port.owner(), pci->bandwidth_gbit_s,
                             facts::sysfs_pci(pci->slowest_hop.value_or(pci->address), "current_link_width"));
      if (value.is) value.is = fmt::format("{:.1f} Gb/s", *pci->bandwidth_gbit_s);
      if (pci->slowest_hop) value.more = fmt::format("slowest hop {}", *pci->slowest_hop);
      return std::optional<Value>(std::move(value));
    });
    question.preferred = largest(question.values);
    question.cause = "The rail carries what the narrower adapter gets through PCIe, whatever the link could do.";
    question.remedy = [&rail](const Value& value, const std::string& wanted) {
      const facts::Pci& pci = *port_called(rail, value.owner)->view.device->pci;
      return std::vector<std::string>{
          fmt::format("# on {}: speed and width against {} of the other; then BIOS, slot, power", host_of(*value.node),
                      wanted),
          fmt::format("sudo lspci -s {} -vv | grep -E 'LnkCap|LnkSta'", pci.slowest_hop.value_or(pci.address)),
          "roce-probe --check PCI-001"};
    };
    if (judge(question, out) == Agreement::nothing) skip(id, rail, "no PCIe path is told on these nodes", out);
  }
}

}  // namespace rocekit::pair
