#include "probes/pair/fabric.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace rocekit::pair {
namespace {

PortOfNode read_port(const NodeOfPair& node, const checks::PortView& view) {
  PortOfNode port{&node, view, {}, std::nullopt, -1};
  if (view.netdev == nullptr) {
    port.unread =
        view.port->netdev.has_value() || !view.netdev_name.empty()
            ? facts::Missing{facts::Why::absent, fmt::format("{} is not in this network namespace", view.netdev_name)}
            : view.port->netdev.missing();
    return port;
  }
  for (const facts::Netdev* netdev : checks::netdevs_over(node.node, *view.netdev)) {
    if (!netdev->addresses) {
      port.unread = netdev->addresses.missing();
      continue;
    }
    for (const facts::Address& address : checks::ipv4_addresses(*netdev)) {
      if (const auto subnet = checks::subnet_of(address)) port.addresses.push_back({netdev, address, *subnet});
    }
  }
  if (!port.addresses.empty()) port.unread.reset();
  return port;
}

bool reach(const PortOfNode& a, const PortOfNode& b) {
  for (const AddressOfPort& from : a.addresses) {
    for (const AddressOfPort& to : b.addresses) {
      if (leaves_by(a.node->node, *from.netdev, to.address) && leaves_by(b.node->node, *to.netdev, from.address)) {
        return true;
      }
    }
  }
  return false;
}

/// "192.168.100.0/24"; several where ports reach each other by routes.
std::string label_of(const std::vector<const PortOfNode*>& ports) {
  std::vector<std::string> subnets;
  for (const PortOfNode* port : ports) {
    for (const AddressOfPort& item : port->addresses) {
      const bool shared = std::any_of(ports.begin(), ports.end(), [&](const PortOfNode* other) {
        return other != port && std::any_of(other->addresses.begin(), other->addresses.end(),
                                            [&](const AddressOfPort& its) { return its.subnet == item.subnet; });
      });
      const std::string text = item.subnet.text();
      if ((shared || ports.size() == 1) && std::find(subnets.begin(), subnets.end(), text) == subnets.end()) {
        subnets.push_back(text);
      }
    }
  }
  if (subnets.empty()) return "routed from " + ports.front()->addresses.front().subnet.text();
  constexpr std::size_t most = 3;
  const bool many = subnets.size() > most;
  if (many) subnets.resize(most);
  return checks::join(subnets, ", ") + (many ? ", ..." : "");
}

}  // namespace

checks::NodeView view_of(const NodeOfPair& node) {
  static const checks::Expectations nothing_special;
  return {node.node, node.rails, node.nccl, nothing_special};
}

bool leaves_by(const facts::NodeFacts& node, const facts::Netdev& netdev, const facts::Address& to) {
  const auto ip = checks::parse_ipv4(to.ip);
  if (!ip) return false;
  for (const facts::Address& own : checks::ipv4_addresses(netdev)) {
    const auto subnet = checks::subnet_of(own);
    if (subnet && subnet->contains(*ip)) return own.ip != to.ip;
  }
  if (!node.routes) return false;
  const facts::Route* best = nullptr;
  int longest = -1;
  for (const facts::Route& route : *node.routes) {
    const auto subnet = route.destination == "default" ? checks::Subnet{} : checks::parse_subnet(route.destination);
    if (!subnet || !subnet->contains(*ip) || subnet->prefix_length < longest) continue;
    if (subnet->prefix_length == longest && best->metric <= route.metric) continue;
    best = &route;
    longest = subnet->prefix_length;
  }
  return best != nullptr && best->netdev == netdev.name;
}

std::string with_prefix(const facts::Address& address) {
  return fmt::format("{}/{}", address.ip, address.prefix_length);
}

std::string PortOfNode::name() const { return view.name(); }
std::string PortOfNode::owner() const { return fmt::format("{} of {}", name(), node->name); }
std::string PortOfNode::key() const { return fmt::format("{}:{}", view.device->name, view.port->number); }
checks::Evidence PortOfNode::evidence() const {
  std::vector<std::string> texts;
  for (const AddressOfPort& item : addresses) texts.push_back(with_prefix(item.address));
  return {fmt::format("address of {}", owner()), unread ? checks::show(*unread) : checks::show(texts),
          fmt::format("ip -4 address show dev {}", view.netdev_name.empty() ? "NETDEV" : view.netdev_name)};
}

bool PortOfNode::taken_by_nccl() const {
  const std::vector<std::string>& taken = node->nccl.hcas;
  return std::find(taken.begin(), taken.end(), key()) != taken.end();
}

bool RailOfNodes::has(const NodeOfPair& node) const {
  return std::any_of(ports.begin(), ports.end(), [&](const PortOfNode* port) { return port->node == &node; });
}
std::vector<const NodeOfPair*> RailOfNodes::nodes() const {
  std::vector<const NodeOfPair*> found;
  for (const PortOfNode* port : ports) {
    if (std::find(found.begin(), found.end(), port->node) == found.end()) found.push_back(port->node);
  }
  return found;
}
bool RailOfNodes::joins() const { return nodes().size() > 1; }

Fabric::Fabric(const std::vector<NodeOfPair>& nodes) {
  for (const NodeOfPair& node : nodes) {
    for (const checks::PortView& view : checks::all_ports(view_of(node))) {
      if (view.active()) ports.push_back(read_port(node, view));
    }
  }
  // A port starts as a rail of its own; each that reaches another joins its rail.
  std::vector<std::size_t> rail_of(ports.size());
  std::iota(rail_of.begin(), rail_of.end(), std::size_t{0});
  std::map<const NodeOfPair*, int> infiniband_ports;
  std::map<int, std::size_t> first_of_turn;
  for (std::size_t b = 0; b < ports.size(); ++b) {
    const auto join = [&](std::size_t a) {
      const std::size_t from = rail_of[b];
      const std::size_t to = rail_of[a];
      std::replace(rail_of.begin(), rail_of.end(), std::max(from, to), std::min(from, to));
    };
    if (ports[b].infiniband()) {
      const int turn = infiniband_ports[ports[b].node]++;
      join(first_of_turn.emplace(turn, b).first->second);
      continue;
    }
    for (std::size_t a = 0; a < b; ++a) {
      if (!ports[a].infiniband() && ports[a].node != ports[b].node && reach(ports[a], ports[b])) join(a);
    }
  }
  for (std::size_t first = 0; first < ports.size(); ++first) {
    if (rail_of[first] != first || (ports[first].addresses.empty() && !ports[first].infiniband())) continue;
    RailOfNodes rail;
    for (std::size_t i = first; i < ports.size(); ++i) {
      if (rail_of[i] != first) continue;
      ports[i].rail = static_cast<int>(rails.size());
      rail.ports.push_back(&ports[i]);
    }
    rail.label = ports[first].infiniband() ? fmt::format("InfiniBand, rail {}", rails.size()) : label_of(rail.ports);
    rails.push_back(std::move(rail));
  }
}

std::vector<const PortOfNode*> Fabric::ports_of(const NodeOfPair& node) const {
  std::vector<const PortOfNode*> found;
  for (const PortOfNode& port : ports) {
    if (port.node == &node) found.push_back(&port);
  }
  return found;
}

}  // namespace rocekit::pair
