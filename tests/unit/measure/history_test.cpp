// Runs against earlier runs: how often nothing raises an alarm, and how often something does.
#include "core/measure/history.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/measure/signed_rank.h"
#include "noise.h"

namespace rocekit::measure {
namespace {

using testing::Noise;
using Outcome = Change::Outcome;

constexpr Margins margins{1.25, 1.08};

/// How the level of a whole run differs from that of others.
struct NoisyMachine {
  std::string name;
  std::function<double(Noise&)> level;
};

NoisyMachine steady(double sigma) {
  return {"between runs " + std::to_string(sigma), [sigma](Noise& n) { return n.log_normal(sigma); }};
}
NoisyMachine disturbed_now_and_then() {
  return {"one run in twelve disturbed",
          [](Noise& n) { return n.log_normal(0.015) * (n.happens(1.0 / 12) ? 1.3 + n.exponential() : 1); }};
}

std::vector<double> run_of(Noise& noise, double level, std::size_t blocks = 5) {
  return noise.series(blocks, [level](Noise& n) { return 5 * level * n.log_normal(0.03); });
}

Change trial(const NoisyMachine& machine, std::size_t runs, double slowdown, std::uint64_t seed,
             Better better = Better::lower, const NoisyMachine& today = steady(0)) {
  Noise noise(seed * 7919 + 1);
  std::vector<std::vector<double>> past;
  for (std::size_t i = 0; i < runs; ++i) past.push_back(run_of(noise, machine.level(noise)));
  const double level = (today.name == steady(0).name ? machine : today).level(noise);
  return against_runs(past, run_of(noise, better == Better::lower ? level * slowdown : level / slowdown), better,
                      margins);
}

int alarms(const NoisyMachine& machine, std::size_t runs, double slowdown, int trials, Better better = Better::lower,
           const NoisyMachine& today = steady(0)) {
  int count = 0;
  for (int i = 0; i < trials; ++i) {
    count += trial(machine, runs, slowdown, static_cast<std::uint64_t>(i), better, today).outcome == Outcome::slower;
  }
  return count;
}

// ---- intervals of series that are no pairs

TEST(ShiftIntervalRank, IsOneMoreThanTheCriticalValueOfMannAndWhitneysTables) {
  struct Row {
    std::size_t n, m;
    double confidence;
    std::size_t critical_value;
  };
  for (const Row row : {Row{4, 4, 0.95, 0}, Row{5, 5, 0.95, 2}, Row{8, 8, 0.95, 13}, Row{10, 10, 0.95, 23},
                        Row{20, 20, 0.95, 127}, Row{5, 10, 0.95, 8}, Row{10, 5, 0.95, 8}, Row{10, 10, 0.99, 16}}) {
    EXPECT_EQ(shift_interval_rank(row.n, row.m, row.confidence), row.critical_value + 1) << row.n << ' ' << row.m;
  }
  EXPECT_FALSE(shift_interval_rank(3, 3, 0.95));
  EXPECT_FALSE(shift_interval_rank(0, 9, 0.95));
}

TEST(ShiftIntervalRank, GoesOverIntoItsApproximationWithoutAStep) {
  const auto at = [](std::size_t n) { return static_cast<double>(shift_interval_rank(n, n, 0.95).value()); };
  EXPECT_NEAR(at(21) - at(20), at(20) - at(19), 3);
}

TEST(RatioOfSeries, HoldsTheTrueRatioAsOftenAsItSays) {
  int holds = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Noise noise(seed);
    const auto a = run_of(noise, 1, 16);
    const auto b = run_of(noise, 1.2, 12);
    const Ratio ratio = ratio_of_series(a, b, 0.95);
    holds += ratio.low <= 1.2 && 1.2 <= ratio.high;
  }
  EXPECT_GE(holds, 400 * 92 / 100);
  EXPECT_LT(holds, 400);
}

// ---- one decision

TEST(AgainstRuns, FewRunsAreJudgedByTheMarginBeyondTheSlowest) {
  const std::vector<std::vector<double>> past{std::vector<double>(10, 100.0), std::vector<double>(10, 110.0)};
  const auto outcome = [&](double now) {
    return against_runs(past, std::vector<double>(10, now), Better::lower, margins);
  };
  EXPECT_EQ(outcome(110 * 1.24).outcome, Outcome::as_before);
  EXPECT_EQ(outcome(110 * 1.26).outcome, Outcome::slower);
  EXPECT_FALSE(outcome(110).by_spread);
  EXPECT_NEAR(outcome(110).limit * outcome(110).before, 110 * 1.25, 1e-9);
  EXPECT_EQ(outcome(100 / 1.26).outcome, Outcome::faster);
}

TEST(AgainstRuns, OfARateLessIsSlower) {
  const std::vector<std::vector<double>> past{std::vector<double>(4, 100.0)};
  EXPECT_EQ(against_runs(past, std::vector<double>(4, 70.0), Better::higher, margins).outcome, Outcome::slower);
  EXPECT_EQ(against_runs(past, std::vector<double>(4, 140.0), Better::higher, margins).outcome, Outcome::faster);
  EXPECT_NEAR(against_runs(past, std::vector<double>(4, 50.0), Better::higher, margins).slowdown, 2, 1e-9);
}

TEST(AgainstRuns, BlocksThatScatterTooMuchDecideNothingWithFewRuns) {
  const std::vector<std::vector<double>> past{{10, 20, 30, 40, 50, 60}};
  const Change change = against_runs(past, std::vector<double>{12, 20, 44, 46, 70, 80}, Better::lower, margins);
  EXPECT_GT(change.slowdown, margins.few_runs);
  EXPECT_EQ(change.outcome, Outcome::as_before);
}

TEST(AgainstRuns, WithoutRunsOrWithValuesThatAreNoneNothingIsKnown) {
  const std::vector<std::vector<double>> past{{1, 2}, {}};
  EXPECT_EQ(against_runs({}, std::vector<double>{1}, Better::lower, margins).outcome, Outcome::unknown);
  EXPECT_EQ(against_runs(past, std::vector<double>{1}, Better::lower, margins).outcome, Outcome::unknown);
  EXPECT_EQ(against_runs(std::span(past).first(1), {}, Better::lower, margins).outcome, Outcome::unknown);
  EXPECT_EQ(against_runs(std::span(past).first(1), std::vector<double>{0}, Better::lower, margins).outcome,
            Outcome::unknown);
}

TEST(AgainstRuns, TheLastTwentyRunsCount) {
  std::vector<std::vector<double>> past(30, std::vector<double>(4, 1.0));
  for (std::size_t i = 10; i < past.size(); ++i) past[i].assign(4, 2.0);
  const Change change = against_runs(past, std::vector<double>(4, 2.0), Better::lower, margins);
  EXPECT_EQ(change.runs, most_runs);
  EXPECT_EQ(change.outcome, Outcome::as_before);
}

// ---- calibration

constexpr int trials = 1'000;

TEST(History, RunsLikeTheEarlierOnesRaiseNoAlarm) {
  for (const Better better : {Better::lower, Better::higher}) {
    for (const std::size_t runs : {5u, 8u, 20u}) {
      for (const double sigma : {0.005, 0.1}) {
        // 1 of 2000 is allowed, and as much again for what the leaving out of runs adds; 5 is far beyond chance.
        EXPECT_LE(alarms(steady(sigma), runs, 1, trials, better), 4) << sigma << ", " << runs << " runs";
      }
    }
    for (const std::size_t runs : {1u, 2u, 4u}) {
      EXPECT_LE(alarms(steady(0.04), runs, 1, trials, better), 2) << runs << " runs";
    }
  }
}

TEST(History, AQuietRunOfAMachineThatIsNowAndThenDisturbedRaisesNoAlarm) {
  for (const std::size_t runs : {1u, 4u, 5u, 8u, 12u, 20u}) {
    EXPECT_LE(alarms(disturbed_now_and_then(), runs, 1, trials, Better::lower, steady(0.015)), 2) << runs << " runs";
  }
}

TEST(History, WhatIsSlowerIsSeen) {
  // Few runs: what lies well beyond the margin.
  for (const std::size_t runs : {1u, 2u, 4u}) {
    EXPECT_GE(alarms(steady(0.02), runs, 1.45, trials), trials * 97 / 100) << runs << " runs";
  }
  // Ten and twenty runs that differ by 1.5 %.
  for (const Better better : {Better::lower, Better::higher}) {
    EXPECT_GE(alarms(steady(0.015), 10, 1.22, trials, better), trials * 97 / 100);
    EXPECT_GE(alarms(steady(0.015), 20, 1.17, trials, better), trials * 97 / 100);
  }
}

TEST(History, ADisturbedRunAmongTheEarlierOnesHidesLittle) {
  EXPECT_GE(alarms(disturbed_now_and_then(), 12, 1.2, trials, Better::lower, steady(0.015)), trials * 80 / 100);
}

TEST(History, ANoisyMachineIsJudgedByItsOwnNoise) {
  EXPECT_LE(alarms(steady(0.3), 10, 1.3, trials), trials / 20);
  EXPECT_GE(alarms(steady(0.005), 10, 1.3, trials), trials - 2);
}

}  // namespace
}  // namespace rocekit::measure
