// What a set of samples says, and no more than it can say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace rocekit::measure {

/// A bin holds values in [low, high); bins are contiguous and logarithmic (about 5 % wide).
struct HistogramBin {
  double low = 0;
  double high = 0;
  std::uint64_t count = 0;
  friend bool operator==(const HistogramBin&, const HistogramBin&) = default;
};

/// In the unit of the values it was made of. A percentile is absent when the count cannot support it: fewer than ten
/// samples would lie beyond p90, p99 or p99.9 (100, 1000, 10 000 samples); the median needs ten samples.
struct Distribution {
  std::size_t count = 0;
  double min = 0;
  double max = 0;
  double mean = 0;
  double stddev = 0;  ///< of the sample (n - 1); 0 for one value
  std::optional<double> p50;
  std::optional<double> p90;
  std::optional<double> p99;
  std::optional<double> p999;
  std::vector<HistogramBin> histogram;  ///< first to last occupied bin
  friend bool operator==(const Distribution&, const Distribution&) = default;
};

/// `scale` turns ticks into the unit wanted: ns_per_tick / 2000 for microseconds of half a round trip.
Distribution distribution_of(std::span<const std::uint64_t> ticks, double scale);
Distribution distribution_of(std::span<const double> values);

/// Percentile `q` (0..1) of sorted values, interpolated between neighbours (Hyndman and Fan's type 7).
double quantile(std::span<const double> sorted, double q);

/// 0 when there is no value.
double median(std::vector<double> values);

}  // namespace rocekit::measure
