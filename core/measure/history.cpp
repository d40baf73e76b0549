#include "core/measure/history.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/measure/distribution.h"

namespace rocekit::measure {
namespace {

constexpr std::size_t runs_with_outliers = 8;
/// Standard deviations, by the median absolute deviation.
constexpr double far_out = 6;
constexpr double deviation_of_mad = 1.4826;
constexpr double confidence_of_blocks = 0.95;

/// Student's t that one of 2000 exceeds, from 4 degrees of freedom on (one-sided 0.9995).
constexpr std::array<double, most_runs - enough_runs + 1> student{
    8.610, 6.869, 5.959, 5.408, 5.041, 4.781, 4.587, 4.437, 4.318, 4.221, 4.140, 4.073, 4.015, 3.965, 3.922, 3.883};

bool all_positive(std::span<const double> values) {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double value) { return value > 0 && std::isfinite(value); });
}

/// Without the runs that lie far from all others.
std::vector<double> without_outliers(const std::vector<double>& logs, double least) {
  if (logs.size() < runs_with_outliers) return logs;
  const double centre = median(logs);
  std::vector<double> distances;
  for (const double value : logs) distances.push_back(std::abs(value - centre));
  const double fence = std::max(far_out * deviation_of_mad * median(distances), least);
  std::vector<double> kept;
  for (const double value : logs) {
    if (std::abs(value - centre) <= fence) kept.push_back(value);
  }
  // More than a quarter is no accident: so this machine is.
  return kept.size() * 4 < logs.size() * 3 ? logs : kept;
}

/// Of the logarithm of one more run beyond the median of these.
double prediction_limit(const std::vector<double>& logs) {
  const auto count = static_cast<double>(logs.size());
  double mean = 0;
  for (const double value : logs) mean += value / count;
  double squares = 0;
  for (const double value : logs) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / (count - 1));
  return student.at(logs.size() - enough_runs) * deviation * std::sqrt(1 + 1 / count);
}

}  // namespace

Change against_runs(std::span<const std::vector<double>> runs, std::span<const double> now, Better better,
                    const Margins& margins) {
  Change change;
  if (runs.size() > most_runs) runs = runs.last(most_runs);
  change.runs = runs.size();
  if (runs.empty() || !all_positive(now)) return change;
  const double sign = better == Better::lower ? 1 : -1;
  // Logarithms in which more is slower.
  std::vector<double> logs;
  std::vector<double> blocks;
  for (const std::vector<double>& run : runs) {
    if (!all_positive(run)) return change;
    logs.push_back(sign * std::log(median(run)));
    blocks.insert(blocks.end(), run.begin(), run.end());
  }
  change.now = median({now.begin(), now.end()});
  const Ratio within = ratio_of_series(blocks, now, confidence_of_blocks);
  change.low = better == Better::lower ? within.low : 1 / within.high;
  change.high = better == Better::lower ? within.high : 1 / within.low;
  const double today = sign * std::log(change.now);

  const std::vector<double> kept = without_outliers(logs, std::log(margins.least));
  change.left_out = logs.size() - kept.size();
  const double centre = median(kept);
  change.before = std::exp(sign * centre);
  change.slowdown = std::exp(today - centre);
  change.by_spread = kept.size() >= enough_runs;
  bool slower = false;
  bool faster = false;
  if (change.by_spread) {
    const double limit = std::max(std::log(margins.least), prediction_limit(kept));
    change.limit = std::exp(limit);
    slower = today - centre > limit;
    faster = centre - today > limit;
  } else {
    const auto [fastest, slowest] = std::minmax_element(kept.begin(), kept.end());
    const double margin = std::log(margins.few_runs);
    change.limit = std::exp(*slowest - centre + margin);
    slower = today - *slowest > margin && (change.low > 1 || change.low == 0);
    faster = *fastest - today > margin && (change.high < 1 || std::isinf(change.high));
  }
  change.outcome = slower ? Change::Outcome::slower : faster ? Change::Outcome::faster : Change::Outcome::as_before;
  return change;
}

}  // namespace rocekit::measure
