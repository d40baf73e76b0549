// What warnings.h is made of: each looks for one kind of trouble and gives the numbers. All values are durations (or
// rates), positive, in any one unit. Each is quiet on plain noise: log-normal samples, clocks with coarse ticks.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace rocekit::measure {

/// Samples far above all that the bulk explains: more than twice the median, and beyond six standard deviations of the
/// logarithms as their median absolute deviation gives it. Reported when they are at least one in a thousand (and ten),
/// or hold at least 5 % of the whole time. Needs 100 samples.
struct Outliers {
  std::size_t count = 0;
  double fence = 0;          ///< they lie above
  double median = 0;         ///< of all samples
  double share_of_time = 0;  ///< of the sum of all samples
};
std::optional<Outliers> find_outliers(std::span<const double> samples);

/// A trend over blocks: Kendall's test against time (Mann 1945) at the 1 % level, and a change from the first to the
/// last block (Theil and Sen's slope of the logarithms) of at least 5 %. Needs 8 blocks.
struct Drift {
  double change = 0;  ///< last over first, less 1: 0.12
};
std::optional<Drift> find_drift(std::span<const double> block_medians);

/// Two heaps of samples with a valley between them: each holds at least 10 %, their peaks lie at least 15 % and four
/// ticks of the clock apart, and the valley is at most half as high as the lower peak, beyond chance. Needs 500
/// samples.
struct Modes {
  double low = 0;         ///< peak of the lower heap
  double high = 0;        ///< peak of the upper heap
  double high_share = 0;  ///< of the samples, in the upper heap
};
std::optional<Modes> find_modes(std::span<const double> samples);

/// The first block unlike all others: on a logarithmic scale farther from their median than 10 %, than six of their
/// standard deviations (by median absolute deviation), and than twice the farthest of them. Needs 6 blocks.
struct SlowFirst {
  double change = 0;  ///< first over the median of the others, less 1; negative for rates
};
std::optional<SlowFirst> find_slow_first(std::span<const double> block_medians);

}  // namespace rocekit::measure
