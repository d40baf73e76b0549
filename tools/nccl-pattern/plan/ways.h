// Which paths there are between the ranks that talk to each other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectives/engine/side.h"
#include "tools/nccl-pattern/plan/subjects.h"
#include "tools/roce-pingpong/nodes/paths.h"

namespace rocekit::pattern {

/// How much RDMA is wanted: `if_there` takes what is there (a node without RDMA is a note, broken RDMA an error but on
/// one machine), `required` makes its absence an error.
enum class RdmaWish { no, if_there, required };

struct Ways {
  std::map<std::pair<int, int>, pingpong::Pairing> pairs;  ///< by ranks, the smaller first
  bool rdma = false;                                       ///< each pair has RDMA
  std::string no_rdma;                                     ///< why not
  bool soft_roce = false;                                  ///< a path is Soft-RoCE's
};

/// Between the members of each group; `rank`: only to that one. Deterministic: both ends of a pair find the same.
/// Throws InputError with cause and remedy.
Ways find_ways(const std::vector<pingpong::Node>& nodes, const std::vector<Groups>& groups, std::optional<int> rank,
               RdmaWish wish);

/// This rank's links over the host backend. Precondition: `ways` has its pairs; of rc: Ways::rdma.
std::vector<collectives::HostLink> links_of(const Ways& ways, int rank, verbs::Transport channel);

bool on_one_machine(const std::vector<pingpong::Node>& nodes);

}  // namespace rocekit::pattern
