// A against B, from pairs measured side by side.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

namespace rocekit::measure {

/// B over A. Pairs are the medians (or rates) of neighbouring blocks; what both blocks of a pair suffer alike cancels.
struct Ratio {
  double ratio = 1;  ///< typical ratio b/a of a pair
  double low = 1;    ///< interval that holds the true ratio with `confidence`
  double high = 1;
  double confidence = 0.99;
  std::size_t pairs = 0;  ///< of series that are no pairs: values of the shorter one
  bool differs() const { return pairs > 0 && (low > 1 || high < 1); }
  friend bool operator==(const Ratio&, const Ratio&) = default;
};

/// Rounds of blocks, each side once a round.
struct ComparisonPlan {
  int rounds = 0;
  std::chrono::milliseconds block_time{0};
};
/// What tells 3 % apart within a run of 20 s: two transports, six sizes, latency and bandwidth. Many short rounds do it
/// better than few long ones: both blocks of a pair see the same machine, and of 48 pairs seven may be disturbed
/// without reaching into the interval (signed_rank.h), where of 24 it is two and of 10 none. tests/bench/calibration on
/// TCP over loopback: +-0.7 % with 48 blocks of 6 ms, +-1.4 % with 24 of 12 ms.
inline constexpr ComparisonPlan latency_plan{48, std::chrono::milliseconds(6)};
/// A rate takes longer to settle than the median of a thousand round trips.
inline constexpr ComparisonPlan bandwidth_plan{10, std::chrono::milliseconds(100)};

/// Blocks in which nothing arrived (0) have no logarithm: they become half of the slowest of all these series in which
/// something did. False: nothing ever arrived.
bool lift_zeros(std::initializer_list<std::vector<double>*> series);

/// Spans of equal length, positive values. With too few pairs for the confidence the interval is 0 to infinity.
Ratio ratio_of_pairs(std::span<const double> a, std::span<const double> b, double confidence = 0.99);

/// The same from two series that were not measured side by side: Hodges and Lehmann's shift with Mann and Whitney's
/// interval. It holds what one series and the other scatter by, not what runs differ by (history.h).
Ratio ratio_of_series(std::span<const double> a, std::span<const double> b, double confidence = 0.99);

/// Order in which `sides` alternate over `rounds`: forwards and backwards in turn (0 1, 1 0, 0 1, ...), so that a drift
/// favours none.
std::vector<int> alternate(int sides, int rounds);

}  // namespace rocekit::measure
