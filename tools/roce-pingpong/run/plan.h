// What is measured, in which order and for how long. Made on rank 0, the same on all ranks.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/roce-pingpong/nodes/node.h"
#include "tools/roce-pingpong/nodes/paths.h"
#include "tools/roce-pingpong/result.h"
#include "tools/roce-pingpong/settings.h"

namespace rocekit::pingpong {

/// One size on one path, or on all paths of a pair at once: its transports are measured in alternating blocks.
struct Cell {
  Metric metric = Metric::latency;
  std::size_t size_bytes = 0;
  std::vector<std::size_t> paths;  ///< indexes into Plan::paths
  std::vector<verbs::Transport> transports;
  /// RC stands twice in `transports`: it streams from a to b, and from b to a.
  bool each_direction = false;
  bool is_reversed(std::size_t series) const { return each_direction && series == 1; }
};

struct PairPlan {
  int a = 0;
  int b = 1;
  std::vector<std::size_t> paths;
  std::vector<Cell> cells;
};

/// Pairs that measure at the same time.
struct Round {
  std::vector<PairPlan> pairs;
  std::size_t steps() const;  ///< cells of the pair that has most
};

struct Plan {
  std::vector<PathPlan> paths;
  std::vector<Round> rounds;
  std::vector<Unpaired> unpaired;
  std::vector<std::string> notes;
};

/// Time that a default run measures; with setting up and reporting it stays under 20 s.
inline constexpr std::chrono::milliseconds default_budget{14'000};

/// Throws InputError as pair_paths does. Without --sizes, --duration or --iterations, further sizes and rails are left
/// out (a note says so) as far as the least time of all cells exceeds the budget.
Plan make_plan(const std::vector<Node>& nodes, const Settings& settings);

/// How one cell spends its time.
struct CellTime {
  std::chrono::nanoseconds block{0};  ///< of one transport's block
  std::size_t most_rounds = 0;        ///< a round is one block of each transport
  std::size_t least_rounds = 3;
  std::chrono::nanoseconds total{0};   ///< rounds end when it has passed
  std::size_t iterations_a_block = 0;  ///< --iterations; 0: as many as fit into a block
};

/// `left`: what is left of the default run's budget, for this cell and `later` (the cells after it).
CellTime time_of(const Settings& settings, const Cell& cell, const std::vector<const Cell*>& later,
                 std::chrono::nanoseconds left);

/// What a path takes with Settings::each_direction.
std::chrono::milliseconds directions_time();

/// Least time a cell takes in a default run.
std::chrono::milliseconds least_time(const Cell& cell);

}  // namespace rocekit::pingpong
