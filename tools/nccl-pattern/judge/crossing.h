// How much a program must send from place to place, whatever algorithm performs it: what counters must show at least.
#pragma once

#include <cstdint>
#include <vector>

#include "collectives/engine/program.h"
#include "tools/nccl-pattern/plan/subjects.h"

namespace rocekit::pattern {

struct Crossing {
  std::uint64_t bytes = 0;  ///< that arrive at a place from others, over all places
  /// Of the calls that cross, each in as few packets of `mtu` bytes as it may have.
  std::uint64_t packets = 0;
  void add(const Crossing& other, std::uint64_t times);
};

/// `places`: of each rank of the world. What several ranks of one place need crosses once, and of a sum one partial
/// sum: a lower bound that no algorithm beats but one that sums in the network.
Crossing crossing_of(const collectives::Program& program, const std::vector<Groups>& groups,
                     const std::vector<int>& places, int mtu);

}  // namespace rocekit::pattern
