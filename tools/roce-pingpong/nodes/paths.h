// Which device of one rank reaches which device of another.
#pragma once

#include <string>
#include <vector>

#include "tools/roce-pingpong/nodes/node.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/settings.h"

namespace rocekit::pingpong {

/// A path as it is to be measured.
struct PathPlan {
  Path path;
  bool rdma = false;
  bool tcp = false;
  bool loopback = false;  ///< both ends share one network stack
  bool infiniband = false;
  std::string tcp_ip_a;  ///< differs from the ends' ip on loopback: 127.0.0.1
  std::string tcp_ip_b;
  std::vector<int> cpus_a;  ///< near the device
  std::vector<int> cpus_b;
};

struct Pairing {
  std::vector<PathPlan> paths;
  std::vector<Unpaired> unpaired;
  std::vector<std::string> notes;
};

/// Paths between two ranks: RDMA ports in one subnet (InfiniBand: in order), each port used once, equal names first;
/// on one machine each port with itself. Without RDMA one path over the fastest common subnet. Only those that
/// `settings.rails` names. Throws InputError with cause and remedy where a transport that was asked for has no path, or
/// RDMA ports of both ends share no subnet.
Pairing pair_paths(const Node& a, int rank_a, const Node& b, int rank_b, const Settings& settings);

/// The path MTU as RC agreed on it; the bound follows.
void set_path_mtu(PathPlan& plan, int path_mtu);

/// Payload bound of one transport over paths that run at once: in each cage the smaller of link and PCIe functions, the
/// smaller of both ends; nullopt where one path has none.
std::optional<double> bound_of(const std::vector<const PathPlan*>& paths, verbs::Transport transport);

}  // namespace rocekit::pingpong
