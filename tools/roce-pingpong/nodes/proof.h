// Which transport carried the bytes, judged from counters. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/roce-pingpong/nodes/paths.h"
#include "tools/roce-pingpong/result.h"

namespace rocekit::pingpong {

/// What a series moved as payload.
struct Traffic {
  std::uint64_t bytes_a_to_b = 0;
  std::uint64_t bytes_b_to_a = 0;
  std::uint64_t messages_a_to_b = 0;
  std::uint64_t messages_b_to_a = 0;
};

/// `counters_a` and `counters_b`: what grew on each end while the series ran, also on devices and netdevs that are not
/// of these paths.
///   proven        the devices asked for (RDMA) or the netdevs asked for (TCP) sent and received at least 95 % of it
///   contradicted  something else carried at least half of it while they did not: another netdev, or the RDMA device
///                 under TCP (SMC-R, a preloaded rsockets); or a real RDMA device's counters saw less than a tenth
///   unproven      counters are missing, or show something in between
Proof prove(verbs::Transport transport, const Traffic& traffic, const std::vector<const PathPlan*>& paths,
            std::vector<CounterDelta> counters_a, std::vector<CounterDelta> counters_b);

}  // namespace rocekit::pingpong
