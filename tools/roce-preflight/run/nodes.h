// Every node read over the session, and compared.
#pragma once

#include <vector>

#include "core/session/session.h"
#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

struct Nodes {
  std::vector<pingpong::Node> of_ranks;  ///< ports and addresses, by rank; on all ranks
  std::vector<int> leaders;              ///< the first rank of each machine and network stack; on all ranks
  std::string nccl;                      ///< the libnccl that this node's serving process has mapped; empty: none
  bool nccl_named = false;               ///< all nodes have GPUs, and some process a libnccl; on all ranks
  std::vector<Node> read;                ///< of the leaders; on rank 0
};

/// All ranks call it; the first rank of each node reads it whole, and the process that serves there. Throws
/// session::SessionError, and on all ranks alike ServingError.
Nodes read_nodes(session::Session& session, const ServingNames& own, const ServingNames& of_rank_0,
                 std::chrono::milliseconds patience);

/// Findings of the nodes against each other; rank 0.
std::vector<checks::Finding> compare(const std::vector<Node>& nodes);

}  // namespace rocekit::preflight
