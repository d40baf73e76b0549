#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "probes/checks/areas.h"
#include "probes/checks/evidence.h"

namespace rocekit::checks {
namespace {

using facts::Counters;
using facts::Fact;
using facts::Why;

constexpr const char* no_active_port = "no ACTIVE RDMA port";

// ---- reading ------------------------------------------------------------------------------------------------------

std::optional<std::uint64_t> value_of(const Fact<Counters>& counters, const std::string& name) {
  if (!counters) return std::nullopt;
  const auto found = counters->find(name);
  if (found == counters->end()) return std::nullopt;
  return found->second;
}

bool is_soft(const PortView& port) { return port.device->kind == facts::DeviceKind::soft_roce; }

/// A count with the place it was read at.
struct Count {
  std::string name;
  std::uint64_t value = 0;
  std::string source;
};

std::optional<Count> hw_count(const PortView& port, const std::string& name) {
  const auto value = value_of(port.port->hw_counters, name);
  if (!value) return std::nullopt;
  return Count{name, *value, facts::sysfs_port(port.device->name, port.port->number, "hw_counters/" + name)};
}

std::optional<Count> port_count(const PortView& port, const std::string& name) {
  const auto value = value_of(port.port->counters, name);
  if (!value) return std::nullopt;
  return Count{name, *value, facts::sysfs_port(port.device->name, port.port->number, "counters/" + name)};
}

std::optional<Count> netdev_count(const PortView& port, const std::string& name) {
  if (port.netdev == nullptr) return std::nullopt;
  const auto value = value_of(port.netdev->statistics, name);
  if (!value) return std::nullopt;
  return Count{name, *value, "ethtool -S " + port.netdev->name};
}

std::optional<Count> sent_packets(const PortView& port) {
  return is_soft(port) ? hw_count(port, "sent_pkts") : port_count(port, "port_xmit_packets");
}

std::optional<Count> received_packets(const PortView& port) {
  return is_soft(port) ? hw_count(port, "rcvd_pkts") : port_count(port, "port_rcv_packets");
}

/// Received from the wire, Ethernet and RDMA together where the driver tells.
std::optional<Count> wire_packets(const PortView& port) {
  if (auto count = netdev_count(port, "rx_packets_phy")) return count;
  return received_packets(port);
}

// ---- judging ------------------------------------------------------------------------------------------------------

/// Fewer events than this say nothing, whatever their share of the packets.
constexpr std::uint64_t fewest_events = 100;
/// Lost or refused packets per packet that cost visible bandwidth: RoCE resends everything after a lost packet.
constexpr double hardware_rate = 1e-5;
/// Soft-RoCE's packets pass the kernel's queues, which drop some whenever the processor is busy.
constexpr double software_rate = 1e-3;
/// Damaged packets per packet. A link at the specified bit error rate of 1e-12 damages 3e-8 of packets of 4 KiB; with
/// forward error correction, which all links of 100 Gb/s and more have, a healthy link stays far below 1e-8.
constexpr double wire_rate = 1e-8;
/// Losses of link since the driver started; the start itself and a reboot of the other node count some.
constexpr std::uint64_t most_link_downs = 9;

/// `base` may be missing or 0: then the number of events alone counts.
bool exceeds(const Count& count, const std::optional<Count>& base, double rate) {
  if (count.value < fewest_events) return false;
  return !base || static_cast<double>(count.value) > rate * static_cast<double>(base->value);
}

Evidence as_evidence(const PortView& port, const Count& count) {
  return evidence(fmt::format("{} of {}", count.name, port.name()), count.value, count.source);
}

std::string show_share(const Count& count, const std::optional<Count>& base) {
  if (!base || base->value == 0) return std::to_string(count.value);
  return fmt::format("{} ({:.1e} of {} packets)", count.value,
                     static_cast<double>(count.value) / static_cast<double>(base->value), base->value);
}

Evidence share_evidence(const PortView& port, const Count& count, const std::optional<Count>& base) {
  return evidence(fmt::format("{} of {}", count.name, port.name()), show_share(count, base), count.source);
}

/// "out_of_sequence 48211 (1.2e-03 of 40000000 packets)"
std::string headline(const Evidence& found) {
  return fmt::format("{} {}", found.what.substr(0, found.what.find(' ')), found.value);
}

std::vector<PortView> active_ports(const NodeView& view) {
  std::vector<PortView> active;
  for (const PortView& port : all_ports(view)) {
    if (port.active()) active.push_back(port);
  }
  return active;
}

/// A name and the traffic that it is a share of.
struct RateCounter {
  const char* name;
  bool sender;  ///< counted where packets are sent, so against sent packets; else against received ones
};

/// Counters of hw_counters that exceed the rate.
std::vector<Evidence> beyond_rate(const PortView& port, const std::vector<RateCounter>& names) {
  std::vector<Evidence> found;
  const double rate = is_soft(port) ? software_rate : hardware_rate;
  for (const RateCounter& counter : names) {
    const auto count = hw_count(port, counter.name);
    const auto base = counter.sender ? sent_packets(port) : received_packets(port);
    if (count && exceeds(*count, base, rate)) found.push_back(share_evidence(port, *count, base));
  }
  return found;
}

/// Says why a port's hw_counters cannot be judged; true: it can.
bool readable(const PortView& port, Verdicts& verdicts, std::vector<std::string>& without) {
  const auto& counters = port.port->hw_counters;
  if (counters) return true;
  if (counters.missing().why == Why::absent || counters.missing().why == Why::not_supported) {
    without.push_back(port.name());
  } else {
    verdicts.unknown(port.name(), fmt::format("counters of {} could not be read", port.name()), counters.missing());
  }
  return false;
}

void say_good(Verdicts& verdicts, const std::vector<std::string>& good, const std::vector<std::string>& without,
              const std::string& title) {
  if (!good.empty()) verdicts.ok(join(good, ", "), title);
  if (!without.empty()) {
    verdicts.skipped(join(without, ", "), fmt::format("the driver of {} keeps no such counters", join_words(without)));
  }
}

std::string since(const PortView& port) {
  return is_soft(port) ? "since the Soft-RoCE device was made" : "since the driver started";
}

// ---- ROCE-CTR-001 -------------------------------------------------------------------------------------------------

void check_loss(const NodeView& view, Verdicts& verdicts) {
  // Meanings: Documentation of mlx5 counters ("Understanding mlx5 Linux Counters"), drivers/infiniband/sw/rxe/
  // rxe_hw_counters.c of the kernel for Soft-RoCE.
  const std::vector<RateCounter> names{{"out_of_sequence", false},    {"packet_seq_err", true},
                                       {"implied_nak_seq_err", true}, {"local_ack_timeout_err", true},
                                       {"roce_adp_retrans", true},    {"roce_adp_retrans_to", true},
                                       {"duplicate_request", false},  {"req_transport_retries_exceeded", true},
                                       {"out_of_seq_request", false}, {"rcvd_seq_err", true},
                                       {"retry_exceeded_err", true}};
  const std::vector<PortView> ports = active_ports(view);
  if (ports.empty()) {
    verdicts.skipped("node", no_active_port);
    return;
  }
  std::vector<std::string> good;
  std::vector<std::string> without;
  for (const PortView& port : ports) {
    if (!readable(port, verdicts, without)) continue;
    std::vector<Evidence> found = beyond_rate(port, names);
    if (found.empty()) {
      good.push_back(port.name());
      continue;
    }
    const std::string worst = headline(found.front());
    std::string netdev = port.netdev_name.empty() ? "NETDEV" : port.netdev_name;
    std::vector<std::string> remedy{
        "# watch it while traffic runs; a count that stands still is an old story",
        fmt::format("grep -H . {}/*", facts::sysfs_port(port.device->name, port.port->number, "hw_counters"))};
    if (is_soft(port)) {
      remedy.push_back(fmt::format("ip -s link show {}   # drops of the netdev under Soft-RoCE", netdev));
    } else {
      remedy.push_back(fmt::format("ethtool -S {} | grep -E 'discard|pause|crc|symbol'", netdev));
      remedy.emplace_back("# direct cable: reseat or replace it; switch: same MTU, and PFC or ECN, on every port");
    }
    verdicts.warning(
        port.name(), fmt::format("{} loses packets: {}", port.name(), worst), std::move(found),
        fmt::format("Counted {}. RDMA resends what is lost and everything after it, so even few losses cost "
                    "much bandwidth and make the slowest messages very slow. Causes: a bad cable, an MTU "
                    "that differs along the way, or a switch that drops without flow control.",
                    since(port)),
        std::move(remedy));
  }
  say_good(verdicts, good, without, "hardly any packet was lost or resent");
}

// ---- ROCE-CTR-002 -------------------------------------------------------------------------------------------------

std::vector<Evidence> wire_errors(const PortView& port) {
  std::vector<Evidence> found;
  const auto base = wire_packets(port);
  const auto judge = [&](const std::optional<Count>& count) {
    if (count && exceeds(*count, base, wire_rate)) found.push_back(share_evidence(port, *count, base));
  };
  judge(port_count(port, "symbol_error"));
  for (const char* name : {"rx_crc_errors_phy", "rx_symbol_err_phy", "rx_pcs_symbol_err_phy"}) {
    judge(netdev_count(port, name));
  }
  // On Ethernet these count other things than the wire's, or nothing.
  if (port.port->link_layer.is("InfiniBand")) {
    for (const char* name : {"port_rcv_errors", "link_error_recovery", "local_link_integrity_errors"}) {
      judge(port_count(port, name));
    }
  }
  // Flaps that the netdev saw are ROCE-LNK-005.
  const bool seen_by_netdev = port.netdev != nullptr && port.netdev->carrier_changes.value_or(0) > 9;
  if (!seen_by_netdev) {
    for (const auto& count : {port_count(port, "link_downed"), netdev_count(port, "link_down_events_phy")}) {
      if (count && count->value > most_link_downs) found.push_back(as_evidence(port, *count));
    }
  }
  return found;
}

void check_wire(const NodeView& view, Verdicts& verdicts) {
  const std::vector<PortView> ports = active_ports(view);
  if (ports.empty()) {
    verdicts.skipped("node", no_active_port);
    return;
  }
  std::vector<std::string> good;
  std::vector<std::string> soft;
  // Twins share a cable: one finding for both.
  std::set<const derived::Rail*> judged;
  for (const PortView& port : ports) {
    if (is_soft(port)) {
      soft.push_back(port.name());
      continue;
    }
    if (port.rail != nullptr && !judged.insert(port.rail).second) continue;
    std::vector<std::string> names;
    std::vector<Evidence> found;
    bool any_read = false;
    for (const PortView& member : ports) {
      if (member.port != port.port && (port.rail == nullptr || member.rail != port.rail)) continue;
      names.push_back(member.name());
      any_read = any_read || member.port->counters || (member.netdev != nullptr && member.netdev->statistics);
      const std::vector<Evidence> more = wire_errors(member);
      found.insert(found.end(), more.begin(), more.end());
    }
    if (!any_read) {
      verdicts.unknown(join(names, ", "), fmt::format("counters of {} could not be read", join_words(names)),
                       port.port->counters.missing());
    } else if (found.empty()) {
      good.insert(good.end(), names.begin(), names.end());
    } else {
      const std::string netdev = port.netdev_name.empty() ? "NETDEV" : port.netdev_name;
      const std::string worst = headline(found.front());
      verdicts.warning(
          join(names, ", "),
          fmt::format("the wire of {} damages packets or loses its link: {}", join_words(names), worst),
          std::move(found),
          "Counted since the driver started. Damaged packets are dropped and resent by RDMA, with everything after "
          "them. The cable, its seat in the cage, or the module is bad; on links without error correction (FEC) a long "
          "cable too.",
          concat(
              on_host(view.node, {"# reseat the cable at both ends, then replace it if the counts go on rising:",
                                  fmt::format("ethtool -m {}", netdev), fmt::format("ethtool --show-fec {}", netdev)}),
              port.port->link_layer.is("InfiniBand")
                  ? std::vector<std::string>{fmt::format(
                        "grep -H . {}/*", facts::sysfs_port(port.device->name, port.port->number, "counters"))}
                  : std::vector<std::string>{fmt::format(
                        "ethtool -S {} | grep -E 'crc|symbol|link_down'   # twice, some minutes apart", netdev)}));
    }
  }
  if (!good.empty()) verdicts.ok(join(good, ", "), "hardly any error on the wire");
  if (!soft.empty()) verdicts.skipped(join(soft, ", "), "no cable: Soft-RoCE");
}

// ---- ROCE-CTR-003 -------------------------------------------------------------------------------------------------

void check_slow_receiver(const NodeView& view, Verdicts& verdicts) {
  const std::vector<RateCounter> names{{"rnr_nak_retry_err", true},
                                       {"out_of_buffer", false},
                                       {"rcvd_rnr_err", true},
                                       {"send_rnr_err", false},
                                       {"retry_rnr_exceeded_err", true}};
  const std::vector<PortView> ports = active_ports(view);
  if (ports.empty()) {
    verdicts.skipped("node", no_active_port);
    return;
  }
  std::vector<std::string> good;
  std::vector<std::string> without;
  for (const PortView& port : ports) {
    if (!readable(port, verdicts, without)) continue;
    std::vector<Evidence> found = beyond_rate(port, names);
    const auto discards = netdev_count(port, "rx_discards_phy");
    const bool discarding = discards && exceeds(*discards, wire_packets(port), hardware_rate);
    if (discarding) found.push_back(share_evidence(port, *discards, wire_packets(port)));
    if (found.empty()) {
      good.push_back(port.name());
      continue;
    }
    const std::string worst = headline(found.front());
    std::vector<std::string> remedy{
        "# watch it while traffic runs; a count that stands still is an old story",
        fmt::format("grep -H . {}/*", facts::sysfs_port(port.device->name, port.port->number, "hw_counters"))};
    if (discarding && !port.netdev_name.empty()) {
      remedy.push_back(fmt::format("ethtool -S {} | grep -E 'discards|pause|outbound_pci_stalled'", port.netdev_name));
      remedy.emplace_back(
          "# discards mean that the adapter cannot empty its buffer into memory fast enough: look at "
          "ROCE-PCI-001");
    }
    verdicts.warning(port.name(), fmt::format("the receiver cannot keep up: {}", worst), std::move(found),
                     fmt::format("Counted {}. Messages arrive faster than the receiving program posts buffers, or than "
                                 "the adapter can write them to memory. The sender waits and tries again, which costs "
                                 "latency; too many tries end a connection with completion error 13.",
                                 since(port)),
                     std::move(remedy));
  }
  say_good(verdicts, good, without, "receivers keep up");
}

constexpr Check checks[] = {
    {"ROCE-CTR-001", "Packets are lost on the way",
     "RoCE expects a network that loses nothing. After a loss the adapter resends the lost packet and everything after "
     "it, so few losses cost much bandwidth and make the slowest messages very slow; too many end the connection "
     "(completion error 12).",
     "Counters since the driver started, each against the packets of its direction: out_of_sequence and "
     "duplicate_request against received; packet_seq_err, implied_nak_seq_err, local_ack_timeout_err, "
     "roce_adp_retrans, roce_adp_retrans_to and req_transport_retries_exceeded against sent packets (port_rcv_packets, "
     "port_xmit_packets). Warning from 100 events on when they are more than 1 in 100,000 packets. Soft-RoCE "
     "(out_of_seq_request, duplicate_request, rcvd_seq_err, retry_exceeded_err): more than 1 in 1,000.",
     "Direct cable: reseat or replace it, and compare the MTU of both ends. Switch: same MTU on every port, PFC or "
     "ECN for the priority that RDMA uses. Watch the counters while traffic runs.",
     false, check_loss},
    {"ROCE-CTR-002", "Errors on the wire",
     "The adapter counts packets that arrived damaged, and losses of the link. They come from a bad or badly seated "
     "cable or module.",
     "symbol_error, rx_crc_errors_phy, rx_symbol_err_phy and rx_pcs_symbol_err_phy (InfiniBand also port_rcv_errors, "
     "link_error_recovery and local_link_integrity_errors): warning from 100 events on when they are more than 1 in "
     "100,000,000 received packets. link_downed and link_down_events_phy: warning from 10 on, unless ROCE-LNK-005 "
     "counts the same flaps. Twins share a cable and give one finding. Soft-RoCE has no wire.",
     "Reseat the cable at both ends; replace it when the counts go on rising.", false, check_wire},
    {"ROCE-CTR-003", "Receiver too slow",
     "Messages arrive faster than the receiving program posts buffers (receiver not ready, RNR), or than the adapter "
     "can write them to memory. The sender waits and tries again.",
     "rnr_nak_retry_err and out_of_buffer (Soft-RoCE: rcvd_rnr_err, send_rnr_err, retry_rnr_exceeded_err) and "
     "rx_discards_phy, against the packets of their direction: warning from 100 events on when they are more than 1 in "
     "100,000 packets (Soft-RoCE: 1 in 1,000).",
     "Look for what slows the receiver: a PCIe link below its maximum (ROCE-PCI-001), CPU frequency, a program that "
     "is not served. Watch the counters while traffic runs.",
     false, check_slow_receiver},
};

}  // namespace

std::span<const Check> counter_checks() { return checks; }

}  // namespace rocekit::checks
