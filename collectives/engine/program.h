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

/// Ranks of the world that form one group, in the order of their ranks in it; each rank is in exactly one, alone where
/// the mode has no such group. Rank of the world = (replica * pipeline_size + pipeline) * tensor_size + tensor, as vLLM
/// lays them out. The ranks of epN and dpNepN are one tensor, data and expert group at once: the form of expert
/// parallelism decides which of them operations name. Throws InputError: a world that is no multiple of the mode's
/// ranks.
std::vector<std::vector<int>> groups_of(const traffic::Parallelism& mode, traffic::Group group, int world);

/// One launch, or compute.
struct Action {
  traffic::Group group = traffic::Group::world;
  std::vector<Call> launch;     ///< empty: compute
  double compute_us = 0;        ///< stands for a layer's work before its operation
  std::vector<int> ranks;       ///< of the world, ascending, that take part (those of a pipeline stage); empty: all
  std::uint32_t operation = 0;  ///< index in Step::operations
};

/// Whether a rank issues it: `group_rank` in the action's group (not used by compute).
bool takes_part(const Action& action, int world_rank, int group_rank);

/// The unit that is timed: an operation of a pattern, one operation of a step, or a whole step.
struct Program {
  std::string name;              ///< "all-reduce 4 KiB", "tp2 decode step"
  std::vector<Action> actions;   ///< in the order in which they are issued
  std::uint64_t size_bytes = 0;  ///< of a single operation, as nccl-tests counts it; of a step: 0
  /// Timed runs contain this many of what is reported: 2 for a ping-pong, whose latency is half a round trip, and for a
  /// broadcast by itself, which the last rank answers with another.
  int divisor = 1;
  /// Largest of any rank: what the device's buffers must hold. Calls of one launch lie side by side in them; launches
  /// use the same memory one after the other.
  std::size_t send_bytes = 0;
  std::size_t receive_bytes = 0;
};

/// One operation by itself in its group of `group_ranks` ranks: patterns, and operations of steps measured alone.
/// Without a pattern a send-recv is measured as a ping-pong between ranks 0 and 1 of the group: what one transfer takes
/// cannot be seen at one end alone. Parts are the calls of one launch; an all-to-all's and a reduce-scatter's elements
/// are rounded up to a multiple of the ranks. Throws InputError: pairs of another number of ranks.
Program program_of(const traffic::Operation& operation, std::optional<traffic::Pattern> pattern, int group_ranks);

/// A whole step in the order an engine issues it: what happens once, then layer by layer, then logits and drafts. Every
/// rank gets the same actions and leaves out those that it takes no part in; as all follow one order, blocking
/// operations cannot wait for each other in a circle. Sum over launches of what a rank hands in =
/// Step::bytes_per_rank(), but for roundings up to the ranks.
///
/// Pipelines run microbatch by microbatch: a stage receives, computes, and sends on (SendRecvForm::one_way between
/// neighbours). Layers are spread as vLLM spreads them (get_pp_indices: what does not divide goes to the last stages
/// but the very last, one each). The last stage has logits and draft passes; the sampled tokens come back when as many
/// microbatches are under way as there are stages, so that the pipeline stays full.
///
/// `compute_us`: of the whole model for one microbatch, shared out evenly over layers, and in each layer over its
/// operations, before each of them. `world`: the mode's ranks, or a multiple of them (replicas side by side).
Program program_of(const traffic::Step& step, int world, double compute_us);

}  // namespace rocekit::collectives
