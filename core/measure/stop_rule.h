// When a series of blocks is long enough.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

namespace rocekit::measure {

/// Limits that are set; the first that is reached ends the series, none before `min_blocks`. With no limit set,
/// `min_blocks` is it.
struct StopRule {
  std::optional<std::size_t> iterations;
  std::optional<std::chrono::nanoseconds> time;
  std::optional<double> median_error;  ///< half the confidence interval of the median of blocks, relative to it: 0.01
  std::size_t min_blocks = 3;
};

struct SeriesState {
  std::size_t iterations = 0;
  std::chrono::nanoseconds elapsed{0};
  std::span<const double> block_medians;
};

bool is_enough(const StopRule& rule, const SeriesState& state);

/// Half the distribution-free confidence interval (order statistics, 95 %) of the median, relative to the median;
/// nullopt with fewer than six values (no interval of them holds it with 95 %) and for a median of 0.
std::optional<double> relative_median_error(std::span<const double> values);

/// Iterations a block for blocks of about `block_time`, from the duration of one warm iteration; at least 1, at most
/// `most`.
std::size_t iterations_for(std::chrono::nanoseconds block_time, double iteration_ns, std::size_t most);

}  // namespace rocekit::measure
