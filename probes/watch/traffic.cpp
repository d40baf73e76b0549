#include "probes/watch/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "probes/facts/paths.h"
#include "probes/facts/readers/proc_files.h"
#include "probes/facts/readers/values.h"

namespace rocekit::watch {
namespace {

using facts::Counters;

// Counters of the kernel's drivers: InfiniBand Architecture (PortCounters), mlx5
// (drivers/infiniband/hw/mlx5/counters.c) and Soft-RoCE (drivers/infiniband/sw/rxe/rxe_hw_counters.c).
constexpr std::array data_counters{"counters/port_xmit_data", "counters/port_rcv_data", "hw_counters/sent_pkts",
                                   "hw_counters/rcvd_pkts"};
constexpr std::array loss_counters{"counters/port_xmit_discards",
                                   "counters/port_rcv_errors",
                                   "hw_counters/out_of_sequence",
                                   "hw_counters/packet_seq_err",
                                   "hw_counters/local_ack_timeout_err",
                                   "hw_counters/implied_nak_seq_err",
                                   "hw_counters/rnr_nak_retry_err",
                                   "hw_counters/out_of_buffer",
                                   "hw_counters/roce_adp_retrans",
                                   "hw_counters/rx_icrc_encapsulated",
                                   "hw_counters/duplicate_request",
                                   "hw_counters/out_of_seq_request",
                                   "hw_counters/rcvd_seq_err",
                                   "hw_counters/rcvd_rnr_err",
                                   "hw_counters/send_rnr_err",
                                   "hw_counters/retry_exceeded_err",
                                   "hw_counters/retry_rnr_exceeded_err",
                                   "hw_counters/completer_retry_err",
                                   "hw_counters/send_err"};
constexpr std::array congestion_counters{"hw_counters/np_cnp_sent", "hw_counters/rp_cnp_handled",
                                         "hw_counters/np_ecn_marked_roce_packets"};
constexpr std::array netdev_counters{"tx_bytes", "rx_bytes", "tx_packets", "rx_packets"};
constexpr std::array netdev_losses{"tx_dropped", "rx_missed_errors", "rx_errors", "tx_errors"};

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

void read_into(const facts::FileTree& tree, const std::string& directory, std::string_view file, Counters& counters) {
  const auto text = tree.read(fmt::format("{}/{}", directory, file));
  if (!text) return;
  if (const auto value = facts::readers::parse_unsigned(*text)) counters[base_name(file)] = *value;
}

std::optional<std::uint64_t> growth(const Counters& before, const Counters& after, const std::string& name) {
  const auto old_value = before.find(name);
  const auto new_value = after.find(name);
  if (old_value == before.end() || new_value == after.end()) return std::nullopt;
  return new_value->second > old_value->second ? new_value->second - old_value->second : 0;
}

const Counters& counters_of(const std::map<std::string, Counters>& all, const std::string& name) {
  static const Counters none;
  const auto found = all.find(name);
  return found == all.end() ? none : found->second;
}

/// Bytes of an interface's packets that were Soft-RoCE's: by their share of the packets, as one packet of TCP may stand
/// for many frames, and no more than they can hold.
double soft_roce_bytes(std::optional<std::uint64_t> rdma_packets, std::optional<std::uint64_t> packets,
                       std::optional<std::uint64_t> bytes, int path_mtu) {
  if (!rdma_packets || !bytes || *rdma_packets == 0) return 0;
  // Ethernet, IPv4, UDP, BTH, RETH and ICRC; InfiniBand Architecture, annex A17.
  constexpr double headers = 14 + 20 + 8 + 12 + 16 + 4;
  const double most = static_cast<double>(*rdma_packets) * (path_mtu + headers);
  const double all = static_cast<double>(*bytes);
  const double share =
      packets && *packets > *rdma_packets ? static_cast<double>(*rdma_packets) / static_cast<double>(*packets) : 1.0;
  return std::min(all * share, most);
}

void add_events(const Counters& before, const Counters& after, const std::string& where, const auto& names,
                bool congestion, std::vector<Event>& events) {
  for (const char* path : names) {
    const std::string name = base_name(path);
    const auto count = growth(before, after, name);
    if (count.value_or(0) > 0) events.push_back({where, name, *count, congestion});
  }
}

bool reaches_a_wire(const facts::Netdev& netdev) {
  if (netdev.rdma_device) return true;
  if (!netdev.lower.empty()) return false;
  return netdev.type.is("physical") || netdev.type.is("wifi");
}

}  // namespace

Layout find_layout(const facts::NodeFacts& node) {
  Layout layout;
  const std::vector<derived::Rail> rails = derived::find_rails(node);
  for (const derived::Rail& rail : rails) {
    for (const derived::RailMember& member : rail.members) {
      if (!member.active) continue;
      Port port;
      port.device = member.device;
      port.number = member.port;
      port.netdev = member.netdev.value_or("");
      port.rail = rail.index;
      port.software = rail.kind == facts::DeviceKind::soft_roce;
      port.path_mtu = rail.path_mtu.value_or(4096);
      layout.ports.push_back(std::move(port));
    }
  }
  for (const facts::Netdev& netdev : node.netdevs) {
    const bool fabric = std::any_of(layout.ports.begin(), layout.ports.end(),
                                    [&](const Port& port) { return port.netdev == netdev.name; });
    if (fabric || reaches_a_wire(netdev)) layout.netdevs.push_back({netdev.name, fabric, false});
  }
  if (!node.serving) return layout;
  layout.pid = node.serving->pid;
  if (node.serving->same_network.is(false) && node.serving->netdevs) {
    for (const facts::Netdev& netdev : *node.serving->netdevs) {
      if (netdev.name == "lo") continue;
      const bool fabric = std::any_of(layout.ports.begin(), layout.ports.end(),
                                      [&](const Port& port) { return port.netdev == netdev.name; });
      layout.netdevs.push_back({netdev.name, fabric, true});
    }
  }
  return layout;
}

Reading read_counters(const facts::FileTree& tree, const Layout& layout, double seconds) {
  Reading reading;
  reading.seconds = seconds;
  for (const Port& port : layout.ports) {
    const std::string directory = facts::sysfs_port(port.device, port.number);
    Counters& counters = reading.ports[port.name()];
    for (const char* file : data_counters) read_into(tree, directory, file, counters);
    for (const char* file : loss_counters) read_into(tree, directory, file, counters);
    for (const char* file : congestion_counters) read_into(tree, directory, file, counters);
  }
  bool of_process = false;
  for (const Netdev& netdev : layout.netdevs) {
    of_process = of_process || netdev.process;
    if (netdev.process) continue;
    const std::string directory = facts::sysfs_net(netdev.name, "statistics");
    Counters& counters = reading.netdevs[netdev.name];
    for (const char* file : netdev_counters) read_into(tree, directory, file, counters);
    for (const char* file : netdev_losses) read_into(tree, directory, file, counters);
  }
  if (of_process && layout.pid) {
    const auto text = tree.read(fmt::format("/proc/{}/net/dev", *layout.pid));
    reading.process_netdevs = facts::readers::parse_net_dev_counters(text.value_or(""));
  }
  return reading;
}

Rates rates_between(const Layout& layout, const Reading& before, const Reading& after) {
  Rates rates;
  rates.seconds = after.seconds - before.seconds;
  if (!(rates.seconds > 0)) return rates;
  const auto gbit_s = [&](double bytes) { return bytes * 8 / 1e9 / rates.seconds; };
  std::map<std::string, std::pair<double, double>> soft_bytes;  // by netdev: out, in
  for (const Port& port : layout.ports) {
    const std::string name = port.name();
    const Counters& old_values = counters_of(before.ports, name);
    const Counters& new_values = counters_of(after.ports, name);
    Flow flow;
    flow.name = port.device;
    flow.netdev = port.netdev;
    flow.rail = port.rail;
    flow.rdma = true;
    flow.fabric = true;
    flow.of_others = layout.held && layout.held->count(port.device) == 0;
    // In words of four bytes (InfiniBand Architecture, PortCounters).
    const auto out_words = growth(old_values, new_values, "port_xmit_data");
    const auto in_words = growth(old_values, new_values, "port_rcv_data");
    double out_bytes = 4.0 * static_cast<double>(out_words.value_or(0));
    double in_bytes = 4.0 * static_cast<double>(in_words.value_or(0));
    if (port.software) {
      const Counters& old_link = counters_of(before.netdevs, port.netdev);
      const Counters& new_link = counters_of(after.netdevs, port.netdev);
      flow.estimated = true;
      out_bytes = soft_roce_bytes(growth(old_values, new_values, "sent_pkts"), growth(old_link, new_link, "tx_packets"),
                                  growth(old_link, new_link, "tx_bytes"), port.path_mtu);
      in_bytes = soft_roce_bytes(growth(old_values, new_values, "rcvd_pkts"), growth(old_link, new_link, "rx_packets"),
                                 growth(old_link, new_link, "rx_bytes"), port.path_mtu);
      soft_bytes[port.netdev].first += out_bytes;
      soft_bytes[port.netdev].second += in_bytes;
    }
    flow.out_gbit_s = gbit_s(out_bytes);
    flow.in_gbit_s = gbit_s(in_bytes);
    rates.flows.push_back(std::move(flow));
    add_events(old_values, new_values, port.device, loss_counters, false, rates.events);
    add_events(old_values, new_values, port.device, congestion_counters, true, rates.events);
  }
  for (const Netdev& netdev : layout.netdevs) {
    const Counters& old_values = counters_of(netdev.process ? before.process_netdevs : before.netdevs, netdev.name);
    const Counters& new_values = counters_of(netdev.process ? after.process_netdevs : after.netdevs, netdev.name);
    Flow flow;
    flow.name = netdev.process ? netdev.name + " (of the process)" : netdev.name;
    flow.fabric = netdev.fabric || netdev.process;
    for (const Port& port : layout.ports) {
      if (port.netdev == netdev.name && !netdev.process) flow.rail = port.rail;
    }
    double out_bytes = static_cast<double>(growth(old_values, new_values, "tx_bytes").value_or(0));
    double in_bytes = static_cast<double>(growth(old_values, new_values, "rx_bytes").value_or(0));
    if (const auto soft = soft_bytes.find(netdev.name); soft != soft_bytes.end() && !netdev.process) {
      out_bytes = std::max(0.0, out_bytes - soft->second.first);
      in_bytes = std::max(0.0, in_bytes - soft->second.second);
    }
    flow.out_gbit_s = gbit_s(out_bytes);
    flow.in_gbit_s = gbit_s(in_bytes);
    rates.flows.push_back(std::move(flow));
    if (netdev.fabric && !netdev.process) {
      add_events(old_values, new_values, netdev.name, netdev_losses, false, rates.events);
    }
  }
  return rates;
}

}  // namespace rocekit::watch
