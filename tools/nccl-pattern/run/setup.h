// What a run works with, on each rank: who is there, what is compared, and connected sides.
#pragma once

#include <cstdint>
#include <vector>

#include "core/session/session.h"
#include "tools/nccl-pattern/run/blocks.h"
#include "tools/nccl-pattern/run/run.h"

namespace rocekit::pattern {

struct Setup {
  Settings settings;
  Traffic traffic;
  std::vector<Measured> subjects;
  std::vector<Groups> groups;
  std::vector<pingpong::Node> nodes;  ///< by rank
  std::vector<RankView> views;        ///< by rank
  Ways ways;                          ///< to and from this rank; on rank 0 between all
  std::vector<LiveSide> sides;
  std::vector<SidePlan> plans;      ///< of the sides
  std::vector<bool> records;        ///< by side: replays graphs
  pingpong::Counters counters;      ///< that this rank reads for its host
  std::vector<Crossing> crossings;  ///< by subject
};

/// Fills `setup` step by step (after an error its sides are still to be aborted) and of the report the plan, sides,
/// subjects and notes. All ranks call it. Throws InputError, MeasureError, session::SessionError.
void set_up(session::Session& session, const RunOptions& options, Setup& setup, Report& report);

}  // namespace rocekit::pattern
