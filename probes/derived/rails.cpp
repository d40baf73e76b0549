#include "probes/derived/rails.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "probes/derived/gb10.h"

namespace rocekit::derived {
namespace {

using facts::Device;
using facts::DeviceKind;
using facts::Netdev;
using facts::NodeFacts;
using facts::Port;

// RoCE v2 on the wire (InfiniBand Architecture 1.6, annex A17; IEEE 802.3 clauses 3 and 4), bytes of each packet:
// preamble and start 8, inter-packet gap 12, Ethernet header 14, FCS 4, IPv4 20, UDP 8, BTH 12, ICRC 4.
// The RETH (16) of an RDMA write stands in its first packet only: nothing for messages of many packets.
constexpr int roce_header_bytes = 8 + 12 + 14 + 4 + 20 + 8 + 12 + 4;

// InfiniBand (Architecture 1.6, chapters 6 and 9): LRH 8, BTH 12, ICRC 4, VCRC 2; no GRH inside a subnet.
constexpr int infiniband_header_bytes = 8 + 12 + 4 + 2;

// A memory write of PCIe 3.0 to 5.0 (Base Specification 5.0, 2.2 and 4.2.2): framing token with sequence number 4,
// header with 64-bit address 16, LCRC 4. Acknowledgements and flow control take a little more; left out.
constexpr int pcie_header_bytes = 4 + 16 + 4;

// DevCtl's Max_Payload_Size stands in config space that only root may read; 256 is what servers and GB10 negotiate.
constexpr int assumed_max_payload_bytes = 256;

struct PciAddress {
  std::string slot;  // "0000:18:00"
  int function = 0;
};

std::optional<PciAddress> parse_address(std::string_view address) {
  const std::size_t dot = address.rfind('.');
  if (dot == std::string_view::npos || dot + 2 != address.size()) return std::nullopt;
  const char digit = address.back();
  if (digit < '0' || digit > '7') return std::nullopt;
  return PciAddress{std::string(address.substr(0, dot)), digit - '0'};
}

struct Candidate {
  const Device* device = nullptr;
  const Port* port = nullptr;
  const Netdev* netdev = nullptr;
  std::optional<std::string> netdev_name;
  std::optional<PciAddress> address;
};

std::optional<std::string> netdev_name_of(const Device& device, const Port& port) {
  if (port.netdev && !port.netdev->empty()) return *port.netdev;
  if (device.parent_netdev && !device.parent_netdev->empty()) return *device.parent_netdev;
  return std::nullopt;
}

Candidate candidate_of(const NodeFacts& node, const Device& device, const Port& port) {
  Candidate candidate;
  candidate.device = &device;
  candidate.port = &port;
  candidate.netdev_name = netdev_name_of(device, port);
  if (candidate.netdev_name) candidate.netdev = node.find_netdev(*candidate.netdev_name);
  if (device.pci) candidate.address = parse_address(device.pci->address);
  return candidate;
}

bool is_bond(const Candidate& candidate) { return candidate.netdev != nullptr && candidate.netdev->type.is("bond"); }

// Virtual functions share the image GUID of their physical function, yet a host sees each as an adapter of its own
// (drivers/net/ethernet/mellanox/mlx5/core/main.c: the entries marked MLX5_PCI_DEV_IS_VF).
bool is_virtual_function(const Device& device) {
  constexpr std::array mlx5_vf_ids{0x1012, 0x1014, 0x1016, 0x1018, 0x101a, 0x101c, 0x101e, 0xa2d3};
  if (!device.pci || !device.pci->device_id) return false;
  return std::find(mlx5_vf_ids.begin(), mlx5_vf_ids.end(), *device.pci->device_id) != mlx5_vf_ids.end();
}

bool is_real_guid(const facts::Fact<std::string>& guid) {
  return guid && guid->find_first_not_of("0:") != std::string::npos;
}

/// "p0" of phys_port_name, or of the end of a predictable name: "enp1s0f0np0".
std::optional<std::string> port_name_of(const Candidate& candidate) {
  if (candidate.netdev != nullptr && candidate.netdev->phys_port_name && !candidate.netdev->phys_port_name->empty()) {
    return *candidate.netdev->phys_port_name;
  }
  if (!candidate.netdev_name) return std::nullopt;
  const std::string& name = *candidate.netdev_name;
  const std::size_t np = name.rfind("np");
  if (np == std::string::npos || np + 2 == name.size()) return std::nullopt;
  if (name.find_first_not_of("0123456789", np + 2) != std::string::npos) return std::nullopt;
  return name.substr(np + 1);
}

std::optional<std::string> module_serial_of(const Candidate& candidate) {
  if (candidate.netdev == nullptr || !candidate.netdev->module) return std::nullopt;
  const facts::Fact<std::string>& serial = candidate.netdev->module->serial;
  return serial && !serial->empty() ? std::optional(*serial) : std::nullopt;
}

template <class T>
bool known_and_different(const std::optional<T>& a, const std::optional<T>& b) {
  return a && b && *a != *b;
}

std::optional<int> pci_device_id_of(const Candidate& candidate) {
  const facts::Fact<int>& id = candidate.device->pci->device_id;
  return id ? std::optional(*id) : std::nullopt;
}

/// Two functions of one adapter, in different slots of the host, that lead to one physical port: GB10's twins, and
/// the halves of a Socket Direct card. Ports of an ordinary dual-port card share the image GUID too, but they are
/// functions .0 and .1 of one slot.
bool share_a_port(const Candidate& a, const Candidate& b) {
  if (a.device == b.device || a.device->kind != b.device->kind || !a.address || !b.address) return false;
  if (a.device->kind == DeviceKind::soft_roce || is_bond(a) || is_bond(b)) return false;
  if (is_virtual_function(*a.device) || is_virtual_function(*b.device)) return false;
  if (!is_real_guid(a.device->sys_image_guid) || !b.device->sys_image_guid.is(*a.device->sys_image_guid)) return false;
  if (a.address->slot == b.address->slot || a.port->number != b.port->number) return false;
  if (known_and_different(pci_device_id_of(a), pci_device_id_of(b))) return false;
  if (known_and_different(module_serial_of(a), module_serial_of(b))) return false;
  const std::optional<std::string> port_a = port_name_of(a);
  const std::optional<std::string> port_b = port_name_of(b);
  if (known_and_different(port_a, port_b)) return false;
  const bool same_switch = a.netdev != nullptr && b.netdev != nullptr && a.netdev->phys_switch_id &&
                           !a.netdev->phys_switch_id->empty() &&
                           b.netdev->phys_switch_id.is(*a.netdev->phys_switch_id) && port_a && port_b;
  return same_switch || a.address->function == b.address->function;
}

std::string bond_cage(const Candidate& candidate) {
  if (candidate.netdev->lower.empty()) return fmt::format("bond {}", candidate.netdev->name);
  return fmt::format("bond {} of {}", candidate.netdev->name, fmt::join(candidate.netdev->lower, " and "));
}

/// The first function of the card that `candidate` is a function of: "0000:18:00.0" for 0000:18:00.1.
std::string card_address(const NodeFacts& node, const Candidate& candidate) {
  std::string first = candidate.device->pci->address;
  for (const Device& other : node.devices) {
    if (!other.pci || !candidate.device->sys_image_guid) continue;
    const std::optional<PciAddress> address = parse_address(other.pci->address);
    const bool same_card = address && address->slot == candidate.address->slot &&
                           other.sys_image_guid.is(*candidate.device->sys_image_guid);
    if (same_card && other.pci->address < first) first = other.pci->address;
  }
  return first;
}

int port_number_on_card(const Candidate& candidate, const std::string& card) {
  if (candidate.device->ports.size() > 1) return candidate.port->number;
  const std::optional<std::string> name = port_name_of(candidate);
  if (name && name->size() == 2 && name->front() == 'p' && name->back() >= '0' && name->back() <= '9') {
    return name->back() - '0' + 1;
  }
  const std::optional<PciAddress> first = parse_address(card);
  return candidate.address->function - (first ? first->function : 0) + 1;
}

std::string cage_of(const NodeFacts& node, const std::vector<Candidate>& members) {
  const Candidate& first = members.front();
  if (first.device->kind == DeviceKind::soft_roce) {
    return "soft-roce on " + first.netdev_name.value_or("an unknown netdev");
  }
  if (is_bond(first)) return bond_cage(first);
  if (!first.address) return fmt::format("port {} of {}", first.port->number, first.device->name);
  if (first.device->board_id.is("NVD0000000087") || (is_gb10(node) && members.size() > 1)) {
    return gb10_cage(first.address->function);
  }
  const std::string card = card_address(node, first);
  std::string cage = fmt::format("port {} of {}", port_number_on_card(first, card), card);
  for (std::size_t i = 1; i < members.size(); ++i) cage += " and " + card_address(node, members[i]);
  return cage;
}

std::optional<double> speed_of(const Netdev& netdev) {
  if (!netdev.speed_mbit_s || *netdev.speed_mbit_s <= 0) return std::nullopt;
  return *netdev.speed_mbit_s / 1000.0;
}

/// Signalling rate of the port as one of its functions tells it. The netdev's speed goes first: the RDMA rate is its
/// rounding to an InfiniBand width and speed. A port that is down shows a rate as well (40 Gb/s on GB10): not asked.
std::optional<double> rate_of(const NodeFacts& node, const Candidate& candidate) {
  if (is_bond(candidate)) {
    // The bond's own speed counts the members that send; their sum stands in where it is not told.
    if (const std::optional<double> total = speed_of(*candidate.netdev)) return total;
    double sum = 0;
    for (const std::string& lower : candidate.netdev->lower) {
      const Netdev* member = node.find_netdev(lower);
      const std::optional<double> speed = member != nullptr ? speed_of(*member) : std::nullopt;
      if (!speed) return std::nullopt;
      sum += *speed;
    }
    return sum > 0 ? std::optional(sum) : std::nullopt;
  }
  if (candidate.netdev != nullptr && candidate.device->kind == DeviceKind::roce &&
      !candidate.port->link_layer.is("InfiniBand")) {
    if (const std::optional<double> speed = speed_of(*candidate.netdev)) return speed;
  }
  if (candidate.port->rate_gbit_s && *candidate.port->rate_gbit_s > 0) return *candidate.port->rate_gbit_s;
  return std::nullopt;
}

RailMember member_of(const Candidate& candidate) {
  RailMember member;
  member.device = candidate.device->name;
  member.port = candidate.port->number;
  member.netdev = candidate.netdev_name;
  member.active = candidate.port->state.is("ACTIVE");
  if (candidate.device->kind != DeviceKind::soft_roce && candidate.device->pci &&
      candidate.device->pci->bandwidth_gbit_s) {
    member.pcie_gbit_s = *candidate.device->pci->bandwidth_gbit_s * pcie_payload_fraction(assumed_max_payload_bytes);
  }
  return member;
}

std::string hca_of(const Candidate& candidate) {
  const bool several = candidate.device->ports.size() > 1;
  return several ? fmt::format("{}:{}", candidate.device->name, candidate.port->number) : candidate.device->name;
}

std::string rounded(double value) { return fmt::format("{:.10g}", std::round(value * 10) / 10); }

/// What the link carries in payload, with the words that show how.
struct LinkBound {
  std::optional<double> gbit_s;
  std::string words;  ///< the calculation, or what is missing for it
};

/// The path MTU in use, or the one that follows from the netdev's MTU where only libibverbs could have told.
struct PathMtu {
  std::optional<int> bytes;
  bool inferred = false;
};

PathMtu path_mtu_of(const Rail& rail, const std::vector<Candidate>& members) {
  if (rail.path_mtu) return {rail.path_mtu, false};
  PathMtu found;
  for (const Candidate& member : members) {
    if (!member.port->state.is("ACTIVE") || member.netdev == nullptr || !member.netdev->mtu) continue;
    const int bytes = path_mtu_within(*member.netdev->mtu);
    if (bytes > 0 && (!found.bytes || bytes < *found.bytes)) found = {bytes, true};
  }
  return found;
}

LinkBound link_bound(const Rail& rail, const std::vector<Candidate>& members) {
  if (!rail.link_gbit_s) return {std::nullopt, "the link's rate could not be read"};
  const bool infiniband = members.front().port->link_layer.is("InfiniBand") || rail.kind == DeviceKind::infiniband;
  // Up to QDR a lane codes 8 bits in 10, and FDR10 is told by the same rate though it does not.
  if (infiniband && *rail.link_gbit_s <= 40) {
    return {std::nullopt, "the line coding of InfiniBand up to QDR is not told by its rate"};
  }
  const PathMtu mtu = path_mtu_of(rail, members);
  if (!mtu.bytes) return {std::nullopt, "the path MTU could not be read"};
  const int headers = infiniband ? infiniband_header_bytes : roce_header_bytes;
  const double fraction =
      infiniband ? static_cast<double>(*mtu.bytes) / (*mtu.bytes + headers) : roce_payload_fraction(*mtu.bytes);
  const double bound = *rail.link_gbit_s * fraction;
  return {bound, fmt::format("link {} Gb/s x {}/{} ({} headers at path MTU {}{}) = {} Gb/s", rounded(*rail.link_gbit_s),
                             *mtu.bytes, *mtu.bytes + headers, infiniband ? "InfiniBand" : "RoCE v2", *mtu.bytes,
                             mtu.inferred ? ", as follows from the netdev's MTU" : "", rounded(bound))};
}

LinkBound pcie_bound(const Rail& rail) {
  double sum = 0;
  std::vector<std::string> parts;
  for (const RailMember& member : rail.members) {
    if (!member.active) continue;
    if (!member.pcie_gbit_s) return {std::nullopt, fmt::format("PCIe of {} could not be read", member.device)};
    sum += *member.pcie_gbit_s;
    parts.push_back(rounded(*member.pcie_gbit_s));
  }
  std::string words = fmt::format("PCIe {}", fmt::join(parts, " + "));
  if (parts.size() > 1) words += " = " + rounded(sum);
  words += fmt::format(" Gb/s (TLP headers at an assumed max payload of {} B)", assumed_max_payload_bytes);
  return {sum, words};
}

void set_bound(Rail& rail, const std::vector<Candidate>& members) {
  if (!rail.active) {
    rail.bound_why = "no bound: the port is not ACTIVE";
    return;
  }
  if (rail.kind == DeviceKind::soft_roce) {
    rail.bound_why = "no bound: Soft-RoCE is software, and the rate under its netdev is not told";
    return;
  }
  if (rail.kind != DeviceKind::roce && rail.kind != DeviceKind::infiniband) {
    rail.bound_why = fmt::format("no bound: headers of {} are not modelled", to_string(rail.kind));
    return;
  }
  const LinkBound link = link_bound(rail, members);
  const LinkBound pcie = pcie_bound(rail);
  if (!link.gbit_s) {
    rail.bound_why = "no bound: " + link.words;
    return;
  }
  rail.bound_gbit_s = *link.gbit_s;
  rail.bound_why = fmt::format("{}; {}", link.words, pcie.words);
  if (!pcie.gbit_s) return;  // the link's figure still bounds, but which of the two limits is not known
  rail.limited_by = *pcie.gbit_s < *link.gbit_s ? "pcie" : "link";
  rail.bound_gbit_s = std::min(*link.gbit_s, *pcie.gbit_s);
}

Rail rail_of(const NodeFacts& node, const std::vector<Candidate>& members, int index) {
  Rail rail;
  rail.index = index;
  rail.kind = members.front().device->kind;
  rail.cage = cage_of(node, members);
  rail.twins = members.size() > 1;
  std::vector<std::string> hcas;
  for (const Candidate& candidate : members) {
    rail.members.push_back(member_of(candidate));
    hcas.push_back(hca_of(candidate));
    if (!rail.members.back().active) continue;
    rail.active = true;
    const std::optional<double> rate = rate_of(node, candidate);
    if (rate && rail.kind != DeviceKind::soft_roce) rail.link_gbit_s = std::max(rail.link_gbit_s.value_or(0), *rate);
    const facts::Fact<int>& mtu = candidate.port->active_mtu;
    if (mtu && *mtu > 0) rail.path_mtu = std::min(rail.path_mtu.value_or(*mtu), *mtu);
  }
  rail.nccl_hca = fmt::format("{}", fmt::join(hcas, ","));
  set_bound(rail, members);
  return rail;
}

}  // namespace

std::vector<Rail> find_rails(const NodeFacts& node) {
  std::vector<std::vector<Candidate>> groups;
  for (const Device& device : node.devices) {
    for (const Port& port : device.ports) {
      const Candidate candidate = candidate_of(node, device, port);
      const auto group = std::find_if(groups.begin(), groups.end(), [&](const std::vector<Candidate>& members) {
        return std::all_of(members.begin(), members.end(),
                           [&](const Candidate& member) { return share_a_port(member, candidate); });
      });
      if (group == groups.end()) {
        groups.push_back({candidate});
      } else {
        group->push_back(candidate);
      }
    }
  }
  std::vector<Rail> rails;
  for (const std::vector<Candidate>& members : groups) {
    rails.push_back(rail_of(node, members, static_cast<int>(rails.size())));
  }
  return rails;
}

double roce_payload_fraction(int path_mtu) {
  return path_mtu <= 0 ? 0 : static_cast<double>(path_mtu) / (path_mtu + roce_header_bytes);
}

double pcie_payload_fraction(int max_payload_bytes) {
  return max_payload_bytes <= 0 ? 0 : static_cast<double>(max_payload_bytes) / (max_payload_bytes + pcie_header_bytes);
}

int path_mtu_within(int netdev_mtu) {
  constexpr int header_bytes = 96;
  for (const int path_mtu : {4096, 2048, 1024, 512, 256}) {
    if (netdev_mtu - header_bytes >= path_mtu) return path_mtu;
  }
  return 0;
}

}  // namespace rocekit::derived
