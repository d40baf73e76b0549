#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "probes/checks/nccl_net_checks.h"
#include "probes/checks/settings.h"
#include "probes/derived/nccl_choice.h"
#include "probes/derived/serving_view.h"
#include "probes/facts/variables.h"
#include "probes/pair/agreement.h"
#include "probes/pair/parts.h"

namespace rocekit::pair {
namespace {

using checks::Severity;
using facts::Missing;
using facts::Why;

const facts::Setting* setting_of(const NodeOfPair& node, std::string_view name) {
  for (const facts::Setting& setting : process_of(node.node).settings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

/// Why the settings of the process that serves are not known.
const Missing* unread_settings(const NodeOfPair& node) {
  const bool unread = node.node.serving && !node.node.serving->environment;
  return unread ? &node.node.serving->environment.missing() : nullptr;
}

std::string roce_probe_of(const NodeOfPair& node) {
  return node.node.serving ? fmt::format("sudo roce-probe --pid {}", node.node.serving->pid) : "roce-probe";
}

bool over_rdma(const NodeOfPair& node) { return node.nccl.net == "IB"; }

// ---- ROCE-PAIR-011 --------------------------------------------------------------------------------------------------

std::string why_left_out(const PortOfNode& port) {
  for (const derived::Rejected& rejected : port.node->nccl.rejected) {
    if (rejected.device == port.view.device->name && rejected.port == port.view.port->number) return rejected.why;
  }
  return "not among NCCL's devices";
}

/// Two nodes that have a rail in common, but none that NCCL takes at both ends.
bool some_pair_has_no_rail(const Nodes& nodes, const Fabric& fabric) {
  const auto lies_on = [](const RailOfNodes& rail, const NodeOfPair& node, bool taken) {
    return std::any_of(rail.ports.begin(), rail.ports.end(), [&](const PortOfNode* port) {
      return port->node == &node && (!taken || port->taken_by_nccl());
    });
  };
  const auto share = [&](const NodeOfPair& a, const NodeOfPair& b, bool taken) {
    return std::any_of(fabric.rails.begin(), fabric.rails.end(),
                       [&](const RailOfNodes& rail) { return lies_on(rail, a, taken) && lies_on(rail, b, taken); });
  };
  for (std::size_t b = 1; b < nodes.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      if (share(nodes[a], nodes[b], false) && !share(nodes[a], nodes[b], true)) return true;
    }
  }
  return false;
}

// ---- ROCE-PAIR-012 --------------------------------------------------------------------------------------------------

/// As the process that is compared sees the node: its interfaces, where it has a network namespace of its own.
facts::NodeFacts seen_by_process(const NodeOfPair& node) {
  return node.node.serving ? derived::as_seen_by_serving(node.node) : node.node;
}

struct SocketEnd {
  const NodeOfPair* node = nullptr;
  facts::NodeFacts seen;
  const facts::Netdev* netdev = nullptr;  ///< of `seen`
  std::optional<facts::Address> address;
  Value value;
};

SocketEnd socket_end_of(const NodeOfPair& node) {
  SocketEnd end;
  end.node = &node;
  end.seen = seen_by_process(node);
  end.value = {&node, node.name, std::nullopt, {}, "", ""};
  if (const facts::Setting* setting = setting_of(node, "NCCL_SOCKET_IFNAME")) {
    end.value.more = fmt::format("NCCL_SOCKET_IFNAME={}", setting->value);
  }
  if (node.nccl.socket_ifnames.empty()) {
    end.value.missing = {Why::absent, "NCCL finds no interface there: " + node.nccl.socket_why};
    return end;
  }
  const std::string& name = node.nccl.socket_ifnames.front();
  end.value.source = fmt::format("ip -4 address show dev {}", name);
  end.netdev = std::as_const(end.seen).find_netdev(name);
  if (end.netdev == nullptr) {
    end.value.missing = {Why::not_read, name + " was not read"};
    return end;
  }
  if (!end.netdev->addresses) {
    end.value.missing = end.netdev->addresses.missing();
    return end;
  }
  const std::vector<facts::Address> addresses = checks::ipv4_addresses(*end.netdev);
  if (addresses.empty()) {
    end.value.is = fmt::format("no IPv4 address ({})", name);
    return end;
  }
  end.address = addresses.front();
  end.value.is = fmt::format("{} ({})", checks::subnet_of(addresses.front())->text(), name);
  return end;
}

/// The bootstrap address that several nodes have.
bool tell_doubled_address(const std::vector<SocketEnd>& ends, const std::vector<checks::Evidence>& evidence,
                          Findings& out) {
  std::map<std::string, std::vector<const NodeOfPair*>> holders;
  for (const SocketEnd& end : ends) {
    if (end.address) holders[end.address->ip].push_back(end.node);
  }
  bool told = false;
  for (const auto& [ip, nodes] : holders) {
    if (nodes.size() < 2) continue;
    told = true;
    verdicts_of("ROCE-PAIR-012", nodes, out)
        .warning(names_of(nodes), fmt::format("{} all have the address {}", names_of(nodes), ip), evidence,
                 "Each reaches itself at that address and never the others: ranks wait for each other until the start "
                 "times out. It comes of copying a node's setup.",
                 {"# on each of them; one keeps the address, the others get their own:", "ip -br -4 address"});
  }
  return told;
}

}  // namespace

void compare_nccl_networks(const Nodes& nodes, Findings& out) {
  Question question{"ROCE-PAIR-010", "NCCL's network"};
  for (const NodeOfPair& node : nodes) {
    Value value{&node, node.name, node.nccl.net, {}, "predicted from this node's devices and settings", node.nccl.why};
    const Missing* unread = unread_settings(node);
    if (unread == nullptr) unread = checks::undecided_network(view_of(node));
    if (unread != nullptr || node.nccl.net.empty() || node.nccl.net == "unknown") {
      value.is.reset();
      value.missing = unread != nullptr ? *unread : Missing{Why::not_read, node.nccl.why};
    }
    question.values.push_back(std::move(value));
  }
  question.severity = Severity::critical;
  question.preferred = "IB";
  question.cause =
      "Ranks on different networks cannot connect: NCCL hangs at the first collective, or ends with an error on one "
      "side.";
  question.remedy = [](const Value& value, const std::string& wanted) {
    return std::vector<std::string>{
        fmt::format("# on {}: why NCCL takes {} there and not {}", host_of(*value.node), *value.is, wanted),
        roce_probe_of(*value.node) + " --check ENV,ACC,LNK"};
  };
  judge(question, out);
}

void compare_nccl_devices(const Nodes& nodes, const Fabric& fabric, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-011";
  if (!std::all_of(nodes.begin(), nodes.end(), over_rdma)) {
    verdicts_of(id, all_of(nodes), out).skipped("nodes", "NCCL does not take RDMA on all of them");
    return;
  }
  const bool nothing_in_common = some_pair_has_no_rail(nodes, fabric);
  bool judged = false;
  for (const RailOfNodes& rail : fabric.rails) {
    if (!rail.joins()) continue;
    Question question{id, fmt::format("Use of the rail {}", rail.label)};
    for (const PortOfNode* port : rail.ports) {
      Value value{port->node, port->owner(), port->taken_by_nccl() ? "taken" : "left out", {}, "", ""};
      if (!port->taken_by_nccl()) value.more = why_left_out(*port);
      if (const facts::Setting* setting = setting_of(*port->node, "NCCL_IB_HCA")) {
        value.source = fmt::format("NCCL_IB_HCA={} ({})", setting->value, setting->source);
      }
      question.values.push_back(std::move(value));
    }
    if (nothing_in_common) question.severity = Severity::critical;
    question.preferred = "taken";
    question.cause = nothing_in_common
                         ? "There is no rail that NCCL takes at both ends, so it connects devices that do not reach "
                           "each other."
                         : "One end of the rail stays unused, and NCCL connects devices that do not lie opposite each "
                           "other.";
    question.remedy = [](const Value& value, const std::string&) {
      std::vector<std::string> lines{
          fmt::format("# on {}: NCCL_IB_HCA over all usable rails of that node", host_of(*value.node)),
          "roce-probe env --for shell"};
      if (setting_of(*value.node, "NCCL_IB_HCA") == nullptr) {
        lines.back() = roce_probe_of(*value.node) + " --check ENV,ACC,GID";
      }
      return lines;
    };
    judge(question, out);
    judged = true;
  }
  if (!judged) verdicts_of(id, all_of(nodes), out).skipped("nodes", "no rail joins two of them (ROCE-PAIR-001)");
}

void compare_bootstrap(const Nodes& nodes, Findings& out) {
  std::vector<SocketEnd> ends;
  ends.reserve(nodes.size());
  for (const NodeOfPair& node : nodes) ends.push_back(socket_end_of(node));
  const auto reach = [](const SocketEnd& a, const SocketEnd& b) {
    return a.address && b.address && leaves_by(a.seen, *a.netdev, *b.address) &&
           leaves_by(b.seen, *b.netdev, *a.address);
  };
  bool all_reach = true;
  for (std::size_t b = 1; b < ends.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) all_reach = all_reach && reach(ends[a], ends[b]);
  }
  Question question{"ROCE-PAIR-012", "Network of NCCL's bootstrap"};
  std::vector<checks::Evidence> evidence;
  for (SocketEnd& end : ends) {
    if (end.value.is) evidence.push_back({"bootstrap of " + end.value.owner, *end.value.is, end.value.source});
    // Names of interfaces may differ; with one name in all, equal subnets make equal values.
    if (end.address) end.value.is = checks::subnet_of(*end.address)->text();
    if (end.netdev != nullptr && end.value.more.empty()) end.value.more = end.netdev->name;
    question.values.push_back(std::move(end.value));
  }
  if (tell_doubled_address(ends, evidence, out)) return;
  if (all_reach) {
    verdicts_of(question.check_id, all_of(nodes), out)
        .ok(names_of(all_of(nodes)), "the addresses of NCCL's bootstrap reach each other", std::move(evidence));
    return;
  }
  question.cause =
      "Ranks meet at the address of the first interface. These lie in different networks, so the start hangs, is "
      "refused, or goes over the LAN.";
  question.remedy = [](const Value& value, const std::string& wanted) {
    for (const facts::Netdev& netdev : seen_by_process(*value.node).netdevs) {
      for (const facts::Address& address : checks::ipv4_addresses(netdev)) {
        const auto subnet = checks::subnet_of(address);
        if (!subnet || subnet->text() != wanted) continue;
        return std::vector<std::string>{fmt::format("# on {}, in the environment of what serves: the interface in {}",
                                                    host_of(*value.node), wanted),
                                        fmt::format("export NCCL_SOCKET_IFNAME=={}", netdev.name)};
      }
    }
    return std::vector<std::string>{
        fmt::format("# on {}: no interface has an address in {}; name one that all nodes share:", host_of(*value.node),
                    wanted),
        "ip -br -4 address"};
  };
  judge(question, out);
}

void compare_nccl_settings(const Nodes& nodes, Findings& out) {
  constexpr const char* id = "ROCE-PAIR-013";
  // Judged by their effect: ROCE-PAIR-009 to -012 and the rules on each node.
  constexpr std::array<std::string_view, 10> elsewhere{
      "NCCL_IB_HCA",     "NCCL_SOCKET_IFNAME", "NCCL_IB_GID_INDEX", "NCCL_IB_ADDR_FAMILY", "NCCL_IB_ROCE_VERSION_NUM",
      "NCCL_IB_DISABLE", "NCCL_IB_ADDR_RANGE", "NCCL_NET",          "NCCL_NET_PLUGIN",     "NCCL_CONF_FILE"};
  std::set<std::string> names;
  bool unread = false;
  for (const NodeOfPair& node : nodes) {
    if (const Missing* missing = unread_settings(node)) {
      unread = true;
      verdicts_of(id, {&node}, out)
          .unknown(node.name, fmt::format("NCCL's settings on {} are not known", node.name), *missing,
                   {roce_probe_of(node)});
      continue;
    }
    for (const facts::Setting& setting : process_of(node.node).settings) {
      if (setting.name.rfind("NCCL_", 0) != 0 || facts::is_setting_of_one_node(setting.name)) continue;
      if (std::find(elsewhere.begin(), elsewhere.end(), setting.name) == elsewhere.end()) names.insert(setting.name);
    }
  }
  bool differ = false;
  for (const std::string& name : names) {
    Question question{id, name};
    for (const NodeOfPair& node : nodes) {
      if (unread_settings(node) != nullptr) continue;
      Value value{&node, node.name, "not set", {}, "environment and conf files", ""};
      const facts::Setting* setting = setting_of(node, name);
      if (setting != nullptr && !setting->value.empty()) {
        value.is = setting->value;
        value.source = setting->source;
      }
      question.values.push_back(std::move(value));
    }
    question.cause =
        "NCCL does not compare settings between ranks: where they must agree, a mix hangs, is slow, or goes wrong.";
    question.remedy = [&name](const Value& value, const std::string& wanted) {
      const bool unset = wanted == "not set";
      const std::vector<std::string> commands =
          !unset ? checks::change_setting(value.node->node, name, wanted)
                 : checks::remove_setting(value.node->node, *setting_of(*value.node, name));
      return checks::concat({fmt::format("# on {}, or the other way round on the others:", host_of(*value.node))},
                            commands);
    };
    Findings found;
    if (judge(question, found) != Agreement::differ) continue;
    differ = true;
    out.insert(out.end(), found.begin(), found.end());
  }
  if (differ || unread) return;
  verdicts_of(id, all_of(nodes), out)
      .ok(names_of(all_of(nodes)), names.empty() ? "no NCCL setting that must agree is set"
                                                 : fmt::format("{} NCCL settings agree", names.size()));
}

}  // namespace rocekit::pair
