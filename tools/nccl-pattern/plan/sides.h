// Which sides one run compares. Decided on rank 0, the same for all ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectives/engine/side.h"
#include "tools/nccl-pattern/plan/gpus.h"
#include "tools/nccl-pattern/plan/ways.h"
#include "tools/nccl-pattern/settings.h"

namespace rocekit::pattern {

struct SidePlan {
  std::string name;       ///< SideResult::name
  std::string transport;  ///< SideResult::transport
  collectives::Backend backend = collectives::Backend::host;
  verbs::Transport channel = verbs::Transport::tcp;  ///< host
  std::string net_name;                              ///< nccl: "IB", "Socket", a plugin's; empty: its own choice
  std::vector<collectives::Setting> settings;
  bool host_ids = false;  ///< nccl: a NCCL_HOSTID of its own for each rank, as several share a GPU
  bool child = false;     ///< in processes of its own
  bool floor = false;     ///< the host backend beside NCCL: for latency budgets, not compared
};

struct SideChoice {
  std::vector<SidePlan> sides;
  std::vector<std::string> notes;
  std::vector<std::string> function_only;  ///< Report::function_only
};

/// A rank as this choice sees it.
struct RankView {
  std::string name;  ///< "rank 1 (spark-2)"
  std::string machine;
  GpuFacts gpus;
  int gpu = 0;                    ///< ordinal that this rank takes
  std::string nccl_library = {};  ///< --nccl-lib, as it was given there; empty: it was not
};

/// GPU of each rank: ranks of one machine take the GPUs that they see in turn.
std::vector<int> gpus_of(const std::vector<pingpong::Node>& nodes, const std::vector<GpuFacts>& facts);

/// What RDMA the sides need, for find_ways().
RdmaWish rdma_wish(const Settings& settings);

/// Without any side: RDMA is required and not to be had, as the notes say.
/// Throws InputError, with cause and remedy: NCCL where a rank lacks GPU or library, a library that was named and
/// cannot be loaded, libraries of different versions, transports that these ranks cannot have or would not be measured
/// over.
SideChoice choose_sides(const Settings& settings, const std::vector<RankView>& ranks, const Ways& ways);

/// What rank `rank` gives make_side() or make_child_side().
collectives::SideRequest request_of(const SidePlan& side, const Settings& settings, const std::vector<RankView>& ranks,
                                    int rank, const std::vector<Groups>& groups, const Ways& ways);

}  // namespace rocekit::pattern
