// From blocks to results: pure, on rank 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/nccl-pattern/plan/cells.h"
#include "tools/nccl-pattern/result.h"

namespace rocekit::pattern {

/// One side of a cell, over all its blocks.
struct Series {
  std::vector<double> block_us;  ///< of one run: means by total time, of the slowest rank
  std::uint64_t iterations = 0;
  double total_us = 0;    ///< of the slowest rank in each block
  double enqueue_us = 0;  ///< of it, until the last operation was enqueued (BlockRecord::enqueue_ns)
  measure::CoreWork core_work;
  /// Isolated: of the slowest rank in each run, block after block.
  std::vector<double> samples_us;
  std::vector<std::size_t> block_samples;  ///< how many of them each block has
};

/// `of_ranks`: by rank, what each kept of the same runs. The slowest rank's of each run.
std::vector<double> slowest(const std::vector<std::vector<std::uint64_t>>& of_ranks);

/// Appends the results and comparisons of a cell; each side against the first, floors left out. `bounds`: payload bound
/// in Gb/s, by side.
void add_results(const Cell& cell, const std::vector<SidePlan>& sides, const std::vector<Series>& series,
                 const std::vector<std::optional<double>>& bounds, Report& report);

/// Results of subjects that are measured as another one (Measured::same_as), and all in the order of subjects.
void add_shared(const std::vector<Measured>& subjects, Report& report);

/// What cores that were slowed for a while did to the results; `names` by rank. When all results are there: what a core
/// can do at its best is known at the end.
void add_core_warnings(const std::vector<std::string>& names, Report& report);

/// Where the time of each operation goes, on each side that has a bound or a floor.
void add_budgets(const std::vector<SidePlan>& sides, Report& report);

}  // namespace rocekit::pattern
