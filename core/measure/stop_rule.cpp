#include "core/measure/stop_rule.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/measure/distribution.h"
#include "core/measure/signed_rank.h"

namespace rocekit::measure {

bool is_enough(const StopRule& rule, const SeriesState& state) {
  if (state.block_medians.size() < rule.min_blocks) return false;
  if (!rule.iterations && !rule.time && !rule.median_error) return true;
  if (rule.iterations && state.iterations >= *rule.iterations) return true;
  if (rule.time && state.elapsed >= *rule.time) return true;
  if (rule.median_error) {
    const auto error = relative_median_error(state.block_medians);
    return error && *error <= *rule.median_error;
  }
  return false;
}

std::optional<double> relative_median_error(std::span<const double> values) {
  const auto rank = median_interval_rank(values.size(), 0.95);
  if (!rank) return std::nullopt;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double median = quantile(sorted, 0.5);
  if (median == 0) return std::nullopt;
  return (sorted[sorted.size() - *rank] - sorted[*rank - 1]) / 2 / std::abs(median);
}

std::size_t iterations_for(std::chrono::nanoseconds block_time, double iteration_ns, std::size_t most) {
  const double fit = static_cast<double>(block_time.count()) / std::max(iteration_ns, 1e-3);
  if (!(fit > 1)) return 1;
  return fit >= static_cast<double>(most) ? std::max<std::size_t>(most, 1) : static_cast<std::size_t>(fit);
}

}  // namespace rocekit::measure
