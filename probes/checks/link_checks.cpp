#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"
#include "probes/derived/gb10.h"

namespace rocekit::checks {
namespace {

using facts::DeviceKind;
using facts::Netdev;
using facts::NodeFacts;
using facts::Why;

constexpr const char* soft_roce_reason = "no cable: Soft-RoCE";

std::string ethtool(std::string_view options, std::string_view netdev) {
  return options.empty() ? fmt::format("ethtool {}", netdev) : fmt::format("ethtool {} {}", options, netdev);
}

std::string netdev_or_device(const PortView& port) { return port.netdev_name.empty() ? port.name() : port.netdev_name; }

/// The netdevs with a cable of their own: the members of a bond, the parent of a VLAN, else the netdev itself.
std::vector<const Netdev*> cabled_netdevs(const NodeFacts& node, const PortView& port) {
  if (port.netdev == nullptr) return {};
  const bool stacked = port.netdev->type.is("bond") || port.netdev->type.is("vlan");
  if (!stacked || port.netdev->lower.empty()) return {port.netdev};
  std::vector<const Netdev*> lower;
  for (const std::string& name : port.netdev->lower) {
    if (const Netdev* netdev = node.find_netdev(name)) lower.push_back(netdev);
  }
  return lower;
}

/// One port per rail: the first that is ACTIVE. Twins share one cable, so what a cable shows is said once.
std::vector<PortView> first_active_of_each_rail(const NodeView& view) {
  std::vector<PortView> firsts;
  for (const PortView& port : all_ports(view)) {
    if (!port.active()) continue;
    const bool seen = std::any_of(firsts.begin(), firsts.end(), [&](const PortView& first) {
      return first.rail != nullptr && first.rail == port.rail;
    });
    if (!seen) firsts.push_back(port);
  }
  return firsts;
}

bool admin_down(const PortView& port) { return port.netdev != nullptr && port.netdev->admin_up.is(false); }

/// What the netdev says of its link: "administratively down", "no carrier: No cable", "carrier".
std::string netdev_link_words(const Netdev& netdev) {
  if (netdev.admin_up.is(false)) return "administratively down";
  if (!netdev.carrier) return "carrier " + show(netdev.carrier);
  std::string words = *netdev.carrier ? "carrier" : "no carrier";
  if (netdev.link_state && netdev.link_state->reason) words += ": " + *netdev.link_state->reason;
  return words;
}

std::vector<Evidence> port_evidence(const PortView& port) {
  std::string state = fmt::format("{} ({})", show(port.port->state), show(port.port->phys_state));
  if (port.rail != nullptr) state += ", " + port.rail->cage;
  std::vector<Evidence> seen{{port.name(), state, facts::sysfs_port(port.device->name, port.port->number, "state")}};
  if (port.netdev != nullptr) {
    seen.push_back({port.netdev_name, netdev_link_words(*port.netdev), ethtool("", port.netdev_name)});
  }
  return seen;
}

std::string down_reason(const PortView& port) {
  if (admin_down(port)) return "administratively down";
  if (port.netdev != nullptr && port.netdev->link_state && port.netdev->link_state->reason) {
    return *port.netdev->link_state->reason;
  }
  if (port.port->phys_state.is("Polling")) return "no answer from the other end (Polling)";
  return port.port->phys_state.value_or("no reason told");
}

// ---- ROCE-LNK-001 -------------------------------------------------------------------------------------------------

std::vector<std::string> bring_up(const NodeView& view, const std::vector<PortView>& ports) {
  const NodeFacts& node = view.node;
  std::vector<std::string> up;
  std::vector<std::string> look;
  bool cabled = false;
  bool waits_for_manager = false;
  for (const PortView& port : ports) {
    if (admin_down(port)) up.push_back(fmt::format("ip link set dev {} up", port.netdev_name));
    if (is_hardware(*port.device)) cabled = true;
    if (port.port->link_layer.is("InfiniBand") && port.port->phys_state.is("LinkUp")) waits_for_manager = true;
    if (look.empty() && is_hardware(*port.device) && port.netdev != nullptr) {
      look.push_back(ethtool("", port.netdev_name) + " | grep -E 'Speed|Link detected'");
    }
  }
  std::vector<std::string> remedy = up.empty() ? std::vector<std::string>{} : on_host(node, up);
  if (waits_for_manager) {
    remedy.emplace_back("# the InfiniBand link is up and waits for a subnet manager; start one on one node:");
    remedy = concat(remedy, on_host(node, {"systemctl start opensm"}));
  } else if (cabled && derived::is_gb10(node)) {
    remedy.emplace_back(
        "# plug the QSFP cable into the same cage on both nodes (cage 0 is the one next to the RJ45), start the peer, "
        "then look:");
  } else if (cabled) {
    remedy.emplace_back("# check that the cable is in at both ends and that the peer or switch port is on, then look:");
  }
  return concat(concat(remedy, look), {"rdma link"});
}

void judge_any_active(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = all_ports(view);
  if (view.node.devices.empty()) {
    verdicts.skipped(node_subject, "no RDMA device (ROCE-DEV-001)");
    return;
  }
  std::vector<std::string> active;
  std::vector<std::string> reasons;
  std::set<std::string> distinct;
  std::vector<Evidence> seen;
  const PortView* unread = nullptr;
  for (const PortView& port : ports) {
    if (port.active()) active.push_back(port.name());
    if (!port.port->state && unread == nullptr) unread = &port;
    reasons.push_back(fmt::format("{}: {}", port.name(), down_reason(port)));
    distinct.insert(down_reason(port));
    for (Evidence& item : port_evidence(port)) seen.push_back(std::move(item));
  }
  if (!active.empty()) {
    verdicts.ok(node_subject, fmt::format("{} of {} RDMA ports {} ACTIVE: {}", active.size(), ports.size(),
                                          active.size() == 1 ? "is" : "are", join(active, ", ")));
    return;
  }
  if (unread != nullptr) {
    verdicts.unknown(unread->name(),
                     fmt::format("no port is known to be ACTIVE: the state of {} could not be read", unread->name()),
                     unread->port->state.missing(), {"rdma link"});
    return;
  }
  const std::string said = distinct.size() == 1 ? fmt::format("Each port says: {}", *distinct.begin())
                                                : fmt::format("The ports say: {}", join(reasons, "; "));
  verdicts.critical(
      node_subject, "no RDMA port of this node is ACTIVE", std::move(seen),
      fmt::format("Without a link there is no RDMA: NCCL passes over ports that are not ACTIVE. {}. Usual "
                  "causes: no cable, a cable in the other cage, a peer or switch port that is off, a netdev "
                  "that was taken down.",
                  said),
      bring_up(view, ports));
}

// ---- ROCE-LNK-002 -------------------------------------------------------------------------------------------------

bool has_ipv4(const Netdev& netdev) {
  if (!netdev.addresses) return false;
  const auto& addresses = *netdev.addresses;
  return std::any_of(addresses.begin(), addresses.end(), [](const auto& item) { return item.family == "inet"; });
}

bool has_configured_address(const Netdev& netdev) {
  if (has_ipv4(netdev)) return true;
  if (!netdev.persistent) return false;
  const auto& files = *netdev.persistent;
  return std::any_of(files.begin(), files.end(), [](const auto& file) { return !file.addresses.empty(); });
}

bool says_no_cable(const Netdev& netdev) {
  return netdev.link_state && netdev.link_state->reason && netdev.link_state->reason->find("No cable") == 0;
}

/// Named by NCCL_IB_HCA: ROCE-ENV-002 speaks of a port that is named and down.
bool named_for_nccl(const NodeView& view, const PortView& port) {
  const std::optional<std::string> value = derived::setting(view.node, "NCCL_IB_HCA");
  if (!value) return false;
  const derived::NameFilter filter = derived::NameFilter::parse(*value);
  return !filter.exclude && !filter.entries.empty() && filter.accepts(port.device->name, port.port->number);
}

void judge_twin(const PortView& port, const derived::RailMember& twin, const NodeView& view, Verdicts& verdicts) {
  std::vector<Evidence> seen = port_evidence(port);
  seen.push_back(evidence(twin.device + " state", "ACTIVE", facts::sysfs_port(twin.device, twin.port, "state")));
  std::vector<std::string> remedy;
  if (!port.netdev_name.empty()) {
    remedy = concat(on_host(view.node, {fmt::format("ip link set dev {} up", port.netdev_name)}),
                    {"# when it stays down: what does the driver say?"});
  }
  remedy.push_back(fmt::format("{} | grep -iE '{}|{}' | tail -20", as_root(view.node, "dmesg"), port.device->name,
                               port.device->pci ? port.device->pci->address : "mlx5"));
  verdicts.critical(
      port.name(),
      fmt::format("{} is {} though its twin {} on the same cable is ACTIVE", port.name(), *port.port->state,
                  twin.device),
      std::move(seen),
      fmt::format(
          "{} and {} lead to the same physical port ({}), so the cable is fine. With one of them down half of the "
          "port's PCIe bandwidth is lost. {}",
          twin.device, port.name(), port.rail->cage,
          admin_down(port) ? fmt::format("{} was taken down or never brought up.", port.netdev_name)
                           : "Its netdev is up, so the function itself did not come up."),
      std::move(remedy));
}

void judge_down_rail(const PortView& port, const NodeView& view, Verdicts& verdicts) {
  const NodeFacts& node = view.node;
  const std::string cage = port.rail != nullptr ? port.rail->cage : port.name();
  const std::string title = fmt::format("{} is {} ({})", port.name(), *port.port->state, cage);
  if (named_for_nccl(view, port)) {
    verdicts.skipped(port.name(), "down and named by NCCL_IB_HCA: see ROCE-ENV-002");
    return;
  }
  if (port.netdev == nullptr) {
    verdicts.ok(port.name(), title + "; nothing says that it should be up");
    return;
  }
  const Netdev& netdev = *port.netdev;
  // The second cage of a GB10 adds no bandwidth, and installers give addresses to both.
  const bool spare_cage = derived::is_gb10(node) && !netdev.module;
  const bool configured = has_configured_address(netdev) && !spare_cage;
  const bool software = port.device->kind == DeviceKind::soft_roce;
  const bool plugged = netdev.module.has_value() && !says_no_cable(netdev);
  if (!configured && !software && !plugged) {
    verdicts.ok(port.name(), title + "; an empty cage is normal", port_evidence(port));
    return;
  }
  std::vector<std::string> remedy;
  if (admin_down(port)) {
    remedy = on_host(node, {fmt::format("ip link set dev {} up", port.netdev_name)});
  } else if (software) {
    remedy = {"# the netdev under this Soft-RoCE device has no carrier: connect it, then", "rdma link"};
  } else {
    remedy = {"# check cable and peer port, then look:",
              ethtool("", port.netdev_name) + " | grep -E 'Speed|Link detected'"};
  }
  std::vector<Evidence> seen = port_evidence(port);
  const std::string why = configured ? fmt::format("{} has an IPv4 address configured", netdev.name)
                          : software ? fmt::format("someone set up Soft-RoCE on {}", netdev.name)
                                     : fmt::format("a module is plugged into {}", netdev.name);
  const std::string cause = fmt::format(
      "{}, so this rail is meant to be used, but there is no link: {}. NCCL leaves it out, "
      "and with it the rail's share of the bandwidth.",
      why, down_reason(port));
  if (configured || software || admin_down(port)) {
    verdicts.critical(port.name(), title, std::move(seen), cause, std::move(remedy));
  } else {
    verdicts.warning(port.name(), title, std::move(seen), cause, std::move(remedy));
  }
}

void judge_down_ports(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = all_ports(view);
  const bool any_active = std::any_of(ports.begin(), ports.end(), [](const PortView& port) { return port.active(); });
  for (const PortView& port : ports) {
    if (port.active()) continue;
    if (!port.port->state) {
      verdicts.unknown(port.name(), fmt::format("whether {} is ACTIVE could not be read", port.name()),
                       port.port->state.missing(), {fmt::format("rdma link show {}", port.device->name)});
      continue;
    }
    const derived::RailMember* active_twin = nullptr;
    for (const derived::RailMember* twin : twins_of(port)) {
      if (twin->active) active_twin = twin;
    }
    if (active_twin != nullptr) {
      judge_twin(port, *active_twin, view, verdicts);
    } else if (any_active) {
      judge_down_rail(port, view, verdicts);
    } else {
      verdicts.skipped(port.name(), "no port of this node is ACTIVE: see ROCE-LNK-001");
    }
  }
  if (!ports.empty() && std::all_of(ports.begin(), ports.end(), [](const PortView& port) { return port.active(); })) {
    verdicts.ok(node_subject, "every RDMA port is ACTIVE");
  }
}

// ---- ROCE-LNK-003, ROCE-LNK-004, ROCE-LNK-006: rates ---------------------------------------------------------------

/// "200000baseCR4/Full" -> 200 Gb/s; 0 for names of another form.
double rate_of_mode(std::string_view mode) {
  long mbit_s = 0;
  const auto parsed = std::from_chars(mode.data(), mode.data() + mode.size(), mbit_s);
  const std::string_view rest = mode.substr(static_cast<std::size_t>(parsed.ptr - mode.data()));
  return parsed.ec == std::errc() && rest.rfind("base", 0) == 0 ? static_cast<double>(mbit_s) / 1000.0 : 0;
}

/// "200000baseCR4/Full" -> 4 lanes; 1 when the name ends without a number.
int lanes_of_mode(std::string_view mode) {
  const std::string_view medium = mode.substr(0, mode.find_first_of("/_"));
  const char last = medium.empty() ? '\0' : medium.back();
  return std::isdigit(static_cast<unsigned char>(last)) != 0 ? last - '0' : 1;
}

double best_rate(const std::vector<std::string>& modes) {
  double best = 0;
  for (const std::string& mode : modes) best = std::max(best, rate_of_mode(mode));
  return best;
}

/// The most lanes among the modes of this rate.
int most_lanes(const std::vector<std::string>& modes, double rate_gbit_s) {
  int lanes = 0;
  for (const std::string& mode : modes) {
    if (rate_of_mode(mode) == rate_gbit_s) lanes = std::max(lanes, lanes_of_mode(mode));
  }
  return lanes;
}

std::optional<double> speed_of(const Netdev& netdev) {
  if (!netdev.speed_mbit_s || *netdev.speed_mbit_s <= 0) return std::nullopt;
  return *netdev.speed_mbit_s / 1000.0;
}

std::optional<double> supported_rate(const Netdev& netdev) {
  if (!netdev.link_modes) return std::nullopt;
  const double best = best_rate(netdev.link_modes->supported);
  return best > 0 ? std::optional(best) : std::nullopt;
}

std::optional<double> module_rate(const Netdev& netdev) {
  if (!netdev.module || !netdev.module->rate_class_gbit_s || *netdev.module->rate_class_gbit_s <= 0)
    return std::nullopt;
  return static_cast<double>(*netdev.module->rate_class_gbit_s);
}

struct ExpectedRate {
  double gbit_s = 0;
  std::string why;
};

/// What the user asks for, else what the cable and the port are both made for.
std::optional<ExpectedRate> expected_rate(const NodeView& view, const Netdev& netdev) {
  if (view.expect.rate_gbit_s) {
    return ExpectedRate{*view.expect.rate_gbit_s, fmt::format("--expect-rate {}", show(*view.expect.rate_gbit_s))};
  }
  const std::optional<double> port = supported_rate(netdev);
  const std::optional<double> cable = module_rate(netdev);
  if (cable && (!port || *cable <= *port)) return ExpectedRate{*cable, "the class of the plugged module"};
  if (port) return ExpectedRate{*port, "the best link mode that the port supports"};
  return std::nullopt;
}

std::vector<Evidence> rate_evidence(const Netdev& netdev) {
  std::vector<Evidence> seen{evidence("speed", netdev.speed_mbit_s, facts::sysfs_net(netdev.name, "speed"))};
  if (netdev.speed_mbit_s) seen.back().value += " Mb/s";
  if (netdev.link_modes) {
    seen.push_back(evidence("lanes", netdev.link_modes->lanes, ethtool("", netdev.name)));
    const double best = best_rate(netdev.link_modes->supported);
    if (best > 0) seen.push_back(evidence("best supported link mode", show_rate(best), ethtool("", netdev.name)));
    const double peer = best_rate(netdev.link_modes->peer);
    if (peer > 0)
      seen.push_back(evidence("best mode that the peer advertises", show_rate(peer), ethtool("", netdev.name)));
  }
  if (netdev.module) {
    seen.push_back(evidence("module class", netdev.module->compliance, ethtool("-m", netdev.name)));
    seen.push_back(evidence("module part number", netdev.module->part_number, ethtool("-m", netdev.name)));
  }
  return seen;
}

std::vector<std::string> repair_rate(const NodeView& view, const Netdev& netdev) {
  std::vector<std::string> remedy{
      "# compare link modes on both ends:",
      fmt::format("{} | sed -n '/Supported link modes/,/Lanes/p'", ethtool("", netdev.name)),
      "# let both ends negotiate again:"};
  remedy = concat(remedy, on_host(view.node, {fmt::format("ethtool -s {} autoneg on", netdev.name)}));
  if (derived::is_gb10(view.node)) {
    remedy.emplace_back("# then reseat the cable; known good on GB10: NJAAKK-N911, NJAAKK0006, LMTQF022-SD-R");
  } else {
    remedy.emplace_back("# then reseat or swap the cable or modules");
  }
  return remedy;
}

void judge_rate_of(const Netdev& netdev, const NodeView& view, Verdicts& verdicts) {
  const std::optional<double> speed = speed_of(netdev);
  if (!speed) {
    const facts::Missing why =
        netdev.speed_mbit_s
            ? facts::Missing{Why::malformed,
                             fmt::format("{}: {}", facts::sysfs_net(netdev.name, "speed"), *netdev.speed_mbit_s)}
            : netdev.speed_mbit_s.missing();
    verdicts.unknown(netdev.name, fmt::format("the speed of {} could not be read", netdev.name), why,
                     {ethtool("", netdev.name)});
    return;
  }
  const std::optional<ExpectedRate> expected = expected_rate(view, netdev);
  if (!expected) {
    verdicts.unknown(
        netdev.name,
        fmt::format("{} runs at {}; what it is made for could not be read", netdev.name, show_rate(*speed)),
        netdev.link_modes ? facts::Missing{Why::not_supported, "neither the link modes nor the module tell a rate"}
                          : netdev.link_modes.missing(),
        {"# state what you expect, for example:", fmt::format("roce-probe --expect-rate {}", show(*speed))});
    return;
  }
  if (*speed >= expected->gbit_s) {
    verdicts.ok(netdev.name, fmt::format("{} runs at {}", netdev.name, show_rate(*speed)), rate_evidence(netdev));
    return;
  }
  std::string lanes;
  if (netdev.link_modes && netdev.link_modes->lanes) {
    const int most = most_lanes(netdev.link_modes->supported, expected->gbit_s);
    if (*netdev.link_modes->lanes < most) lanes = fmt::format(" on {} of {} lanes", *netdev.link_modes->lanes, most);
  }
  verdicts.warning(
      netdev.name,
      fmt::format("{} runs at {}{}, not {}", netdev.name, show_rate(*speed), lanes, show_rate(expected->gbit_s)),
      rate_evidence(netdev),
      fmt::format("{} is expected ({}). A link comes up slower when one end does not offer the rate, or when the "
                  "cable does not carry all lanes at it. {:.0f}% of the bandwidth is lost.",
                  show_rate(expected->gbit_s), expected->why, 100 * (1 - *speed / expected->gbit_s)),
      repair_rate(view, netdev));
}

void judge_infiniband_rate(const PortView& port, const NodeView& view, Verdicts& verdicts) {
  const auto& rate = port.port->rate_gbit_s;
  if (!rate) {
    verdicts.unknown(port.name(), fmt::format("the rate of {} could not be read", port.name()), rate.missing());
    return;
  }
  const std::string source = facts::sysfs_port(port.device->name, port.port->number, "rate");
  std::vector<Evidence> seen{evidence("rate", show_rate(*rate), source), evidence("width", port.port->width, source)};
  const bool below = view.expect.rate_gbit_s && *rate < *view.expect.rate_gbit_s;
  if (!below && !port.port->width.is("1X")) {
    verdicts.ok(port.name(), fmt::format("{} runs at {}", port.name(), show_rate(*rate)), std::move(seen));
    return;
  }
  verdicts.warning(
      port.name(),
      below ? fmt::format("{} runs at {}, not {}", port.name(), show_rate(*rate), show_rate(*view.expect.rate_gbit_s))
            : fmt::format("{} runs on one lane ({})", port.name(), show_rate(*rate)),
      std::move(seen),
      "InfiniBand cables carry four lanes. A link with fewer has lost some, by a cable or module that is damaged or "
      "not fully in.",
      {"# reseat or swap the cable, then look:", fmt::format("cat {}", source)});
}

void judge_rates(const NodeView& view, Verdicts& verdicts) {
  for (const PortView& port : first_active_of_each_rail(view)) {
    if (port.device->kind == DeviceKind::soft_roce) {
      verdicts.skipped(netdev_or_device(port), soft_roce_reason);
    } else if (port.device->kind == DeviceKind::infiniband || port.port->link_layer.is("InfiniBand")) {
      judge_infiniband_rate(port, view, verdicts);
    } else if (port.netdev == nullptr) {
      verdicts.skipped(port.name(), "its netdev is not visible here");
    } else {
      for (const Netdev* netdev : cabled_netdevs(view.node, port)) judge_rate_of(*netdev, view, verdicts);
    }
  }
}

std::vector<Evidence> module_evidence(const Netdev& netdev) {
  const facts::Module& module = *netdev.module;
  const std::string source = ethtool("-m", netdev.name);
  std::vector<Evidence> seen{
      evidence("module", fmt::format("{} (0x{:02x})", module.identifier, module.identifier_code), source),
      evidence("compliance", module.compliance, source), evidence("part number", module.part_number, source)};
  if (const std::optional<double> rate = supported_rate(netdev)) {
    seen.push_back(evidence("best supported link mode", show_rate(*rate), ethtool("", netdev.name)));
  }
  return seen;
}

void judge_module_of(const Netdev& netdev, const NodeView& view, Verdicts& verdicts) {
  if (!netdev.module) {
    const facts::Missing& why = netdev.module.missing();
    if (why.why == Why::absent || why.why == Why::not_supported) {
      verdicts.skipped(netdev.name, fmt::format("no module EEPROM: {}", show(why)));
      return;
    }
    verdicts.unknown(
        netdev.name, fmt::format("the EEPROM of the module in {} could not be read", netdev.name), why,
        why.why == Why::permission ? rerun_as_root(view.node, "ROCE-LNK-004") : std::vector<std::string>{});
    return;
  }
  std::optional<double> port = supported_rate(netdev);
  if (view.expect.rate_gbit_s) port = port ? std::min(*port, *view.expect.rate_gbit_s) : *view.expect.rate_gbit_s;
  const std::optional<double> cable = module_rate(netdev);
  const std::optional<double> speed = speed_of(netdev);
  const std::string part = netdev.module->part_number.value_or("part number not told");
  if (!cable) {
    if (port && speed && *speed >= *port) {
      verdicts.ok(netdev.name,
                  fmt::format("the module's class is not told, but the link runs at {}", show_rate(*speed)),
                  module_evidence(netdev));
    } else {
      verdicts.unknown(netdev.name, fmt::format("the class of the module in {} is not known ({})", netdev.name, part),
                       netdev.module->compliance
                           ? facts::Missing{Why::not_supported, "no rate is known for " + *netdev.module->compliance}
                           : netdev.module->compliance.missing());
    }
    return;
  }
  if (!port) {
    verdicts.unknown(
        netdev.name,
        fmt::format("a module of {} is plugged; what the port can do could not be read", show_rate(*cable)),
        netdev.link_modes ? facts::Missing{Why::not_supported, "the port tells no link modes"}
                          : netdev.link_modes.missing());
    return;
  }
  if (*cable >= *port) {
    verdicts.ok(netdev.name,
                fmt::format("module {} is of class {}", part, netdev.module->compliance.value_or(show_rate(*cable))),
                module_evidence(netdev));
    return;
  }
  std::string good = fmt::format("# a cable or modules of {} or more, on both ends", show_rate(*port));
  if (derived::is_gb10(view.node)) good += "; known good on GB10: NJAAKK-N911, NJAAKK0006, LMTQF022-SD-R";
  verdicts.warning(
      netdev.name,
      fmt::format("the module in {} is made for {}, the port for {}", netdev.name, show_rate(*cable), show_rate(*port)),
      module_evidence(netdev),
      fmt::format("{} ({}) carries {} at most, so the link cannot run faster, whatever both ends support. (A "
                  "QSFP28 identifier alone would be fine: 200G copper cables carry it too.)",
                  part, netdev.module->compliance.value_or("class not told"), show_rate(*cable)),
      {good, as_root(view.node, ethtool("-m", netdev.name))});
}

void judge_modules(const NodeView& view, Verdicts& verdicts) {
  for (const PortView& port : first_active_of_each_rail(view)) {
    if (port.device->kind == DeviceKind::soft_roce) {
      verdicts.skipped(netdev_or_device(port), soft_roce_reason);
    } else if (port.device->kind == DeviceKind::infiniband || port.port->link_layer.is("InfiniBand")) {
      verdicts.skipped(port.name(), "InfiniBand: its driver gives no module EEPROM through ethtool");
    } else if (port.netdev == nullptr) {
      verdicts.skipped(port.name(), "its netdev is not visible here");
    } else {
      for (const Netdev* netdev : cabled_netdevs(view.node, port)) judge_module_of(*netdev, view, verdicts);
    }
  }
}

// ---- ROCE-LNK-005 -------------------------------------------------------------------------------------------------

// A start makes one or two changes, a driver reload or a planned restart of the peer two more each.
constexpr int many_carrier_changes = 10;

void judge_flaps_of(const Netdev& netdev, Verdicts& verdicts) {
  const std::string source = facts::sysfs_net(netdev.name, "carrier_changes");
  if (!netdev.carrier_changes) {
    verdicts.unknown(netdev.name, fmt::format("how often the link of {} changed could not be read", netdev.name),
                     netdev.carrier_changes.missing());
    return;
  }
  const int changes = *netdev.carrier_changes;
  std::vector<Evidence> seen{evidence("carrier changes", changes, source)};
  if (netdev.statistics) {
    const auto events = netdev.statistics->find("link_down_events_phy");
    if (events != netdev.statistics->end()) {
      seen.push_back(evidence("link_down_events_phy", events->second, ethtool("-S", netdev.name)));
    }
  }
  if (changes < many_carrier_changes) {
    verdicts.ok(netdev.name, fmt::format("{} carrier changes since it appeared", changes), std::move(seen));
    return;
  }
  verdicts.warning(
      netdev.name, fmt::format("the link of {} changed {} times since it appeared", netdev.name, changes),
      std::move(seen),
      "A link goes up once or twice at start. More than that is a cable or module that is loose or failing, or "
      "a peer that restarted often. Each loss of the link breaks the connections over it.",
      {"# reseat the cable on both ends, note the number, and look again after some hours of work:", "cat " + source,
       "# when it still grows, swap the cable"});
}

void judge_flaps(const NodeView& view, Verdicts& verdicts) {
  std::vector<std::string> done;
  for (const PortView& port : all_ports(view)) {
    if (port.device->kind == DeviceKind::soft_roce) {
      verdicts.skipped(netdev_or_device(port), soft_roce_reason);
      continue;
    }
    for (const Netdev* netdev : cabled_netdevs(view.node, port)) {
      if (std::find(done.begin(), done.end(), netdev->name) != done.end()) continue;
      done.push_back(netdev->name);
      judge_flaps_of(*netdev, verdicts);
    }
  }
}

// ---- ROCE-LNK-006 -------------------------------------------------------------------------------------------------

/// Lanes of 50 Gb/s and more are PAM4-coded and do not work without RS-FEC (IEEE 802.3, clauses 134 and 161).
bool needs_rs_fec(const Netdev& netdev, double speed_gbit_s) {
  constexpr double pam4_lane_gbit_s = 50;
  if (netdev.link_modes && netdev.link_modes->lanes && *netdev.link_modes->lanes > 0) {
    return speed_gbit_s / *netdev.link_modes->lanes >= pam4_lane_gbit_s;
  }
  return speed_gbit_s >= 200;
}

void judge_fec_of(const Netdev& netdev, const NodeView& view, Verdicts& verdicts) {
  const std::optional<double> speed = speed_of(netdev);
  if (!speed) {
    verdicts.skipped(netdev.name, "its speed could not be read, nor whether it needs FEC (see ROCE-LNK-003)");
    return;
  }
  if (!needs_rs_fec(netdev, *speed)) {
    verdicts.skipped(netdev.name,
                     fmt::format("{} with lanes below 50 Gb/s works with and without FEC", show_rate(*speed)));
    return;
  }
  if (!netdev.fec) {
    verdicts.unknown(netdev.name, fmt::format("the FEC in use on {} could not be read", netdev.name),
                     netdev.fec.missing(), {ethtool("--show-fec", netdev.name)});
    return;
  }
  const std::string& active = netdev.fec->active;
  std::vector<Evidence> seen{evidence("active FEC", active, ethtool("--show-fec", netdev.name)),
                             evidence("configured FEC", netdev.fec->configured, ethtool("--show-fec", netdev.name))};
  if (active == "RS" || active == "LLRS") {
    verdicts.ok(netdev.name, fmt::format("FEC {} is on", active), std::move(seen));
    return;
  }
  verdicts.warning(
      netdev.name, fmt::format("FEC of {} is {}, not RS", netdev.name, show(active)), std::move(seen),
      fmt::format("At {} each lane is PAM4-coded and needs Reed-Solomon error correction; without it the link "
                  "drops packets, and RoCE answers each drop with a retry.",
                  show_rate(*speed)),
      concat(on_host(view.node, {fmt::format("ethtool --set-fec {} encoding rs", netdev.name)}),
             {"# the same on the other end"}));
}

void judge_fec(const NodeView& view, Verdicts& verdicts) {
  for (const PortView& port : first_active_of_each_rail(view)) {
    if (port.device->kind == DeviceKind::soft_roce) {
      verdicts.skipped(netdev_or_device(port), soft_roce_reason);
    } else if (!is_roce(*port.device) || port.netdev == nullptr) {
      verdicts.skipped(port.name(), "no Ethernet netdev that tells its FEC");
    } else {
      for (const Netdev* netdev : cabled_netdevs(view.node, port)) judge_fec_of(*netdev, view, verdicts);
    }
  }
}

constexpr std::array checks{
    Check{"ROCE-LNK-001", "No RDMA port is ACTIVE",
          "A port without a link carries nothing, and NCCL passes over it without a warning: with no ACTIVE port it "
          "uses TCP sockets. The cable may be missing or in the other cage, the peer may be off, or the netdev was "
          "taken down.",
          "Critical when no port of any device is ACTIVE. Unknown when none is known to be and a state could not be "
          "read.",
          "Plug the cable into the same cage on both nodes, start the peer, bring the netdev up: sudo ip link set dev "
          "NETDEV up.",
          true, judge_any_active},
    Check{"ROCE-LNK-002", "A port that should be up is down",
          "Twins are two PCIe functions that lead to one cage. When one is ACTIVE the cable is fine, and the other, "
          "being down, costs half of the PCIe bandwidth of that port. Likewise a rail that has an address but no link.",
          "Critical when a twin of an ACTIVE port is down, or a port with a configured IPv4 address, or a Soft-RoCE "
          "device. Warning when a module is plugged but the link is down. An empty cage is normal, and so is the "
          "second cage of a GB10.",
          "Bring the netdev up: sudo ip link set dev NETDEV up. Otherwise check cable and peer.", true,
          judge_down_ports},
    Check{"ROCE-LNK-003", "Link slower than its class",
          "A link that negotiated a lower rate, or lost lanes, carries that much less; everything else looks healthy.",
          "Warning when the speed of an ACTIVE port is below --expect-rate, else below what both the module's class "
          "and the port's supported link modes allow. 2X as RDMA width is normal on GB10, and so is 40 Gb/s on ports "
          "that are down.",
          "Compare the link modes of both ends (ethtool NETDEV), turn autonegotiation on, reseat or swap the cable.",
          false, judge_rates},
    Check{"ROCE-LNK-004", "Cable or module below the port's class",
          "The plugged cable or module is made for less than the port. The link comes up, at the lower rate.",
          "Warning when the class in the module's EEPROM (extended compliance code, or CMIS) is below the port's best "
          "supported link mode or --expect-rate. The identifier alone says nothing: 200G copper cables show as "
          "QSFP28. Unknown without root, because the EEPROM needs it.",
          "Use a cable of the port's class on both ends.", false, judge_modules},
    Check{"ROCE-LNK-005", "Link flaps",
          "A link that goes down and up again breaks the RDMA connections over it, and NCCL with them. Loose or "
          "failing cables do that, and so does a peer that restarts.",
          "Warning from 10 carrier changes on, counted since the netdev appeared; 1 or 2 are a normal start.",
          "Reseat the cable on both ends, watch /sys/class/net/NETDEV/carrier_changes, swap the cable when it grows.",
          false, judge_flaps},
    Check{"ROCE-LNK-006", "No RS-FEC on a fast link",
          "Lanes of 50 Gb/s and more (200G over four lanes, 400G over eight) need Reed-Solomon forward error "
          "correction. Without it bit errors become lost packets.",
          "Warning when the active FEC of an ACTIVE port with such lanes is not RS.",
          "Set it on both ends: sudo ethtool --set-fec NETDEV encoding rs.", false, judge_fec},
};

}  // namespace

std::span<const Check> link_checks() { return checks; }

}  // namespace rocekit::checks
