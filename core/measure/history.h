// A run against earlier runs of the same measurement.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/measure/comparison.h"

namespace rocekit::measure {

/// What counts as slower, as a factor above 1: 1.25 is a quarter longer, or 1/1.25 of the rate.
struct Margins {
  double few_runs = 1.25;  ///< with too few runs to know by how much they differ from each other
  double least = 1.08;     ///< with enough: less than this is never worth an alarm
};

enum class Better { lower, higher };

/// Runs from which on their own spread decides.
inline constexpr std::size_t enough_runs = 5;
/// More runs than this tell nothing new: older ones may be forgotten.
inline constexpr std::size_t most_runs = 20;

struct Change {
  enum class Outcome { as_before, slower, faster, unknown };
  Outcome outcome = Outcome::unknown;
  double before = 0;    ///< median of the runs
  double now = 0;       ///< median of this run's blocks
  double slowdown = 1;  ///< above 1: slower than before, whichever way is better
  double low = 1;       ///< of the slowdown, by the scatter of blocks within runs (95 %)
  double high = 1;
  double limit = 1;        ///< a slowdown above it counts
  bool by_spread = false;  ///< the limit is what runs differ by; else Margins::few_runs
  std::size_t runs = 0;
  std::size_t left_out = 0;  ///< of them, that lie far from all others
};

/// `runs`: the blocks of each earlier run; positive values. Runs of one measurement differ by more than blocks within
/// one do, so with five runs or more (the last twenty count) it is their spread that decides: slower is what lies
/// beyond the prediction limit of one more run (Student's t on logarithms, one-sided, 1 of 2000 by chance), and beyond
/// Margins::least. Of eight runs and more those that lie far from all others are left out, up to a quarter. With fewer
/// runs slower is what lies by Margins::few_runs beyond the slowest of them, with an interval of blocks that leaves no
/// doubt, where there are blocks enough to have one. Outcome::unknown: no run, or a value that is not positive.
Change against_runs(std::span<const std::vector<double>> runs, std::span<const double> now, Better better,
                    const Margins& margins);

}  // namespace rocekit::measure
