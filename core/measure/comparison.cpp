#include "core/measure/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/measure/distribution.h"
#include "core/measure/signed_rank.h"

namespace rocekit::measure {

namespace {

/// Beyond so many, neighbouring pairs are taken together: Walsh averages grow with the square.
constexpr std::size_t most_pairs = 1000;

std::vector<double> log_ratios(std::span<const double> a, std::span<const double> b) {
  const std::size_t pairs = std::min(a.size(), b.size());
  const std::size_t together = (pairs + most_pairs - 1) / most_pairs;
  std::vector<double> logs;
  for (std::size_t i = 0; i + together <= pairs && together > 0; i += together) {
    double sum = 0;
    for (std::size_t j = i; j < i + together; ++j) sum += std::log(b[j] / a[j]);
    logs.push_back(sum / static_cast<double>(together));
  }
  return logs;
}

/// Nothing is known yet of so many pairs.
Ratio open_ratio(std::size_t pairs, double confidence) {
  Ratio result;
  result.confidence = confidence;
  result.low = 0;
  result.high = std::numeric_limits<double>::infinity();
  result.pairs = pairs;
  return result;
}

/// The median of `logs`, and the interval between its `rank`-th smallest and largest.
void estimate(std::vector<double> logs, const std::optional<std::size_t>& rank, Ratio& result) {
  std::sort(logs.begin(), logs.end());
  result.ratio = std::exp(quantile(logs, 0.5));
  if (!rank) return;
  result.low = std::exp(logs[*rank - 1]);
  result.high = std::exp(logs[logs.size() - *rank]);
}

}  // namespace

bool lift_zeros(std::initializer_list<std::vector<double>*> series) {
  double least = std::numeric_limits<double>::infinity();
  for (const std::vector<double>* blocks : series) {
    for (const double value : *blocks) least = value > 0 ? std::min(least, value) : least;
  }
  if (!std::isfinite(least)) return false;
  for (std::vector<double>* blocks : series) {
    for (double& value : *blocks) value = value > 0 ? value : least / 2;
  }
  return true;
}

Ratio ratio_of_pairs(std::span<const double> a, std::span<const double> b, double confidence) {
  Ratio result = open_ratio(std::min(a.size(), b.size()), confidence);
  if (result.pairs == 0) return result;

  // Hodges and Lehmann's estimator (the median of all averages of two) and Tukey's interval that belongs to it. On
  // logarithms a ratio and its inverse weigh the same, and pairs that differ only by noise lie symmetrically around 0.
  const std::vector<double> logs = log_ratios(a, b);
  std::vector<double> walsh;
  walsh.reserve(logs.size() * (logs.size() + 1) / 2);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    for (std::size_t j = i; j < logs.size(); ++j) walsh.push_back((logs[i] + logs[j]) / 2);
  }
  estimate(std::move(walsh), walsh_interval_rank(logs.size(), confidence), result);
  return result;
}

Ratio ratio_of_series(std::span<const double> a, std::span<const double> b, double confidence) {
  Ratio result = open_ratio(std::min(a.size(), b.size()), confidence);
  if (result.pairs == 0) return result;
  std::vector<double> differences;
  differences.reserve(a.size() * b.size());
  for (const double one : a) {
    for (const double other : b) differences.push_back(std::log(other / one));
  }
  estimate(std::move(differences), shift_interval_rank(a.size(), b.size(), confidence), result);
  return result;
}

std::vector<int> alternate(int sides, int rounds) {
  std::vector<int> order;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < sides; ++i) order.push_back(round % 2 == 0 ? i : sides - 1 - i);
  }
  return order;
}

}  // namespace rocekit::measure
