#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using checks::Evidence;
using checks::Subnet;
/// Ports whose addresses are known and which no rail leads to another node; of one node.
std::vector<const PortOfNode*> lonely_ports(const Fabric& fabric, const NodeOfPair& node) {
  std::vector<const PortOfNode*> found;
  for (const PortOfNode* port : fabric.ports_of(node)) {
    const bool joined = port->on_a_rail() && fabric.rails[static_cast<std::size_t>(port->rail)].joins();
    if (!joined && !port->unread) found.push_back(port);
  }
  return found;
}

/// An address of this subnet that none of the nodes has; with the host part that `like` has, where it is free.
std::string address_in(const Subnet& subnet, const Fabric& fabric, const NodeOfPair& node) {
  std::set<std::uint32_t> used;
  std::uint32_t number = 10;
  for (const PortOfNode& port : fabric.ports) {
    for (const AddressOfPort& item : port.addresses) {
      const std::uint32_t ip = *checks::parse_ipv4(item.address.ip);
      used.insert(ip);
      if (port.node == &node) number = ip & 255U;
    }
  }
  // The last number alone moves, which is right for all subnets of up to 254 hosts.
  for (std::uint32_t step = 0; step < 254; ++step) {
    const std::uint32_t ip = subnet.network | ((number + step - 1) % 254 + 1);
    if (subnet.contains(ip) && used.count(ip) == 0) {
      return fmt::format("{}/{}", checks::ipv4_text(ip), subnet.prefix_length);
    }
  }
  return fmt::format("{}/{}", checks::ipv4_text(subnet.network + 1), subnet.prefix_length);
}

/// Commands that bring this port into the subnet.
std::vector<std::string> move_into(const PortOfNode& port, const Subnet& subnet, const Fabric& fabric) {
  const std::string address = address_in(subnet, fabric, *port.node);
  std::vector<std::string> lines{fmt::format("# on {}:", host_of(*port.node))};
  if (!port.addresses.empty()) {
    const AddressOfPort& now = port.addresses.front();
    return checks::concat(lines,
                          checks::replace_address(port.node->node, *now.netdev, with_prefix(now.address), address));
  }
  return checks::concat(lines, checks::add_address(port.node->node, *port.view.netdev, address));
}

// ---- ROCE-PAIR-001 --------------------------------------------------------------------------------------------------

bool share_a_rail(const Fabric& fabric, const NodeOfPair& a, const NodeOfPair& b) {
  return std::any_of(fabric.rails.begin(), fabric.rails.end(),
                     [&](const RailOfNodes& rail) { return rail.has(a) && rail.has(b); });
}

/// Says which addresses stand on more than one node; empty when there are none.
std::string doubled_addresses(const Fabric& fabric) {
  std::map<std::string, std::set<const NodeOfPair*>> holders;
  for (const PortOfNode& port : fabric.ports) {
    for (const AddressOfPort& item : port.addresses) holders[item.address.ip].insert(port.node);
  }
  std::string text;
  for (const auto& [ip, nodes] : holders) {
    if (nodes.size() > 1) text += fmt::format(" {} stands on more than one node, as after copying a setup.", ip);
  }
  return text;
}

/// Nodes that reach each other, directly or by way of others; those with no port are left out.
std::vector<std::vector<const NodeOfPair*>> islands(const std::vector<const NodeOfPair*>& nodes, const Fabric& fabric) {
  std::vector<std::vector<const NodeOfPair*>> found;
  for (const NodeOfPair* node : nodes) {
    std::vector<const NodeOfPair*> island{node};
    std::vector<std::vector<const NodeOfPair*>> apart;
    for (std::vector<const NodeOfPair*>& other : found) {
      const bool joined = std::any_of(other.begin(), other.end(),
                                      [&](const NodeOfPair* member) { return share_a_rail(fabric, *member, *node); });
      if (joined) {
        island.insert(island.begin(), other.begin(), other.end());
      } else {
        apart.push_back(std::move(other));
      }
    }
    apart.push_back(std::move(island));
    found = std::move(apart);
  }
  return found;
}

/// Brings the ports of `node` that lead nowhere to ports of `model`, first to first.
std::vector<std::string> pair_up(const std::vector<const PortOfNode*>& lonely,
                                 const std::vector<const PortOfNode*>& model, const Fabric& fabric) {
  std::vector<std::string> lines;
  std::size_t used = 0;
  for (const PortOfNode* target : model) {
    if (target->addresses.empty()) continue;
    if (used == lonely.size()) break;
    if (lonely[used]->view.netdev == nullptr) break;
    lines = checks::concat(std::move(lines), move_into(*lonely[used++], target->addresses.front().subnet, fabric));
  }
  if (lines.empty()) lines = {"# on both nodes: what is up and what has which address", "roce-probe --check LNK,NET"};
  return lines;
}

void tell_islands(const std::vector<std::vector<const NodeOfPair*>>& found, const Fabric& fabric, Findings& out) {
  std::size_t all = 0;
  const auto* largest = &found.front();
  for (const auto& island : found) {
    all += island.size();
    if (island.size() > largest->size()) largest = &island;
  }
  const bool pinned = 2 * largest->size() > all;
  std::vector<const NodeOfPair*> odd;
  std::vector<Evidence> evidence;
  std::vector<std::string> remedy;
  for (const auto& island : found) {
    const bool is_model = &island == largest;
    for (const NodeOfPair* node : island) {
      const std::vector<const PortOfNode*> ports = fabric.ports_of(*node);
      for (const PortOfNode* port : ports) evidence.push_back(port->evidence());
      if (!is_model || !pinned) odd.push_back(node);
      if (is_model) continue;
      remedy = checks::concat(std::move(remedy), pair_up(ports, fabric.ports_of(*largest->front()), fabric));
    }
  }
  const std::string subject = names_of(odd);
  verdicts_of("ROCE-PAIR-001", odd, out)
      .critical(subject,
                pinned ? fmt::format("no RDMA port of {} shares a subnet with one of the other {} nodes", subject,
                                     largest->size())
                       : fmt::format("no RDMA ports of {} share a subnet", subject),
                std::move(evidence),
                "Nothing can go over RDMA between them, and NCCL fails when it connects." + doubled_addresses(fabric) +
                    (pinned ? std::string() : not_pinned(all)),
                std::move(remedy));
}

/// A rail that lacks nodes: told of the nodes that it lacks when most have it, of its own ports when few have.
void tell_partial_rails(const std::vector<const NodeOfPair*>& nodes, const Fabric& fabric, Findings& out) {
  std::vector<const NodeOfPair*> odd;
  bool even = false;
  std::vector<const RailOfNodes*> partial;
  for (const RailOfNodes& rail : fabric.rails) {
    const std::size_t have = rail.nodes().size();
    if (have == nodes.size()) continue;
    partial.push_back(&rail);
    even = even || 2 * have == nodes.size();
    for (const NodeOfPair* node : nodes) {
      const bool minority = rail.has(*node) ? 2 * have < nodes.size() : 2 * have > nodes.size();
      if (minority && std::find(odd.begin(), odd.end(), node) == odd.end()) odd.push_back(node);
    }
  }
  if (partial.empty()) return;
  const bool pinned = !even && nodes.size() > 2;
  if (!pinned) odd = nodes;

  std::vector<std::string> alone;
  std::vector<Evidence> evidence;
  std::vector<std::string> remedy;
  const NodeOfPair* model = nodes.front();
  for (const NodeOfPair* node : nodes) {
    if (std::find(odd.begin(), odd.end(), node) == odd.end()) {
      model = node;
      break;
    }
  }
  for (const NodeOfPair* node : nodes) {
    const bool wrong = std::find(odd.begin(), odd.end(), node) != odd.end();
    const std::vector<const PortOfNode*> lonely = lonely_ports(fabric, *node);
    for (const PortOfNode* port : lonely) alone.push_back(port->owner());
    for (const PortOfNode* port : fabric.ports_of(*node)) evidence.push_back(port->evidence());
    if (!wrong || node == model) continue;
    // What this node lacks of the model's rails.
    std::vector<const PortOfNode*> missing;
    for (const PortOfNode* port : fabric.ports_of(*model)) {
      if (port->on_a_rail() && !fabric.rails[static_cast<std::size_t>(port->rail)].has(*node)) missing.push_back(port);
    }
    if (!missing.empty()) remedy = checks::concat(std::move(remedy), pair_up(lonely, missing, fabric));
  }
  if (remedy.empty()) remedy = {"# on all nodes: what is up and what has which address", "roce-probe --check LNK,NET"};
  std::vector<std::string> labels;
  for (const RailOfNodes* rail : partial) labels.push_back(rail->label);
  const std::string subject = names_of(odd);
  verdicts_of("ROCE-PAIR-001", odd, out)
      .warning(
          subject,
          alone.empty()
              ? fmt::format("{} has no RDMA port in {}", subject, checks::join_words(labels))
              : fmt::format("{} {} no partner on {}", checks::join_words(alone), alone.size() == 1 ? "has" : "have",
                            nodes.size() == 2 ? "the other node" : "other nodes"),
          std::move(evidence),
          "Other ports of these nodes carry the traffic alone, so this share of the bandwidth is unused; where NCCL "
          "takes such a port, connecting fails." +
              doubled_addresses(fabric) + (pinned ? std::string() : not_pinned(nodes.size())),
          std::move(remedy));
}

}  // namespace

void compare_subnets(const Nodes& nodes, const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-001";
  std::vector<const NodeOfPair*> with_ports;
  std::set<const NodeOfPair*> unread;
  for (const NodeOfPair& node : nodes) {
    for (const facts::Device& device : node.node.devices) {
      for (const facts::Port& port : device.ports) {
        if (port.state) continue;
        unread.insert(&node);
        verdicts_of(id, {&node}, out)
            .unknown(fmt::format("{} of {}", device.name, node.name),
                     fmt::format("the state of {} of {} is not known", device.name, node.name), port.state.missing(),
                     {"sudo roce-probe --check LNK"});
      }
    }
    if (node.node.devices.empty() && !node.node.infiniband_class &&
        node.node.infiniband_class.missing().why != facts::Why::absent) {
      unread.insert(&node);
      verdicts_of(id, {&node}, out)
          .unknown(node.name, fmt::format("the RDMA devices of {} are not known", node.name),
                   node.node.infiniband_class.missing(), {"sudo roce-probe"});
    }
    const std::vector<const PortOfNode*> ports = fabric.ports_of(node);
    for (const PortOfNode* port : ports) {
      if (!port->unread || port->infiniband()) continue;
      unread.insert(&node);
      verdicts_of(id, {&node}, out)
          .unknown(port->owner(), fmt::format("the addresses of {} are not known", port->owner()), *port->unread,
                   {fmt::format("# on {}:", host_of(node)), "roce-probe --check GID,NET"});
    }
    if (!ports.empty()) {
      with_ports.push_back(&node);
    } else if (unread.count(&node) == 0) {
      verdicts_of(id, {&node}, out)
          .skipped(node.name, fmt::format("{} has no ACTIVE RDMA port (ROCE-LNK-001)", node.name));
    }
  }
  // What an unread port might join cannot be told missing.
  if (!unread.empty() || with_ports.size() < 2) return;
  const auto found = islands(with_ports, fabric);
  if (found.size() > 1) {
    tell_islands(found, fabric, out);
    return;
  }
  const std::size_t before = out.size();
  tell_partial_rails(with_ports, fabric, out);
  const bool any_lonely = std::any_of(with_ports.begin(), with_ports.end(),
                                      [&](const NodeOfPair* node) { return !lonely_ports(fabric, *node).empty(); });
  // A port without an address is ROCE-NET-001 of its node; it has no subnet that could be wrong.
  if (out.size() > before || any_lonely) return;
  std::vector<std::string> labels;
  for (const RailOfNodes& rail : fabric.rails) labels.push_back(rail.label);
  verdicts_of(id, with_ports, out)
      .ok(names_of(with_ports), fmt::format("every RDMA port has its partners: {}", checks::join(labels, "; ")));
}

}  // namespace rocekit::pair
