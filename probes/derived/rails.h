// Devices grouped by the physical port they share, and what that port can carry.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::derived {

/// One RDMA port of a rail: a PCIe function of the adapter.
struct RailMember {
  std::string device;  ///< "rocep1s0f0"
  int port = 1;
  std::optional<std::string> netdev;
  bool active = false;                ///< port state ACTIVE
  std::optional<double> pcie_gbit_s;  ///< bound by its PCIe path after packet headers
  friend bool operator==(const RailMember&, const RailMember&) = default;
};

/// A physical port ("cage") with every device that reaches the wire through it: two on GB10, one elsewhere.
struct Rail {
  int index = 0;
  std::string cage;  ///< "cage 0 (next to the RJ45)", "port 1 of 0000:18:00.0", "soft-roce on eth0"
  facts::DeviceKind kind = facts::DeviceKind::unknown;
  std::vector<RailMember> members;
  bool active = false;                    ///< at least one member is ACTIVE
  bool twins = false;                     ///< several PCIe functions of one adapter share this port
  std::optional<double> link_gbit_s;      ///< signalling rate of the port
  std::optional<int> path_mtu;            ///< smallest active_mtu of the active members
  std::optional<double> bound_gbit_s;     ///< min(link after headers at path_mtu, sum of members' pcie_gbit_s)
  std::optional<std::string> limited_by;  ///< "link" or "pcie"
  std::string bound_why;                  ///< one line with the numbers, or why there is no bound
  std::string nccl_hca;                   ///< what to list in NCCL_IB_HCA for the whole rail: "rocep1s0f0,roceP2p1s0f0"
  friend bool operator==(const Rail&, const Rail&) = default;
};

/// Every device port belongs to exactly one rail; rails are ordered by their first member.
std::vector<Rail> find_rails(const facts::NodeFacts& node);

/// Share of the signalling rate left for RoCE v2 payload at a path MTU, 0..1 (source of the header sizes in rails.cpp).
double roce_payload_fraction(int path_mtu);
/// Share of PCIe bandwidth left for payload, 0..1.
double pcie_payload_fraction(int max_payload_bytes);
/// Largest path MTU (256 to 4096) that fits into frames of a netdev's MTU: 1024 for 1500, 4096 for 9000; 0: none fits.
/// As iboe_get_mtu() of the kernel's include/rdma/ib_addr.h: the MTU less 96 bytes of headers (GRH 40, UDP 8, BTH 12,
/// XRC 4, AtomicETH 28, ICRC 4), rounded down to a path MTU.
int path_mtu_within(int netdev_mtu);

}  // namespace rocekit::derived
