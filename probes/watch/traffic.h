// What moves through a node: counters of RDMA ports and network interfaces read at moments, and rates between two of
// them. Counters are those of a device as a whole, whichever process moves them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "probes/derived/rails.h"
#include "probes/facts/file_tree.h"
#include "probes/facts/node_facts.h"

namespace rocekit::watch {

/// An ACTIVE RDMA port.
struct Port {
  std::string device;
  int number = 1;
  std::string netdev;     ///< empty: none
  int rail = 0;           ///< index of derived::Rail
  bool software = false;  ///< Soft-RoCE: its packets are the netdev's as well, and only packets are counted
  int path_mtu = 4096;
  std::string name() const { return device + ":" + std::to_string(number); }
};

/// A network interface that reaches a wire by itself (no bond, bridge, tunnel or loopback), or one of the process's own
/// network namespace.
struct Netdev {
  std::string name;
  bool fabric = false;   ///< an RDMA port uses it
  bool process = false;  ///< of the network namespace of the process that is watched, which is not this tool's
};

/// What is watched; found once.
struct Layout {
  std::vector<Port> ports;
  std::vector<Netdev> netdevs;
  std::optional<int> pid;                     ///< the process that is watched
  std::optional<std::set<std::string>> held;  ///< RDMA devices that it holds open; nullopt: not told apart
};
Layout find_layout(const facts::NodeFacts& node);

/// Counters at one moment.
struct Reading {
  double seconds = 0;                            ///< steady clock
  std::map<std::string, facts::Counters> ports;  ///< by Port::name(); a counter that the driver lacks is left out
  std::map<std::string, facts::Counters> netdevs;
  std::map<std::string, facts::Counters> process_netdevs;
};
Reading read_counters(const facts::FileTree& tree, const Layout& layout, double seconds);

/// A counter of losses or congestion that grew.
struct Event {
  std::string where;    ///< "rocep1s0f0", "enp1s0f0np0"
  std::string counter;  ///< "out_of_sequence"
  std::uint64_t count = 0;
  bool congestion = false;  ///< congestion notifications; else something was lost, sent again or refused
};

/// Of a port or an interface, decimal gigabits a second. Of a port with headers, of an interface as it counts bytes.
struct Flow {
  std::string name;    ///< device or interface
  std::string netdev;  ///< of a port
  int rail = -1;
  bool rdma = false;
  bool estimated = false;  ///< Soft-RoCE: by its share of the interface's packets
  bool fabric = false;
  bool of_others = false;  ///< RDMA of a device that the watched process does not hold open
  double out_gbit_s = 0;
  double in_gbit_s = 0;
  double gbit_s() const { return out_gbit_s > in_gbit_s ? out_gbit_s : in_gbit_s; }
};

struct Rates {
  double seconds = 0;
  std::vector<Flow> flows;  ///< ports in order, then interfaces
  std::vector<Event> events;
};

/// Between two readings of one layout. A counter that was reset, or is in one of them only, adds nothing. What
/// Soft-RoCE sent and received is taken out of its interface's bytes. Zero time gives no flow.
Rates rates_between(const Layout& layout, const Reading& before, const Reading& after);

}  // namespace rocekit::watch
