#include "core/measure/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/measure/calibration.h"
#include "core/measure/loop.h"
#include "tests/unit/emulated.h"

namespace rocekit::measure {
namespace {

using ::testing::HasSubstr;

TEST(CounterRate, IsTimeOverTicksBetweenTheMiddlesOfTheFirstAndLastReading) {
  const std::vector<CounterReading> readings{{100, 1'000, 120}, {2'110, 2'000, 2'110}, {4'100, 3'000, 4'120}};
  const auto rate = counter_rate(readings);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(rate->ns_per_tick, 0.5);
}

TEST(CounterRate, StatesWhatTheWidthOfTheReadingsAndATickLeaveOpen) {
  const std::vector<CounterReading> readings{
      {0, 1'000, 20}, {1'000'010, 1'001'000, 1'000'010}, {2'000'000, 2'001'000, 2'000'020}};
  const auto rate = counter_rate(readings);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(rate->relative_error, 21.0 / 2'000'000);
}

TEST(CounterRate, StatesHowFarTheStretchesDisagree) {
  // 50 ppm more ticks in the first of two equal stretches.
  const std::vector<CounterReading> readings{
      {0, 0, 0}, {1'000'050, 1'000'000, 1'000'050}, {2'000'000, 2'000'000, 2'000'000}};
  const auto rate = counter_rate(readings);
  ASSERT_TRUE(rate);
  EXPECT_NEAR(rate->relative_error, 50e-6, 1e-6);
}

TEST(CounterRate, IsRefusedForACounterThatChangesItsPace) {
  const std::vector<CounterReading> readings{
      {0, 0, 0}, {1'000'150, 1'000'000, 1'000'150}, {2'000'000, 2'000'000, 2'000'000}};
  EXPECT_FALSE(counter_rate(readings));
  EXPECT_TRUE(counter_rate(readings, 200e-6));
}

TEST(CounterRate, IsRefusedWhenTimeOrCounterStandStillOrGoBack) {
  EXPECT_FALSE(counter_rate(std::vector<CounterReading>{{0, 0, 0}, {0, 1'000, 0}, {0, 2'000, 0}}));
  EXPECT_FALSE(counter_rate(std::vector<CounterReading>{{0, 5, 0}, {1'000, 5, 1'000}, {2'000, 5, 2'000}}));
  EXPECT_FALSE(
      counter_rate(std::vector<CounterReading>{{9'000, 0, 9'000}, {8'000, 1'000, 8'000}, {7'000, 2'000, 7'000}}));
  EXPECT_FALSE(counter_rate(std::vector<CounterReading>{{0, 0, 0}, {1'000, 1'000, 1'000}}));
}

TEST(CounterRate, OfACoarseCounterCannotBeKnownBetterThanATick) {
  // 25 MHz, looked at twice within a tick each time.
  const std::vector<CounterReading> readings{{0, 0, 0}, {25'000, 1'000'000, 25'000}, {50'000, 2'000'000, 50'000}};
  const auto rate = counter_rate(readings);
  ASSERT_TRUE(rate);
  EXPECT_DOUBLE_EQ(rate->relative_error, 1.0 / 50'000);
}

TEST(StatedRate, IsTakenWhereMeasuringCannotTellItFromTheMeasuredOne) {
  const CounterRate measured{1.000004, 5e-6};
  EXPECT_EQ(stated_or_measured(measured, 1'000'000'000).ns_per_tick, 1.0);
  EXPECT_EQ(stated_or_measured(measured, 1'000'000'000).relative_error, 5e-6);
}

TEST(StatedRate, IsNotBelievedAgainstTheMeasurement) {
  const CounterRate measured{40.001, 5e-6};
  EXPECT_EQ(stated_or_measured(measured, 25'000'000).ns_per_tick, 40.001);
  EXPECT_EQ(stated_or_measured(measured, 1'000'000'000).ns_per_tick, 40.001);
  EXPECT_EQ(stated_or_measured(measured, 0).ns_per_tick, 40.001);
}

/// A reading of CLOCK_MONOTONIC_RAW between two of the clock under test bounds it, whatever interrupts them.
CounterReading reading_of(const Clock& clock) {
  CounterReading reading;
  reading.before = clock.ticks();
  reading.ns = monotonic_raw_ns();
  reading.after = clock.ticks();
  return reading;
}

TEST(Clock, KeepsPaceWithClockMonotonicRawWithinTheErrorItStates) {
  const Clock clock = Clock::calibrated();
  const CounterReading first = reading_of(clock);
  CounterReading last = first;
  while (last.ns - first.ns < 30'000'000) last = reading_of(clock);
  const auto elapsed = static_cast<double>(last.ns - first.ns);
  const double slack = 1 + 2 * clock.relative_error() + 1e-6;
  EXPECT_LE(static_cast<double>(last.before - first.after) * clock.ns_per_tick(), elapsed * slack);
  EXPECT_GE(static_cast<double>(last.after - first.before) * clock.ns_per_tick() * slack, elapsed);
  EXPECT_LE(clock.relative_error(), 100e-6);
}

TEST(Clock, OfAnArmCpuIsItsGenericTimer) {
#if defined(__aarch64__)
  ASSERT_GT(Clock::stated_hz(), 0u);
  const Clock clock = Clock::calibrated();
  if (clock.source() != Clock::Source::cycle_counter) {
    ROCEKIT_SKIP_WHERE_EMULATED("on busy processors its counter does not keep one rate");
  }
  ASSERT_EQ(clock.source(), Clock::Source::cycle_counter);
  // Emulated counters follow a clock that NTP slews, by 500 ppm at most.
  EXPECT_NEAR(clock.ns_per_tick() * static_cast<double>(Clock::stated_hz()) / 1e9, 1, 600e-6);
#else
  EXPECT_EQ(Clock::stated_hz(), 0u);
  GTEST_SKIP() << "not an Arm CPU";
#endif
}

TEST(Clock, SaysWhatItReadsAndHowWellItIsKnown) {
  EXPECT_EQ(Clock::monotonic_raw().description(), "CLOCK_MONOTONIC_RAW");
  EXPECT_EQ(Clock::monotonic_raw().ns_per_tick(), 1.0);
  const Clock clock = Clock::calibrated();
  if (clock.source() == Clock::Source::cycle_counter) {
    EXPECT_THAT(clock.description(), HasSubstr("CPU counter at "));
    EXPECT_THAT(clock.description(), HasSubstr(" ppm"));
    EXPECT_GT(clock.relative_error(), 0);
  } else {
    EXPECT_EQ(clock.description(), "CLOCK_MONOTONIC_RAW");
  }
}

TEST(SampleLoop, StoresOneSampleAnIterationAndTheyAddUpToTheWholeTime) {
  const Clock clock = Clock::monotonic_raw();
  Samples samples(1'000);
  const std::uint64_t before = clock.ticks();
  int calls = 0;
  sample_loop(clock, 1'000, samples, [&] { ++calls; });
  const std::uint64_t whole = clock.ticks() - before;
  EXPECT_EQ(calls, 1'000);
  ASSERT_EQ(samples.size(), 1'000u);
  std::uint64_t sum = 0;
  for (const std::uint64_t ticks : samples.ticks()) sum += ticks;
  EXPECT_LE(sum, whole);
}

TEST(SampleLoop, KeepsTheSamplesOfBeforeAnException) {
  Samples samples(10);
  int calls = 0;
  const auto third_fails = [&] {
    if (++calls == 3) throw std::runtime_error("broken");
  };
  EXPECT_THROW(sample_loop(Clock::monotonic_raw(), 10, samples, third_fails), std::runtime_error);
  EXPECT_EQ(samples.size(), 2u);
}

TEST(Samples, CountsWhatDoesNotFitAndKeepsTheFirst) {
  Samples samples(2);
  for (std::uint64_t ticks = 1; ticks <= 5; ++ticks) samples.add(ticks);
  EXPECT_EQ(samples.dropped(), 3u);
  EXPECT_THAT(std::vector<std::uint64_t>(samples.ticks().begin(), samples.ticks().end()), ::testing::ElementsAre(1, 2));
  samples.clear();
  EXPECT_EQ(samples.size(), 0u);
  EXPECT_EQ(samples.dropped(), 0u);
  EXPECT_EQ(samples.capacity(), 2u);
}

}  // namespace
}  // namespace rocekit::measure
