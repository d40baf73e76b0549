#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using checks::Evidence;

/// NCCL's devices in its order, or the ACTIVE ports where it takes none.
std::vector<const PortOfNode*> in_order(const Fabric& fabric, const NodeOfPair& node, bool of_nccl) {
  const std::vector<const PortOfNode*> ports = fabric.ports_of(node);
  if (!of_nccl) return ports;
  std::vector<const PortOfNode*> ordered;
  for (const std::string& key : node.nccl.hcas) {
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&](const PortOfNode* port) { return port->key() == key; });
    if (found != ports.end()) ordered.push_back(*found);
  }
  return ordered;
}

std::vector<std::string> swap_addresses(const std::vector<const PortOfNode*>& now, const std::vector<int>& wanted) {
  std::vector<std::string> lines{
      fmt::format("# on {}: each rail takes the address of the one it stands in for", host_of(*now.front()->node))};
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i]->rail == wanted[i]) continue;
    const auto donor = std::find_if(now.begin(), now.end(), [&](const auto* port) { return port->rail == wanted[i]; });
    if (donor == now.end() || now[i]->addresses.empty() || (*donor)->addresses.empty()) continue;
    const AddressOfPort& from = now[i]->addresses.front();
    lines = checks::concat(std::move(lines),
                           checks::replace_address(now[i]->node->node, *from.netdev, with_prefix(from.address),
                                                   with_prefix((*donor)->addresses.front().address)));
  }
  lines.emplace_back("# or, where each rail has a cable of its own, swap the cables on that node");
  return lines;
}

}  // namespace

void compare_order(const Nodes& nodes, const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-014";
  const bool of_nccl =
      std::all_of(nodes.begin(), nodes.end(), [](const auto& node) { return !node.nccl.hcas.empty(); });
  Question question{id, "Order of the rails"};
  std::map<const NodeOfPair*, std::vector<const PortOfNode*>> ports;
  std::map<std::string, std::vector<int>> rails_of_text;
  std::optional<std::vector<int>> rails_of_all;
  bool same_rails = true;
  for (const NodeOfPair& node : nodes) {
    const std::vector<const PortOfNode*> ordered = in_order(fabric, node, of_nccl);
    std::vector<int> rails;
    std::vector<std::string> labels;
    std::vector<std::string> devices;
    for (const PortOfNode* port : ordered) {
      rails.push_back(port->rail);
      labels.push_back(port->on_a_rail() ? fabric.rails[static_cast<std::size_t>(port->rail)].label : "no address");
      devices.push_back(port->name());
    }
    std::vector<int> sorted = rails;
    std::sort(sorted.begin(), sorted.end());
    same_rails = same_rails && (!rails_of_all || *rails_of_all == sorted);
    rails_of_all = std::move(sorted);
    const std::string text = checks::join(labels, ", ");
    rails_of_text[text] = std::move(rails);
    ports[&node] = ordered;
    question.values.push_back({&node,
                               node.name,
                               text,
                               {},
                               of_nccl ? "NCCL's order of devices" : "order of devices",
                               checks::join(devices, ", ")});
  }
  if (!same_rails || rails_of_all->size() < 2) {
    const std::vector<const NodeOfPair*> all = all_of(nodes);
    verdicts_of(id, all, out)
        .skipped("nodes", same_rails ? "fewer than two rails"
                                     : "the nodes do not have the same rails (ROCE-PAIR-001, "
                                       "-011)");
    return;
  }
  question.severity = checks::Severity::critical;
  question.cause =
      "NCCL connects the first device with the first and the second with the second, and their addresses lie in "
      "different subnets: the rails are addressed or cabled crosswise, and connecting fails with errno 110 or "
      "completion error 12.";
  question.remedy = [&](const Value& value, const std::string& wanted) {
    return swap_addresses(ports[value.node], rails_of_text[wanted]);
  };
  judge(question, out);
}

void compare_shared_subnets(const Nodes& nodes, const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-015";
  const std::vector<const NodeOfPair*> all = all_of(nodes);
  bool shared = false;
  std::set<std::string> told;
  std::size_t judged = 0;
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins() || rail.ports.front()->infiniband()) continue;
    ++judged;
    // Netdevs by subnet and node: a bond's members share theirs.
    std::map<std::string, std::map<const NodeOfPair*, std::map<const facts::Netdev*, const PortOfNode*>>> by_subnet;
    for (const PortOfNode* port : rail.ports) {
      for (const AddressOfPort& item : port->addresses) {
        by_subnet[item.subnet.text()][port->node].emplace(item.netdev, port);
      }
    }
    for (const auto& [subnet, by_node] : by_subnet) {
      std::vector<const NodeOfPair*> crowded;
      std::vector<Evidence> evidence;
      std::vector<std::string> remedy;
      for (const auto& [node, netdevs] : by_node) {
        for (const auto& [netdev, port] : netdevs) evidence.push_back(port->evidence());
        if (netdevs.size() < 2) continue;
        crowded.push_back(node);
        remedy = checks::concat(std::move(remedy),
                                {fmt::format("# on {}: a subnet of its own for the second rail", host_of(*node)),
                                 "roce-probe --check NET-002"});
      }
      if (crowded.empty() || by_node.size() < 2 || !told.insert(subnet).second) continue;
      shared = true;
      std::sort(crowded.begin(), crowded.end(), [](const auto* a, const auto* b) { return a->rank < b->rank; });
      const std::string subject = names_of(crowded);
      verdicts_of(id, crowded, out)
          .warning(subject, fmt::format("several rails of {} lie in one subnet, {}", subject, subnet),
                   std::move(evidence),
                   "Which of the rails answers for an address, and by which one the kernel sends, is chance: what is "
                   "meant for one twin arrives at the other, and connecting fails with errno 110.",
                   std::move(remedy));
    }
  }
  if (shared) return;
  if (judged == 0) {
    verdicts_of(id, all, out).skipped("nodes", "no RoCE rail joins two of them (ROCE-PAIR-001)");
  } else {
    verdicts_of(id, all, out).ok(names_of(all), "every rail has a subnet of its own");
  }
}

}  // namespace rocekit::pair
