#include "core/measure/detectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/measure/comparison.h"
#include "core/measure/distribution.h"

namespace rocekit::measure {

namespace {

/// The standard deviation of a normal distribution in units of its median absolute deviation.
constexpr double deviations_per_mad = 1.4826;

/// Spread and shape need no more; samples are taken at even distances.
constexpr std::size_t enough_samples = 20'000;

std::vector<double> thinned(std::span<const double> samples) {
  const std::size_t step = (samples.size() + enough_samples - 1) / enough_samples;
  std::vector<double> some;
  some.reserve(samples.size() / step + 1);
  for (std::size_t i = 0; i < samples.size(); i += step) some.push_back(samples[i]);
  return some;
}

std::vector<double> sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

double deviation_of(std::span<const double> values, double center) {
  std::vector<double> away;
  away.reserve(values.size());
  for (const double value : values) away.push_back(std::abs(value - center));
  return deviations_per_mad * median(std::move(away));
}

/// Length of the clock's tick as the values show it: the smallest step between neighbours.
double tick_of(std::span<const double> sorted_values) {
  double tick = sorted_values.back() - sorted_values.front();
  for (std::size_t i = 1; i < sorted_values.size(); ++i) {
    const double step = sorted_values[i] - sorted_values[i - 1];
    // Equal ticks scaled to another unit may differ by rounding.
    if (step > 1e-9 * sorted_values[i]) tick = std::min(tick, step);
  }
  return tick;
}

}  // namespace

// ---- outliers -----------------------------------------------------------------------------------------------------

std::optional<Outliers> find_outliers(std::span<const double> samples) {
  if (samples.size() < 100) return std::nullopt;
  const std::vector<double> bulk = sorted(thinned(samples));
  Outliers found;
  found.median = quantile(bulk, 0.5);
  if (found.median <= 0) return std::nullopt;
  std::vector<double> logs;
  logs.reserve(bulk.size());
  for (const double value : bulk) logs.push_back(std::log(std::max(value, found.median * 1e-3)));
  const double deviation = deviation_of(logs, std::log(found.median));
  found.fence = found.median * std::max(2.0, std::exp(6 * deviation)) + 2 * tick_of(bulk);
  double sum = 0;
  double beyond = 0;
  for (const double value : samples) {
    sum += value;
    if (value > found.fence) {
      ++found.count;
      beyond += value;
    }
  }
  found.share_of_time = beyond / sum;
  const bool many = found.count >= 10 && found.count * 1000 >= samples.size();
  const bool heavy = found.count > 0 && found.share_of_time >= 0.05;
  return many || heavy ? std::optional(found) : std::nullopt;
}

// ---- drift --------------------------------------------------------------------------------------------------------

std::optional<Drift> find_drift(std::span<const double> blocks) {
  constexpr double z_of_one_percent = 2.576;
  const std::size_t n = blocks.size();
  if (n < 8) return std::nullopt;
  std::vector<double> values(blocks.begin(), blocks.end());
  if (!lift_zeros({&values})) return std::nullopt;
  int score = 0;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      score += (values[j] > values[i]) - (values[j] < values[i]);
      // Of logarithms: a straight line through values that fall to a fraction would end below zero.
      slopes.push_back(std::log(values[j] / values[i]) / static_cast<double>(j - i));
    }
  }
  // Ties lessen the variance of the score (Kendall, Rank Correlation Methods, chapter 4).
  const auto variance_of = [](double count) { return count * (count - 1) * (2 * count + 5) / 18; };
  const std::vector<double> order = sorted(std::move(values));
  double variance = variance_of(static_cast<double>(n));
  for (auto from = order.begin(); from != order.end();) {
    const auto to = std::upper_bound(from, order.end(), *from);
    variance -= variance_of(static_cast<double>(to - from));
    from = to;
  }
  if (variance <= 0) return std::nullopt;
  const double z = (std::abs(score) - 1) / std::sqrt(variance);
  if (z < z_of_one_percent) return std::nullopt;

  const double change = std::expm1(median(std::move(slopes)) * static_cast<double>(n - 1));
  if (std::abs(change) < 0.05) return std::nullopt;
  return Drift{change};
}

// ---- two modes ----------------------------------------------------------------------------------------------------

std::optional<Modes> find_modes(std::span<const double> samples) {
  constexpr std::size_t bins = 64;
  constexpr double least_share = 0.1;
  constexpr double least_distance = 0.15;
  constexpr double sure = 5;  // standard deviations of a difference of two counts
  if (samples.size() < 500) return std::nullopt;

  // The bulk alone: a few outliers must not stretch the scale.
  const std::vector<double> order = sorted(thinned(samples));
  const double bottom = quantile(order, 0.01);
  const double top = quantile(order, 0.99);
  if (bottom <= 0 || top < bottom * (1 + least_distance)) return std::nullopt;
  const auto first = std::lower_bound(order.begin(), order.end(), bottom);
  const auto last = std::upper_bound(order.begin(), order.end(), top);
  const std::vector<double> bulk(first, last);
  const double tick = tick_of(bulk);

  // Density over the logarithm. A value stands for all durations within its tick: it is spread over them (by the golden
  // ratio's low-discrepancy sequence), else a coarse clock's ticks would be heaps of their own.
  const double low = std::log(std::max(bottom - tick / 2, bottom / 2));
  const double width = std::max(std::log(top + tick / 2) - low, 1e-9) / static_cast<double>(bins);
  std::vector<double> density(bins, 0.0);
  double turn = 0;
  for (const double value : bulk) {
    turn = std::fmod(turn + 0.6180339887498949, 1.0);
    const double spread = std::max(value + (turn - 0.5) * tick, bottom / 2);
    const double bin = std::clamp((std::log(spread) - low) / width, 0.0, static_cast<double>(bins - 1));
    ++density[static_cast<std::size_t>(bin)];
  }
  // Mean of five bins: evens out what is left of the ticks and of chance.
  std::vector<double> smooth(bins, 0.0);
  for (std::size_t i = 0; i < bins; ++i) {
    const std::size_t from = i < 2 ? 0 : i - 2;
    const std::size_t to = std::min(i + 2, bins - 1);
    for (std::size_t j = from; j <= to; ++j) smooth[i] += density[j];
    smooth[i] /= static_cast<double>(to - from + 1);
  }

  std::optional<Modes> found;
  double deepest = 0;
  double below = 0;
  for (std::size_t i = 1; i + 1 < bins; ++i) {
    below += density[i - 1];
    const auto left = std::max_element(smooth.begin(), smooth.begin() + static_cast<std::ptrdiff_t>(i));
    const auto right = std::max_element(smooth.begin() + static_cast<std::ptrdiff_t>(i) + 1, smooth.end());
    const double peak = std::min(*left, *right);
    const double share_below = below / static_cast<double>(bulk.size());
    const double depth = peak - smooth[i];
    if (share_below < least_share || share_below > 1 - least_share) continue;
    if (smooth[i] > peak / 2 || depth * 5 < sure * std::sqrt(5 * (peak + smooth[i]))) continue;
    const auto center = [&](auto peak_at) {
      return std::exp(low + (static_cast<double>(peak_at - smooth.begin()) + 0.5) * width);
    };
    const double low_peak = center(left);
    const double high_peak = center(right);
    if (high_peak < low_peak * (1 + least_distance) || high_peak - low_peak < 4 * tick) continue;
    if (depth > deepest) {
      deepest = depth;
      found = Modes{low_peak, high_peak, 1 - share_below};
    }
  }
  return found;
}

// ---- slow first ---------------------------------------------------------------------------------------------------

std::optional<SlowFirst> find_slow_first(std::span<const double> blocks) {
  if (blocks.size() < 6) return std::nullopt;
  std::vector<double> others;
  for (const double block : blocks) {
    if (block <= 0) return std::nullopt;
    others.push_back(std::log(block));
  }
  const double first = others.front();
  others.erase(others.begin());
  const double middle = median(others);
  double farthest = 0;
  for (const double other : others) farthest = std::max(farthest, std::abs(other - middle));
  const double away = std::abs(first - middle);
  if (away <= std::log(1.1) || away <= 6 * deviation_of(others, middle) || away <= 2 * farthest) return std::nullopt;
  return SlowFirst{std::exp(first - middle) - 1};
}

}  // namespace rocekit::measure
