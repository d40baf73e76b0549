// What carried a side's data, judged from counters and from NCCL's own log. Pure.
#pragma once

#include <string>
#include <vector>

#include "tools/nccl-pattern/judge/crossing.h"
#include "tools/nccl-pattern/result.h"
#include "tools/roce-pingpong/nodes/node.h"

namespace rocekit::pattern {

struct Evidence {
  std::string transport;               ///< SideResult::transport
  std::vector<CounterDelta> counters;  ///< of all RDMA ports and netdevs of all hosts, around this side's blocks
  Crossing expected;
  bool one_machine = false;               ///< what is sent stays on lo
  std::string log;                        ///< NCCL's, of all ranks
  std::vector<std::string> active_ports;  ///< "rocep1s0f0:1" of any host, that have a peer in their subnet
};

/// Counters of a device prove its transport when they show 95 % of what had to cross, and contradict it when 1 MiB or
/// more had to cross and they show less than a tenth, or those of another transport half of it.
Proof prove(const Evidence& evidence);

}  // namespace rocekit::pattern
