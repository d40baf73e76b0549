#include "core/measure/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "noise.h"

namespace rocekit::measure {
namespace {

using testing::Noise;

std::vector<double> counting_to(int last) {
  std::vector<double> values(static_cast<std::size_t>(last));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

TEST(Quantile, LiesBetweenNeighboursAsType7Says) {
  // Hyndman and Fan's definition 7; the same figures as R's quantile(c(1, 2, 4, 8), c(.25, .5, .9)).
  const std::vector<double> sorted{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.5), 3);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.9), 6.8);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(sorted, 1), 8);
}

TEST(Median, IsOfValuesInAnyOrder) {
  EXPECT_DOUBLE_EQ(median({}), 0);
  EXPECT_DOUBLE_EQ(median({7, 1, 4}), 4);
  EXPECT_DOUBLE_EQ(median({8, 1, 4, 2}), 3);
}

TEST(Distribution, OfCountingNumbersIsKnownExactly) {
  std::vector<double> values = counting_to(10'001);
  std::reverse(values.begin(), values.end());
  const Distribution found = distribution_of(values);
  EXPECT_EQ(found.count, 10'001u);
  EXPECT_DOUBLE_EQ(found.min, 1);
  EXPECT_DOUBLE_EQ(found.max, 10'001);
  EXPECT_DOUBLE_EQ(found.mean, 5'001);
  EXPECT_NEAR(found.stddev, std::sqrt(10'001.0 * 10'002.0 / 12), 1e-6);
  EXPECT_DOUBLE_EQ(found.p50.value(), 5'001);
  EXPECT_DOUBLE_EQ(found.p90.value(), 9'001);
  EXPECT_DOUBLE_EQ(found.p99.value(), 9'901);
  EXPECT_DOUBLE_EQ(found.p999.value(), 9'991);
}

TEST(Distribution, GivesNoPercentileThatItsCountCannotSupport) {
  struct Limit {
    int count;
    std::optional<double> Distribution::*percentile;
  };
  for (const Limit limit : {Limit{10, &Distribution::p50}, Limit{100, &Distribution::p90},
                            Limit{1'000, &Distribution::p99}, Limit{10'000, &Distribution::p999}}) {
    EXPECT_FALSE(distribution_of(counting_to(limit.count - 1)).*limit.percentile) << limit.count;
    EXPECT_TRUE(distribution_of(counting_to(limit.count)).*limit.percentile) << limit.count;
  }
}

TEST(Distribution, PercentilesAreThoseOfTheSortedValuesForAnyCount) {
  Noise noise(1);
  for (const std::size_t count : {10u, 11u, 99u, 100u, 1'000u, 1'001u, 10'000u, 12'345u}) {
    std::vector<double> values = noise.series(count, [](Noise& n) { return std::floor(100 * n.log_normal(1)); });
    const Distribution found = distribution_of(values);
    std::sort(values.begin(), values.end());
    EXPECT_DOUBLE_EQ(found.p50.value(), quantile(values, 0.5)) << count;
    if (found.p90) {
      EXPECT_DOUBLE_EQ(*found.p90, quantile(values, 0.9)) << count;
    }
    if (found.p99) {
      EXPECT_DOUBLE_EQ(*found.p99, quantile(values, 0.99)) << count;
    }
    if (found.p999) {
      EXPECT_DOUBLE_EQ(*found.p999, quantile(values, 0.999)) << count;
    }
  }
}

TEST(Distribution, OfExponentialSamplesHasItsKnownPercentiles) {
  // A percentile q of n samples scatters by sqrt(q (1 - q) / n) / density; the exponential's is ln(1 / (1 - q)) with
  // density 1 - q. Four standard deviations for each of 50 seeds.
  constexpr std::size_t count = 20'000;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Distribution found = distribution_of(Noise(seed).series(count, [](Noise& n) { return n.exponential(); }));
    const auto expect_near = [&](std::optional<double> percentile, double q) {
      const double scatter = std::sqrt(q * (1 - q) / count) / (1 - q);
      EXPECT_NEAR(percentile.value(), -std::log(1 - q), 4 * scatter) << "q " << q << " seed " << seed;
    };
    expect_near(found.p50, 0.5);
    expect_near(found.p90, 0.9);
    expect_near(found.p99, 0.99);
    expect_near(found.p999, 0.999);
    EXPECT_NEAR(found.mean, 1, 4 / std::sqrt(count));
    EXPECT_NEAR(found.stddev, 1, 4 * std::sqrt(2.0 / count));  // fourth moment 9: variance scatters by sqrt(8 / n)
  }
}

TEST(Distribution, ScalesTicks) {
  std::vector<std::uint64_t> ticks(2'000);
  std::iota(ticks.begin(), ticks.end(), 1'000u);
  const Distribution found = distribution_of(ticks, 0.5 / 1'000);
  EXPECT_DOUBLE_EQ(found.min, 0.5);
  EXPECT_DOUBLE_EQ(found.max, 2'999 * 0.0005);
  EXPECT_DOUBLE_EQ(found.p50.value(), 1'999.5 * 0.0005);
  EXPECT_DOUBLE_EQ(found.mean, 1'999.5 * 0.0005);
}

TEST(Distribution, KeepsSmallDifferencesOfLargeTicks) {
  std::vector<std::uint64_t> ticks;
  for (std::uint64_t i = 0; i < 1'000; ++i) ticks.push_back((1ull << 52) + i % 2);
  EXPECT_NEAR(distribution_of(ticks, 1).stddev, 0.5, 0.001);
}

TEST(Distribution, OfNothingAndOfOneValue) {
  EXPECT_EQ(distribution_of(std::vector<double>{}), Distribution{});
  const Distribution one = distribution_of(std::vector<double>{3});
  EXPECT_EQ(one.count, 1u);
  EXPECT_EQ(one.min, 3);
  EXPECT_EQ(one.mean, 3);
  EXPECT_EQ(one.stddev, 0);
  EXPECT_FALSE(one.p50);
  ASSERT_EQ(one.histogram.size(), 1u);
  EXPECT_EQ(one.histogram[0].count, 1u);
}

TEST(Histogram, HoldsEveryValueInTheBinThatSaysSo) {
  const std::vector<double> values =
      Noise(7).series(5'000, [](Noise& n) { return std::exp2(std::floor(40 * n.uniform() - 20) / 14); });
  const auto bins = distribution_of(values).histogram;
  ASSERT_FALSE(bins.empty());
  EXPECT_GT(bins.front().count, 0u);
  EXPECT_GT(bins.back().count, 0u);
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const auto inside = std::count_if(values.begin(), values.end(),
                                      [&](double value) { return value >= bins[i].low && value < bins[i].high; });
    EXPECT_EQ(bins[i].count, static_cast<std::uint64_t>(inside)) << bins[i].low;
    EXPECT_NEAR(bins[i].high / bins[i].low, std::exp2(1.0 / 14), 1e-12);
    if (i > 0) {
      EXPECT_EQ(bins[i].low, bins[i - 1].high);
    }
  }
}

TEST(Histogram, HasABinForWhatTheClockCouldNotSee) {
  const auto bins = distribution_of(std::vector<double>{0, 0, 0, 5}).histogram;
  EXPECT_EQ(bins.front().low, 0);
  EXPECT_EQ(bins.front().count, 3u);
  EXPECT_LE(bins.front().high, 5);
  EXPECT_EQ(bins.back().count, 1u);
  const auto none = distribution_of(std::vector<double>{0, 0}).histogram;
  ASSERT_EQ(none.size(), 1u);
  EXPECT_EQ(none[0].count, 2u);
}

}  // namespace
}  // namespace rocekit::measure
