// What a rank tells the others about its node: the ports and addresses by which it can be reached.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::pingpong {

/// An IPv4 address of this node, on a netdev that is up; loopback is not among them.
struct NodeAddress {
  std::string netdev;
  std::string ip;
  int prefix_length = 0;
  int mtu = 0;  ///< of the netdev; 0: unknown
  std::optional<double> link_gbit_s;
  bool local_only = false;  ///< on a bridge, veth or tunnel: equal subnets of two nodes need not be one network
  std::vector<int> cpus;    ///< near the netdev's device; empty: all are alike
};

struct RdmaPort {
  std::string device;
  int port = 1;
  std::string netdev;  ///< empty: none (InfiniBand without IPoIB)
  bool infiniband = false;
  bool soft_roce = false;
  std::string state;  ///< "ACTIVE", "DOWN", ..., or why it could not be read
  int active_mtu = 0;
  std::vector<NodeAddress> addresses;
  std::optional<double> link_gbit_s;
  std::optional<double> pcie_gbit_s;
  std::string physical;  ///< the cage
  std::string no_bound;  ///< why rails.h knows no bound; empty: it knows one
  std::optional<int> numa_node;
  std::vector<int> cpus;

  bool active() const { return state == "ACTIVE"; }
};

struct Node {
  std::string host;
  std::string machine;  ///< equal on ranks of one machine (boot ID)
  std::string network;  ///< equal on ranks that share a machine's network stack (network namespace)
  std::vector<RdmaPort> ports;
  std::vector<NodeAddress> addresses;  ///< of all netdevs, the fastest first
};

/// Pure; `host`, `machine` and `network` stay empty.
Node summarize(const facts::NodeFacts& facts);

/// Reads this machine: devices, netdevs and addresses, without asking GPU drivers.
Node read_this_node();

}  // namespace rocekit::pingpong
