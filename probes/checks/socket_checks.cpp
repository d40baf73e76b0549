#include "probes/checks/socket_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probes/checks/evidence.h"
#include "probes/checks/fabric.h"
#include "probes/checks/settings.h"

namespace rocekit::checks {
namespace {

using facts::Netdev;
using facts::NodeFacts;
using facts::Setting;

// ---- kinds of interfaces ------------------------------------------------------------------------------------------

/// Why an interface is a wrong one to reach other nodes through; empty: nothing speaks against it.
std::string wrong_kind(const NodeFacts& node, const std::string& name) {
  struct Prefix {
    const char* prefix;
    const char* kind;
  };
  constexpr std::array prefixes{
      Prefix{"docker", "a container bridge"},
      Prefix{"podman", "a container bridge"},
      Prefix{"cni", "a container bridge"},
      Prefix{"virbr", "a bridge of virtual machines"},
      Prefix{"tailscale", "a VPN"},
      Prefix{"wg", "a VPN"},
      Prefix{"zt", "a VPN"},
      Prefix{"tun", "a VPN or tunnel"},
      Prefix{"tap", "a VPN or tunnel"},
      Prefix{"wl", "WiFi"},
  };
  const Netdev* netdev = node.find_netdev(name);
  if (netdev != nullptr && netdev->rdma_device) return "";
  if (netdev != nullptr && netdev->type.is("wifi")) return "WiFi";
  if (netdev != nullptr && netdev->type.is("loopback")) return "loopback, which reaches this node only";
  if (netdev != nullptr && netdev->type.is("tun")) return "a VPN or tunnel";
  const std::string container = container_kind(node);
  // Where the fabric's own interfaces are missing as well, the container's network is at fault: ROCE-GID-003.
  const bool fabric_here = std::any_of(node.netdevs.begin(), node.netdevs.end(),
                                       [](const Netdev& item) { return item.rdma_device.has_value(); });
  const bool own_network = (container == "podman" || container == "docker") && fabric_here;
  if (netdev != nullptr && netdev->type.is("veth") && own_network) {
    return "the container's own network, which the other node cannot reach";
  }
  for (const Prefix& known : prefixes) {
    if (name.rfind(known.prefix, 0) == 0) return known.kind;
  }
  return "";
}

bool over_fabric(const NodeView& view, const std::string& name) {
  for (const PortView& port : all_ports(view)) {
    if (!port.active() || port.netdev == nullptr) continue;
    for (const Netdev* netdev : netdevs_over(view.node, *port.netdev)) {
      if (netdev->name == name) return true;
    }
  }
  return false;
}

/// The interface to propose: the first of the fabric with an IPv4 address.
std::string fabric_interface(const NodeView& view) {
  const std::vector<FabricAddress> addresses = fabric_addresses(view);
  return addresses.empty() ? "" : addresses.front().netdev->name;
}

std::vector<std::string> propose_interface(const NodeView& view, const std::string& variable) {
  const std::string name = fabric_interface(view);
  if (!name.empty()) return change_setting(view.node, variable, name);
  if (const Setting* setting = derived::find_setting(view.node, variable)) return remove_setting(view.node, *setting);
  return {fmt::format("# give an interface that the other nodes reach an address, and name it in {}", variable)};
}

std::string state_of(const NodeFacts& node, const std::string& name) {
  const Netdev* netdev = node.find_netdev(name);
  if (netdev == nullptr) return "not on this node";
  if (netdev->running.is(false) || netdev->operstate.is("down")) return "down";
  if (netdev->addresses && netdev->addresses->empty()) return "without an address";
  return show(netdev->operstate);
}

/// The setting names interfaces (it does not exclude any).
std::optional<derived::NameFilter> named_interfaces(const NodeFacts& node) {
  const auto text = derived::setting(node, "NCCL_SOCKET_IFNAME");
  if (!text) return std::nullopt;
  derived::NameFilter filter = derived::NameFilter::parse(*text);
  if (filter.exclude || filter.entries.empty()) return std::nullopt;
  return filter;
}

}  // namespace

bool bootstrap_lacks_link(const NodeView& view) {
  const auto filter = named_interfaces(view.node);
  if (!filter || !view.nccl.socket_ifnames.empty()) return false;
  return std::any_of(view.node.netdevs.begin(), view.node.netdevs.end(), [&](const Netdev& netdev) {
    return netdev.rdma_device && filter->accepts(netdev.name) && netdev.carrier.is(false) && !netdev.admin_up.is(false);
  });
}

const facts::Missing* unread_bootstrap_addresses(const NodeView& view) {
  if (!view.nccl.socket_ifnames.empty()) return nullptr;
  const auto filter = named_interfaces(view.node);
  for (const Netdev& netdev : view.node.netdevs) {
    if (!netdev.addresses && (!filter || filter->accepts(netdev.name))) return &netdev.addresses.missing();
  }
  return nullptr;
}

// ---- ROCE-ENV-005 -------------------------------------------------------------------------------------------------

void check_socket_interface(const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  if (node.netdevs.empty()) {
    verdicts.unknown("node", "the network interfaces of this node could not be listed",
                     {facts::Why::not_read, "/sys/class/net holds nothing"});
    return;
  }
  if (const facts::Missing* unread = unread_bootstrap_addresses(view)) {
    verdicts.unknown("node", "the addresses of the network interfaces could not be read", *unread);
    return;
  }
  if (bootstrap_lacks_link(view)) {
    verdicts.skipped("node", "the interface that NCCL_SOCKET_IFNAME names has no link: ROCE-LNK-001 or ROCE-LNK-002");
    return;
  }
  const Setting* setting = derived::find_setting(node, "NCCL_SOCKET_IFNAME");
  std::vector<Evidence> evidence_lines;
  if (setting != nullptr) evidence_lines.push_back(evidence_of(*setting));
  if (view.nccl.socket_ifnames.empty()) {
    const derived::NameFilter filter = derived::NameFilter::parse(setting == nullptr ? "" : setting->value);
    if (!filter.exclude) {
      for (const derived::FilterEntry& entry : filter.entries) {
        evidence_lines.push_back(evidence(entry.name, state_of(node, entry.name), "/sys/class/net"));
      }
    }
    std::vector<std::string> names;
    for (const Netdev& netdev : node.netdevs) names.push_back(netdev.name);
    evidence_lines.push_back(evidence("interfaces here", names, "/sys/class/net"));
    verdicts.critical("node", "NCCL finds no network interface for its bootstrap", std::move(evidence_lines),
                      view.nccl.socket_why + ". NCCL stops with \"no socket interface found\" before it looks at RDMA.",
                      propose_interface(view, "NCCL_SOCKET_IFNAME"));
    return;
  }
  const std::string& first = view.nccl.socket_ifnames.front();
  evidence_lines.push_back(evidence("NCCL's interfaces", view.nccl.socket_ifnames, view.nccl.socket_why));
  const std::string kind = wrong_kind(node, first);
  if (kind.empty()) {
    verdicts.ok(first, fmt::format("NCCL opens its first connections over {}", first), std::move(evidence_lines));
    return;
  }
  verdicts.warning(
      first, fmt::format("NCCL opens its first connections over {}: {}", first, kind), std::move(evidence_lines),
      fmt::format(
          "{}. Bootstrap, and the exchange before RDMA connects, take the first interface. Over {} the start is "
          "slow, hangs or fails when the other node cannot reach it; should RDMA fail, all traffic takes it.",
          view.nccl.socket_why, first),
      propose_interface(view, "NCCL_SOCKET_IFNAME"));
}

// ---- ROCE-ENV-009 -------------------------------------------------------------------------------------------------

namespace {

/// Servers with more rails than this have a LAN of their own for bootstrap and frameworks, on purpose.
constexpr std::size_t most_rails_without_lan = 2;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// "192.168.1.7" of "192.168.1.7:6379" and "ray://192.168.1.7:10001".
std::string host_part(const std::string& text) {
  const std::size_t scheme = text.find("://");
  const std::string rest = scheme == std::string::npos ? text : text.substr(scheme + 3);
  return rest.substr(0, rest.find(':'));
}

const Netdev* owner_of(const NodeFacts& node, std::uint32_t ip) {
  for (const Netdev& netdev : node.netdevs) {
    for (const facts::Address& address : ipv4_addresses(netdev)) {
      if (parse_ipv4(address.ip) == ip) return &netdev;
    }
  }
  return nullptr;
}

bool addresses_read(const NodeFacts& node) {
  return !node.netdevs.empty() &&
         std::all_of(node.netdevs.begin(), node.netdevs.end(), [](const Netdev& n) { return n.addresses.has_value(); });
}

/// One wrong variable: what it says and what would be right.
struct Complaint {
  const Setting* setting = nullptr;
  std::string what;
  std::vector<std::string> remedy;
};

class FrameworkJudge {
 public:
  explicit FrameworkJudge(const NodeView& view) : view_(view), fabric_(fabric_addresses(view)) {
    std::size_t active_rails = 0;
    for (const derived::Rail& rail : view.rails) active_rails += rail.active ? 1U : 0U;
    expect_fabric_ = !fabric_.empty() && active_rails <= most_rails_without_lan && unread() == nullptr;
  }

  /// A fact without which the fabric's interfaces and addresses are not all known; nullptr: there is none.
  const facts::Missing* unread() const {
    for (const PortView& port : all_ports(view_)) {
      if (!port.port->state) return &port.port->state.missing();
      if (!port.active()) continue;
      if (port.netdev_name.empty() && !port.port->netdev) return &port.port->netdev.missing();
      if (port.netdev != nullptr && !port.netdev->addresses) return &port.netdev->addresses.missing();
    }
    return nullptr;
  }

  void interfaces(const char* variable) {
    const Setting* setting = find(variable);
    if (setting == nullptr) return;
    for (const std::string& name : split(setting->value, ',')) {
      if (view_.node.find_netdev(name) == nullptr) {
        complain(*setting, fmt::format("{} is not on this node", name), propose_interface(view_, variable));
        return;
      }
      if (expect_fabric_ && !over_fabric(view_, name)) {
        complain(*setting, fmt::format("{} is not an interface of the fabric", name),
                 propose_interface(view_, variable));
        return;
      }
    }
  }

  /// NCCL's own variable: what it chooses is judged, and what ROCE-ENV-005 says is not said again.
  void bootstrap_interface() {
    const Setting* setting = find("NCCL_SOCKET_IFNAME");
    if (setting == nullptr || view_.nccl.socket_ifnames.empty()) return;
    const std::string& first = view_.nccl.socket_ifnames.front();
    if (!expect_fabric_ || over_fabric(view_, first) || !wrong_kind(view_.node, first).empty()) return;
    complain(*setting, fmt::format("{} is not an interface of the fabric", first),
             propose_interface(view_, "NCCL_SOCKET_IFNAME"));
  }

  void own_address(const char* variable) {
    const Setting* setting = find(variable);
    if (setting == nullptr) return;
    const auto ip = parse_ipv4(setting->value);
    if (!ip || is_loopback(*ip)) return;
    if (owner_of(view_.node, *ip) == nullptr && addresses_read(view_.node)) {
      complain(*setting, fmt::format("{} is no address of this node", setting->value), propose_address(variable));
      return;
    }
    in_fabric(*setting, *ip);
  }

  void any_address(const char* variable) {
    const Setting* setting = find(variable);
    if (setting == nullptr) return;
    const auto ip = parse_ipv4(host_part(setting->value));
    if (ip && !is_loopback(*ip)) in_fabric(*setting, *ip);
  }

  std::vector<Complaint> complaints;
  std::vector<const Setting*> judged;

 private:
  static bool is_loopback(std::uint32_t ip) { return ip >> 24 == 127; }

  const Setting* find(const char* variable) {
    const Setting* setting = derived::find_setting(view_.node, variable);
    if (setting == nullptr || setting->value.empty()) return nullptr;
    judged.push_back(setting);
    return setting;
  }

  void in_fabric(const Setting& setting, std::uint32_t ip) {
    if (!expect_fabric_) return;
    const bool inside = std::any_of(fabric_.begin(), fabric_.end(),
                                    [&](const FabricAddress& item) { return item.subnet.contains(ip); });
    if (inside) return;
    const Netdev* owner = owner_of(view_.node, ip);
    const std::string text = host_part(setting.value);
    complain(setting,
             owner == nullptr ? fmt::format("{} is outside the fabric's subnet", text)
                              : fmt::format("{} is the address of {}, not of the fabric", text, owner->name),
             owner == nullptr ? std::vector<std::string>{fmt::format("# {}: the other node's address in {}",
                                                                     setting.name, fabric_.front().subnet.text())}
                              : propose_address(setting.name));
  }

  std::vector<std::string> propose_address(const std::string& variable) {
    if (fabric_.empty()) return remove_setting(view_.node, *derived::find_setting(view_.node, variable));
    const Setting* setting = derived::find_setting(view_.node, variable);
    std::string value = setting->value;
    const std::string host = host_part(value);
    value.replace(value.find(host), host.size(), fabric_.front().address.ip);
    return change_setting(view_.node, variable, value);
  }

  void complain(const Setting& setting, std::string what, std::vector<std::string> remedy) {
    complaints.push_back({&setting, std::move(what), std::move(remedy)});
  }

  const NodeView& view_;
  std::vector<FabricAddress> fabric_;
  bool expect_fabric_ = false;
};

}  // namespace

void check_framework_addresses(const NodeView& view, Verdicts& verdicts) {
  FrameworkJudge judge(view);
  for (const char* variable : {"GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"}) judge.interfaces(variable);
  judge.bootstrap_interface();
  for (const char* variable : {"VLLM_HOST_IP", "HOST_IP"}) judge.own_address(variable);
  for (const char* variable : {"MASTER_ADDR", "VLLM_DP_MASTER_IP", "RAY_ADDRESS", "NCCL_COMM_ID"}) {
    judge.any_address(variable);
  }
  if (judge.judged.empty()) {
    verdicts.skipped("node", "no variable names an address or interface for NCCL, Gloo, Ray or vLLM");
    return;
  }
  std::vector<Evidence> evidence_lines;
  if (judge.complaints.empty() && judge.unread() != nullptr) {
    verdicts.unknown("node", "which interfaces and addresses belong to the fabric could not be read", *judge.unread());
    return;
  }
  if (judge.complaints.empty()) {
    for (const Setting* setting : judge.judged) evidence_lines.push_back(evidence_of(*setting));
    verdicts.ok("node", "addresses and interfaces of serving frameworks fit this node", std::move(evidence_lines));
    return;
  }
  std::vector<std::string> names;
  std::vector<std::string> remedy;
  // Variables that say the same are named together.
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const Complaint& complaint : judge.complaints) {
    evidence_lines.push_back(evidence_of(*complaint.setting));
    names.push_back(complaint.setting->name);
    remedy = concat(std::move(remedy), complaint.remedy);
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const auto& item) { return item.first == complaint.what; });
    if (group == groups.end()) group = groups.insert(groups.end(), {complaint.what, {}});
    group->second.push_back(complaint.setting->name);
  }
  std::vector<std::string> words;
  for (const auto& [what, variables] : groups) words.push_back(fmt::format("{} ({})", what, join(variables, ", ")));
  std::vector<std::string> fabric;
  for (const FabricAddress& item : fabric_addresses(view)) {
    fabric.push_back(fmt::format("{} {}/{}", item.netdev->name, item.address.ip, item.address.prefix_length));
  }
  evidence_lines.push_back(evidence("the fabric", fabric, "ip -4 address show"));
  remedy.emplace_back(
      "# on the other node likewise: VLLM_HOST_IP and HOST_IP are its own address, the others name the head "
      "node on both; then restart Ray and the server");
  verdicts.warning("node",
                   fmt::format("{} {} not point at the fabric", join_words(names), names.size() == 1 ? "does" : "do"),
                   std::move(evidence_lines),
                   join(words, "; ") +
                       ". What these variables steer (bootstrap, Ray, Gloo) then uses another link: slow on a LAN, and "
                       "a hang at the start when the two nodes do not agree.",
                   std::move(remedy));
}

}  // namespace rocekit::checks
