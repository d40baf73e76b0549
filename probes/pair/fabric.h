// The ACTIVE RDMA ports of all nodes, and which of them lie on one rail by what their addresses say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/checks/fabric.h"
#include "probes/pair/compare_nodes.h"

namespace rocekit::pair {

struct AddressOfPort {
  const facts::Netdev* netdev = nullptr;
  facts::Address address;
  checks::Subnet subnet;
};

/// An ACTIVE port of one node.
struct PortOfNode {
  const NodeOfPair* node = nullptr;
  checks::PortView view;
  std::vector<AddressOfPort> addresses;
  std::optional<facts::Missing> unread;  ///< why its addresses are not known
  int rail = -1;                         ///< index into Fabric::rails; -1: no address, so on none

  std::string name() const;   ///< "rocep1s0f0"
  std::string owner() const;  ///< "rocep1s0f0 of rank 1 (spark-2)"
  std::string key() const;    ///< "rocep1s0f0:1", as derived::NcclChoice names it
  bool infiniband() const { return view.port->link_layer.is("InfiniBand"); }
  bool software() const { return view.device->kind == facts::DeviceKind::soft_roce; }
  bool on_a_rail() const { return rail >= 0; }
  checks::Evidence evidence() const;  ///< its addresses
  /// NCCL is predicted to use it.
  bool taken_by_nccl() const;
};

/// Ports that reach each other: by a common subnet, or by routes that leave each through its own netdev. InfiniBand
/// ports have no need of addresses: the first ACTIVE one of each node lies on one rail, and so on.
struct RailOfNodes {
  std::string label;  ///< "192.168.100.0/24", "InfiniBand port 0"
  std::vector<const PortOfNode*> ports;

  bool has(const NodeOfPair& node) const;
  std::vector<const NodeOfPair*> nodes() const;  ///< each once
  /// Ports of at least two nodes.
  bool joins() const;
};

struct Fabric {
  std::vector<PortOfNode> ports;
  std::vector<RailOfNodes> rails;

  explicit Fabric(const std::vector<NodeOfPair>& nodes);
  /// `rails` points into `ports`.
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  std::vector<const PortOfNode*> ports_of(const NodeOfPair& node) const;
};

/// The kernel of `node` sends what is for this IPv4 address out of this netdev, and an address of the netdev's own
/// subnets always.
bool leaves_by(const facts::NodeFacts& node, const facts::Netdev& netdev, const facts::Address& to);

/// "192.168.100.10/24"
std::string with_prefix(const facts::Address& address);

/// What rules of one node expect to be given.
checks::NodeView view_of(const NodeOfPair& node);

}  // namespace rocekit::pair
