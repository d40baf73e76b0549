#include "core/measure/stop_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "noise.h"

namespace rocekit::measure {
namespace {

using namespace std::chrono_literals;
using testing::Noise;

SeriesState state_of(const std::vector<double>& medians, std::size_t iterations = 0,
                     std::chrono::nanoseconds elapsed = 0ns) {
  return {iterations, elapsed, medians};
}

TEST(StopRule, EndsAtTheFirstLimitReached) {
  const std::vector<double> medians{1, 2, 3};
  StopRule rule;
  rule.iterations = 1'000;
  rule.time = 1s;
  EXPECT_FALSE(is_enough(rule, state_of(medians, 999, 999ms)));
  EXPECT_TRUE(is_enough(rule, state_of(medians, 1'000, 1ms)));
  EXPECT_TRUE(is_enough(rule, state_of(medians, 1, 1s)));
}

TEST(StopRule, DoesNotEndBeforeItsLeastNumberOfBlocks) {
  StopRule rule;
  rule.time = 1s;
  rule.min_blocks = 4;
  EXPECT_FALSE(is_enough(rule, state_of({1, 1, 1}, 0, 2s)));
  EXPECT_TRUE(is_enough(rule, state_of({1, 1, 1, 1}, 0, 2s)));
}

TEST(StopRule, WithoutALimitEndsAtItsLeastNumberOfBlocks) {
  EXPECT_FALSE(is_enough(StopRule{}, state_of({1, 1})));
  EXPECT_TRUE(is_enough(StopRule{}, state_of({1, 1, 1})));
}

TEST(StopRule, EndsWhenTheMedianIsKnownWellEnough) {
  StopRule rule;
  rule.median_error = 0.01;
  EXPECT_FALSE(is_enough(rule, state_of({100, 100, 100, 100, 100})));  // five values give no interval
  EXPECT_TRUE(is_enough(rule, state_of({100, 100.5, 99.5, 100, 100.9, 99.1})));
  EXPECT_FALSE(is_enough(rule, state_of({100, 100, 90, 100, 110, 100})));
}

TEST(RelativeMedianError, IsHalfTheIntervalOfOrderStatisticsOverTheMedian) {
  // Of ten values the second smallest and the second largest.
  EXPECT_DOUBLE_EQ(relative_median_error(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}).value(),
                   (9.0 - 2) / 2 / 5.5);
  EXPECT_FALSE(relative_median_error(std::vector<double>{1, 2, 3, 4, 5}));
  EXPECT_FALSE(relative_median_error(std::vector<double>{0, 0, 0, 0, 0, 0}));
}

TEST(RelativeMedianError, BoundsTheErrorOfTheMedianOfSkewedValues) {
  // The interval is not symmetric about the median: its half width bounds the error a little less often than 95 %.
  constexpr int runs = 1'000;
  int within = 0;
  for (int seed = 0; seed < runs; ++seed) {
    std::vector<double> values =
        Noise(static_cast<std::uint64_t>(seed)).series(25, [](Noise& n) { return n.exponential(); });
    const double error = relative_median_error(values).value();
    std::sort(values.begin(), values.end());
    within += std::abs(values[12] - std::log(2.0)) <= error * values[12];
  }
  EXPECT_GE(within, runs * 92 / 100);
  EXPECT_LE(within, runs * 99 / 100);
}

TEST(IterationsFor, FillsTheBlockWithinItsBounds) {
  EXPECT_EQ(iterations_for(20ms, 5'000, 1'000'000), 4'000u);
  EXPECT_EQ(iterations_for(20ms, 5'000, 100), 100u);
  EXPECT_EQ(iterations_for(20ms, 1e9, 100), 1u);
  EXPECT_EQ(iterations_for(20ms, 0, 100), 100u);
  EXPECT_EQ(iterations_for(0ms, 5'000, 100), 1u);
}

}  // namespace
}  // namespace rocekit::measure
