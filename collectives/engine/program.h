// What is measured, as the sequence of launches that each rank issues.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectives/communicator/call.h"
#include "collectives/traffic/patterns.h"
#include "collectives/traffic/step.h"

namespace rocekit::collectives {

/// Ranks of the world that form one group, in the order of their ranks in it. Rank of the world =
/// (data * pipeline_size + pipeline) * tensor_size + tensor, as vLLM lays them out; expert groups are the ranks of one
/// pipeline stage.
std::vector<std::vector<int>> groups_of(const traffic::Parallelism& mode, traffic::Group group, int world);

/// One launch, or a layer's compute.
struct Action {
  traffic::Group group = traffic::Group::world;
  std::vector<Call> launch;      ///< empty: compute
  double compute_us = 0;         ///< stands for a layer's work
  std::optional<int> only_rank;  ///< compute: of the world; absent: on all ranks
  std::uint32_t operation = 0;   ///< index in Program::operations of a step
};

/// The unit that is timed: an operation of a pattern, one operation of a step, or a whole step.
struct Program {
  std::string name;              ///< "all-reduce 4 KiB", "tp2 decode step"
  std::vector<Action> actions;   ///< in the order in which they are issued
  std::uint64_t size_bytes = 0;  ///< of a single operation, as nccl-tests counts it; of a step: 0
  /// Timed runs contain this many of what is reported: 2 for a ping-pong, whose latency is half a round trip.
  int divisor = 1;
  std::size_t send_bytes = 0;  ///< largest of any rank: what the device's buffers must hold
  std::size_t receive_bytes = 0;
};

/// One operation by itself, with `world` ranks in one group (patterns, and operations of steps measured alone; the
/// operation's own number of ranks is what its group has).
Program program_of(const traffic::Operation& operation, std::optional<traffic::Pattern> pattern, int group_ranks);

/// A whole step in the order an engine issues it: what happens once, then layer by layer, then logits. Pipelines run
/// microbatch by microbatch: a stage receives, computes, and sends on. `compute_us`: of the whole model for one
/// microbatch, shared out over layers and stages.
Program program_of(const traffic::Step& step, int world, double compute_us);

}  // namespace rocekit::collectives
