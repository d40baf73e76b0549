// Distribution-free intervals: how far from the end of an ordered list the end of an interval lies.
#pragma once

#include <cstddef>
#include <optional>

namespace rocekit::measure {

/// Interval of the median of n values from their order statistics: the k-th smallest to the k-th largest value hold
/// it with at least `confidence`, for the largest such k (from 1). nullopt when even the smallest and the largest do
/// not. From the binomial distribution with p = 1/2 (sign test; David and Nagaraja, Order Statistics, 7.1); its normal
/// approximation above 1000 values.
std::optional<std::size_t> median_interval_rank(std::size_t n, double confidence);

/// The same among the n (n + 1) / 2 Walsh averages of n values, for the centre of a symmetric distribution: from
/// Wilcoxon's signed-rank distribution (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.3), exact up
/// to 60 values, its normal approximation above.
std::optional<std::size_t> walsh_interval_rank(std::size_t n, double confidence);

/// The same among the n m differences of n values and m others, for the shift between two distributions: from Mann and
/// Whitney's distribution (Hollander, Wolfe and Chicken, 4.3), exact up to 20 values a side, its normal approximation
/// above.
std::optional<std::size_t> shift_interval_rank(std::size_t n, std::size_t m, double confidence);

/// x with P(|Z| <= x) = `probability` of the standard normal distribution.
double normal_two_sided(double probability);

}  // namespace rocekit::measure
