#include "core/measure/distribution.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>

namespace rocekit::measure {

namespace {

// ---- percentiles

struct Wanted {
  double q;
  std::size_t least_count;
  std::optional<double> Distribution::*member;
};
constexpr std::array<Wanted, 4> wanted{{{0.5, 10, &Distribution::p50},
                                        {0.9, 100, &Distribution::p90},
                                        {0.99, 1'000, &Distribution::p99},
                                        {0.999, 10'000, &Distribution::p999}}};

/// Type 7: a place among sorted values, counted from 0, that lies between two of them.
struct Place {
  std::size_t below = 0;
  double fraction = 0;
};
Place place_of(double q, std::size_t count) {
  const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(count - 1);
  const double below = std::floor(at);
  return {static_cast<std::size_t>(below), at - below};
}

double between(double low, double high, double fraction) { return low + fraction * (high - low); }

/// By selection, not sorting: a million samples take milliseconds. Reorders `values`.
template <class T>
void take_percentiles(std::span<T> values, double scale, Distribution& result) {
  auto from = values.begin();  // everything before it is below what is still looked for
  for (const Wanted& want : wanted) {
    if (values.size() < want.least_count) continue;
    const Place place = place_of(want.q, values.size());
    const auto low = values.begin() + static_cast<std::ptrdiff_t>(place.below);
    std::nth_element(from, low, values.end());
    const auto high = std::next(low) == values.end() ? low : std::min_element(std::next(low), values.end());
    result.*want.member = scale * between(static_cast<double>(*low), static_cast<double>(*high), place.fraction);
    from = low;
  }
}

// ---- histogram

/// Fourteen bins an octave, 5.08 % wide each. The bin of a value comes from its binary digits: the exponent, and a
/// table by the first six digits of the mantissa, none of whose 64 cells holds more than one edge.
constexpr int bins_per_octave = 14;
constexpr int cell_bits = 6;

struct BinTable {
  std::array<double, bins_per_octave + 1> edges{};  ///< 2^(i/14)
  std::array<int, 1 << cell_bits> first_bin{};      ///< of the lowest value of a cell

  BinTable() {
    for (std::size_t i = 0; i < edges.size(); ++i) edges[i] = std::exp2(static_cast<double>(i) / bins_per_octave);
    int bin = 0;
    for (std::size_t cell = 0; cell < first_bin.size(); ++cell) {
      const double low = 1 + static_cast<double>(cell) / static_cast<double>(first_bin.size());
      while (edges[static_cast<std::size_t>(bin) + 1] <= low) ++bin;
      first_bin[cell] = bin;
    }
  }

  int bin_of(double positive) const {
    const auto bits = std::bit_cast<std::uint64_t>(positive);
    const int exponent = static_cast<int>(bits >> 52) - 1023;
    const auto cell = static_cast<std::size_t>((bits >> (52 - cell_bits)) & ((1u << cell_bits) - 1));
    const double mantissa = std::bit_cast<double>((bits & ((1ull << 52) - 1)) | (1023ull << 52));
    int bin = first_bin[cell];
    if (mantissa >= edges[static_cast<std::size_t>(bin) + 1]) ++bin;
    return exponent * bins_per_octave + bin;
  }

  double low_edge(int bin) const {
    const int exponent = bin >= 0 ? bin / bins_per_octave : -((bins_per_octave - 1 - bin) / bins_per_octave);
    return std::ldexp(edges[static_cast<std::size_t>(bin - exponent * bins_per_octave)], exponent);
  }
};

/// Values are bins of `value * scale`; what is not positive (a clock too coarse to see it) gets a bin of its own that
/// begins at 0.
template <class T>
std::vector<HistogramBin> histogram_of(std::span<const T> values, double scale, double min, double max) {
  static const BinTable table;
  std::vector<HistogramBin> bins;
  if (max <= 0) return {{min, 1, values.size()}};
  double least_positive = max;
  if (min <= 0) {
    for (const T value : values) {
      const double scaled = scale * static_cast<double>(value);
      if (scaled > 0) least_positive = std::min(least_positive, scaled);
    }
  } else {
    least_positive = min;
  }
  const int first = table.bin_of(least_positive);
  const int last = table.bin_of(max);
  bins.resize(static_cast<std::size_t>(last - first) + 1);
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].low = table.low_edge(first + static_cast<int>(i));
    bins[i].high = table.low_edge(first + static_cast<int>(i) + 1);
  }
  std::uint64_t not_positive = 0;
  for (const T value : values) {
    const double scaled = scale * static_cast<double>(value);
    if (scaled > 0) {
      ++bins[static_cast<std::size_t>(table.bin_of(scaled) - first)].count;
    } else {
      ++not_positive;
    }
  }
  if (not_positive > 0) bins.insert(bins.begin(), {std::min(min, 0.0), bins.front().low, not_positive});
  return bins;
}

template <class T>
Distribution describe(std::span<const T> values, double scale) {
  Distribution result;
  result.count = values.size();
  if (values.empty()) return result;

  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  result.min = scale * static_cast<double>(*least);
  result.max = scale * static_cast<double>(*greatest);

  // Relative to the minimum: sums of large ticks keep their small differences.
  const double origin = static_cast<double>(*least);
  double sum = 0;
  for (const T value : values) sum += static_cast<double>(value) - origin;
  const double mean = sum / static_cast<double>(values.size());
  double squares = 0;
  for (const T value : values) {
    const double away = static_cast<double>(value) - origin - mean;
    squares += away * away;
  }
  result.mean = std::clamp(scale * (origin + mean), result.min, result.max);
  if (values.size() > 1) result.stddev = scale * std::sqrt(squares / static_cast<double>(values.size() - 1));

  result.histogram = histogram_of(values, scale, result.min, result.max);
  std::vector<T> order(values.begin(), values.end());
  take_percentiles(std::span<T>(order), scale, result);
  return result;
}

}  // namespace

Distribution distribution_of(std::span<const std::uint64_t> ticks, double scale) { return describe(ticks, scale); }

Distribution distribution_of(std::span<const double> values) { return describe(values, 1.0); }

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  const Place place = place_of(q, sorted.size());
  const std::size_t above = std::min(place.below + 1, sorted.size() - 1);
  return between(sorted[place.below], sorted[above], place.fraction);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

}  // namespace rocekit::measure
