#include "core/measure/signed_rank.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace rocekit::measure {

namespace {

constexpr std::size_t exact_median_values = 1000;
constexpr std::size_t exact_walsh_values = 60;
constexpr std::size_t exact_shift_values = 20;

/// The largest k with 2 P(X <= k - 1) <= 1 - confidence, where `weights[x]` is P(X = x).
std::optional<std::size_t> rank_of(const std::vector<double>& weights, double confidence) {
  const double tail = (1 - confidence) / 2 * (1 + 1e-12);  // of rounding: 2/2^8 is within 1/128
  double below = 0;
  std::size_t k = 0;
  while (k < weights.size() && below + weights[k] <= tail) below += weights[k++];
  return k == 0 ? std::nullopt : std::optional(k);
}

std::optional<std::size_t> approximate_rank(double mean, double deviation, double confidence) {
  const double k = std::floor(mean + 0.5 - normal_two_sided(confidence) * deviation);
  return k < 1 ? std::nullopt : std::optional(static_cast<std::size_t>(k));
}

}  // namespace

double normal_two_sided(double probability) {
  // Bisection of erf: called once an interval, and right to the last digit.
  double low = 0;
  double high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < probability ? low : high) = middle;
  }
  return low;
}

std::optional<std::size_t> median_interval_rank(std::size_t n, double confidence) {
  if (n == 0) return std::nullopt;
  const auto count = static_cast<double>(n);
  if (n > exact_median_values) return approximate_rank(count / 2, std::sqrt(count) / 2, confidence);
  std::vector<double> weights(n + 1);
  for (std::size_t k = 0; k <= n; ++k) {
    const auto chosen = static_cast<double>(k);
    weights[k] = std::exp(std::lgamma(count + 1) - std::lgamma(chosen + 1) - std::lgamma(count - chosen + 1) -
                          count * std::log(2.0));
  }
  return rank_of(weights, confidence);
}

std::optional<std::size_t> walsh_interval_rank(std::size_t n, double confidence) {
  if (n == 0) return std::nullopt;
  const auto count = static_cast<double>(n);
  if (n > exact_walsh_values) {
    return approximate_rank(count * (count + 1) / 4, std::sqrt(count * (count + 1) * (2 * count + 1) / 24), confidence);
  }
  // Sum of a random subset of the ranks 1 to n: one rank after the other is or is not in it.
  std::vector<double> weights(n * (n + 1) / 2 + 1, 0.0);
  weights[0] = 1;
  std::size_t greatest = 0;
  for (std::size_t rank = 1; rank <= n; ++rank) {
    greatest += rank;
    for (std::size_t sum = greatest + 1; sum-- > 0;) {
      weights[sum] = (weights[sum] + (sum >= rank ? weights[sum - rank] : 0)) / 2;
    }
  }
  return rank_of(weights, confidence);
}

std::optional<std::size_t> shift_interval_rank(std::size_t n, std::size_t m, double confidence) {
  if (n == 0 || m == 0) return std::nullopt;
  const auto first = static_cast<double>(n);
  const auto second = static_cast<double>(m);
  if (std::max(n, m) > exact_shift_values) {
    return approximate_rank(first * second / 2, std::sqrt(first * second * (first + second + 1) / 12), confidence);
  }
  // ways[i][u]: of i values of the first kind among those dealt so far, u pairs have the other kind before them.
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(n * m + 1, 0.0));
  ways[0][0] = 1;
  for (std::size_t dealt = 1; dealt <= n + m; ++dealt) {
    // The value of rank `dealt` is of the first kind with the others before it, or of the second.
    for (std::size_t i = std::min(n, dealt); i > 0; --i) {
      const std::size_t others = dealt - i;
      if (others > m) continue;
      for (std::size_t u = n * m + 1; u-- > others;) ways[i][u] += ways[i - 1][u - others];
    }
  }
  double all = 0;
  for (const double count : ways[n]) all += count;
  for (double& count : ways[n]) count /= all;
  return rank_of(ways[n], confidence);
}

}  // namespace rocekit::measure
