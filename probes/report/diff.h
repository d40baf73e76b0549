// Two nodes, or host against container: what differs and whether it matters.
#pragma once

#include <string>
#include <vector>

#include "probes/facts/node_facts.h"

namespace rocekit::report {

enum class Weight {
  expected,  ///< differs on any two machines: addresses, serial numbers, counters
  noted,     ///< worth knowing: firmware, kernel, cable length
  matters,   ///< breaks or halves traffic between the two: MTU, rate, GID type, device names, memlock, access, NCCL
             ///< settings
};

struct Difference {
  std::string where;  ///< "netdevs[enp1s0f0np0].mtu"
  std::string a;
  std::string b;
  Weight weight = Weight::noted;
  std::string why;  ///< for Weight::matters: what it does
};

/// Sorted by weight, heaviest first. Lists are paired by name, not by position.
std::vector<Difference> compare(const facts::NodeFacts& a, const facts::NodeFacts& b);

}  // namespace rocekit::report
