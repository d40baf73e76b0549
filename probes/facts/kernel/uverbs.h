// Character devices of the RDMA subsystem, as sysfs names them.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/fact.h"

namespace rocekit::facts::kernel {

/// open() of a device node for reading and writing: true, or why not. The node is closed again.
Fact<bool> ask_openable(const std::string& path);

struct UverbsNode {
  std::string path;    ///< "/dev/infiniband/uverbs0"
  std::string device;  ///< "rocep1s0f0"
};
/// From /sys/class/infiniband_verbs, in the order of their numbers.
std::vector<UverbsNode> uverbs_nodes();

}  // namespace rocekit::facts::kernel
