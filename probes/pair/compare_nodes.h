// What the facts of several nodes say about each other: versions, settings, links, addresses and clocks that do not
// fit together though each node by itself may be well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probes/checks/finding.h"
#include "probes/derived/nccl_choice.h"
#include "probes/derived/rails.h"
#include "probes/facts/node_facts.h"

namespace rocekit::pair {

/// One node among those compared; what it refers to outlives the comparison. Where the facts hold a serving process
/// (--pid, --container), its rights, settings and libraries are compared in place of the tool's own, and `nccl` is what
/// NCCL will choose there.
struct NodeOfPair {
  int rank = 0;      ///< of the rank that read it
  std::string name;  ///< as findings call it: "rank 1 (spark-2)"; differs from node to node
  const facts::NodeFacts& node;
  const std::vector<derived::Rail>& rails;
  const derived::NcclChoice& nccl;
  std::string tool_version;                     ///< of the tool that runs there; empty: not told
  std::optional<std::int64_t> clock_offset_ms;  ///< its clock less that of rank 0; nullopt: not asked
};

/// Findings of the PAIR checks that facts alone decide (ROCE-PAIR-001, -002, -004 and from -005 on), in the order of
/// IDs. Subjects name both ends, or the node that differs where the others agree. Nodes that are alike give `ok`, a
/// fact that a node lacks `unknown`, one node alone nothing. Several ranks
/// of one host are one node here: the caller passes the first.
std::vector<checks::Finding> compare_nodes(const std::vector<NodeOfPair>& nodes);

}  // namespace rocekit::pair
