#include "core/measure/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/measure/detectors.h"
#include "noise.h"

namespace rocekit::measure {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Noise;
using Kind = Warning::Kind;

std::vector<Kind> kinds_of(const std::vector<Warning>& warnings) {
  std::vector<Kind> kinds;
  for (const Warning& warning : warnings) kinds.push_back(warning.kind);
  return kinds;
}

const std::vector<double> steady_blocks{5.0, 5.1, 4.9, 5.05, 4.95, 5.0, 5.1, 4.9, 5.0, 5.05};

std::vector<double> clean(std::size_t count, std::uint64_t seed = 1) {
  return Noise(seed).series(count, [](Noise& n) { return 5 * n.log_normal(0.05); });
}

// ---- each kind is seen, and said with its numbers

TEST(ExamineSamples, IsQuietOnCleanSamples) { EXPECT_THAT(examine_samples(clean(5'000), steady_blocks), IsEmpty()); }

TEST(ExamineSamples, SeesASingleStallThatHoldsAShareOfTheTime) {
  std::vector<double> samples = clean(5'000);
  samples[1'234] = 10'000;
  const auto warnings = examine_samples(samples, steady_blocks);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::outliers));
  EXPECT_THAT(warnings[0].text, AllOf(HasSubstr("1 of 5000 samples"), HasSubstr("hold 29 % of the time")));
}

TEST(ExamineSamples, SeesManySmallOutliers) {
  std::vector<double> samples = clean(5'000);
  for (std::size_t i = 0; i < samples.size(); i += 400) samples[i] = 15;
  EXPECT_THAT(kinds_of(examine_samples(samples, steady_blocks)), ElementsAre(Kind::outliers));
}

TEST(ExamineSamples, SeesADrift) {
  std::vector<double> blocks = steady_blocks;
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] *= 1 + 0.02 * static_cast<double>(i);
  const auto warnings = examine_samples(clean(5'000), blocks);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::drift));
  EXPECT_THAT(warnings[0].text, HasSubstr("rose by 1"));
  std::reverse(blocks.begin(), blocks.end());
  EXPECT_THAT(examine_samples(clean(5'000), blocks)[0].text, HasSubstr("fell by 1"));
}

TEST(ExamineSamples, SeesTwoModes) {
  const auto samples = Noise(2).series(5'000, [](Noise& n) { return (n.happens(0.3) ? 7 : 5) * n.log_normal(0.04); });
  const auto warnings = examine_samples(samples, steady_blocks);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::bimodal));
  const auto modes = find_modes(samples);
  ASSERT_TRUE(modes);
  EXPECT_NEAR(modes->low, 5, 0.2);
  EXPECT_NEAR(modes->high, 7, 0.3);
  EXPECT_NEAR(modes->high_share, 0.3, 0.02);
  EXPECT_THAT(warnings[0].text, HasSubstr("1.4"));
}

TEST(ExamineSamples, SeesNoFallOfMoreThanAll) {
  std::vector<double> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(1000.0 / (1 << i));
  const auto warnings = examine_samples({}, blocks);
  ASSERT_THAT(kinds_of(warnings), ::testing::Contains(Kind::drift));
  EXPECT_GT(find_drift(blocks)->change, -1);
}

TEST(ExamineSamples, SeesASlowFirstBlockAndDoesNotCallItADrift) {
  std::vector<double> blocks = steady_blocks;
  blocks[0] = 9;
  const auto warnings = examine_samples(clean(5'000), blocks);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::slow_first));
  EXPECT_THAT(warnings[0].text, AllOf(HasSubstr("80 % above"), HasSubstr("not warm")));
  blocks[0] = 2;  // of rates, a slow block is a low one
  EXPECT_THAT(examine_samples({}, blocks)[0].text, HasSubstr("60 % below"));
}

TEST(ExamineSamples, SaysWhenThereAreTooFew) {
  const auto warnings = examine_samples(clean(999), steady_blocks);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::too_few_samples));
  EXPECT_THAT(warnings[0].text, HasSubstr("999 samples"));
}

TEST(ExamineSamples, TakesBlocksAloneAndNothingAtAll) {
  EXPECT_THAT(examine_samples({}, steady_blocks), IsEmpty());
  EXPECT_THAT(examine_samples({}, {}), IsEmpty());
  EXPECT_THAT(examine_samples(std::vector<double>(5'000, 0.0), std::vector<double>(10, 0.0)), IsEmpty());
}

TEST(ExamineDropped, SpeaksOnlyOfDroppedSamples) {
  EXPECT_FALSE(examine_dropped(10, 0));
  const auto warning = examine_dropped(900, 100);
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->kind, Kind::dropped_samples);
  EXPECT_THAT(warning->text, HasSubstr("100 of 1000 samples"));
}

// ---- none is seen that is not there

struct Shape {
  std::string name;
  std::function<double(Noise&)> draw;
};
std::vector<Shape> harmless_shapes() {
  const auto ticks_of = [](double tick, double sigma) {
    return [tick, sigma](Noise& n) { return tick * std::round(5 * n.log_normal(sigma) / tick); };
  };
  return {
      {"log-normal", [](Noise& n) { return n.log_normal(0.1); }},
      {"narrow log-normal", [](Noise& n) { return n.log_normal(0.005); }},
      {"wide log-normal", [](Noise& n) { return n.log_normal(0.5); }},
      {"least time and an exponential", [](Noise& n) { return 4 + n.exponential(); }},
      {"uniform", [](Noise& n) { return 4 + 2 * n.uniform(); }},
      {"ticks of a fiftieth", ticks_of(0.1, 0.05)},
      {"ticks of a fifth", ticks_of(1, 0.2)},
      {"ticks wider than the noise", ticks_of(1, 0.05)},
      {"ticks that divide no bin evenly", ticks_of(0.37, 0.3)},
      {"two neighbouring ticks", [](Noise& n) { return n.happens(0.4) ? 5.0 : 4.0; }},
      {"a shoulder of 3 % twice as long", [](Noise& n) { return (n.happens(0.03) ? 2 : 1) * n.log_normal(0.05); }},
      {"two heaps that run into each other", [](Noise& n) { return (n.happens(0.5) ? 1.25 : 1) * n.log_normal(0.08); }},
      {"constant", [](Noise&) { return 5.0; }},
  };
}

/// Numbers of samples, and of seeds to try.
const std::vector<std::pair<std::size_t, std::uint64_t>> sizes{{500, 20}, {3'000, 10}, {20'000, 2}};

TEST(FalseAlarms, ModesAreNotSeenInSamplesWithOne) {
  for (const Shape& shape : harmless_shapes()) {
    int alarms = 0;
    for (const auto& [count, seeds] : sizes) {
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        alarms += find_modes(Noise(seed).series(count, shape.draw)).has_value();
      }
    }
    EXPECT_EQ(alarms, 0) << shape.name;
  }
}

TEST(FalseAlarms, OutliersAreNotSeenInSamplesWithOneScale) {
  for (const Shape& shape : harmless_shapes()) {
    if (shape.name.find("shoulder") != std::string::npos) continue;  // those are outliers
    int alarms = 0;
    for (const auto& [count, seeds] : sizes) {
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        alarms += find_outliers(Noise(seed).series(count, shape.draw)).has_value();
      }
    }
    EXPECT_EQ(alarms, 0) << shape.name;
  }
}

TEST(FalseAlarms, DriftAndSlowFirstAreRareOnBlocksWithoutAnOrder) {
  constexpr int runs = 1'000;
  for (const std::size_t count : {8u, 10u, 16u, 40u}) {
    for (const double sigma : {0.02, 0.1, 0.5}) {
      int drifts = 0;
      int slow_firsts = 0;
      for (std::uint64_t seed = 0; seed < runs; ++seed) {
        const auto blocks = Noise(seed).series(count, [&](Noise& n) { return n.log_normal(sigma); });
        drifts += find_drift(blocks).has_value();
        slow_firsts += find_slow_first(blocks).has_value();
      }
      // 1 % by its level, and three standard deviations.
      EXPECT_LE(drifts, 20) << count << ' ' << sigma;
      EXPECT_LE(slow_firsts, 20) << count << ' ' << sigma;
    }
  }
}

TEST(FalseAlarms, ADriftOfLessThanAnyoneCaresForIsNotSeen) {
  std::vector<double> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(5 * (1 + 0.002 * i));  // 3.9 %, without any noise
  EXPECT_FALSE(find_drift(blocks));
  for (int i = 0; i < 20; ++i) blocks[static_cast<std::size_t>(i)] = 5 * (1 + 0.003 * i);
  EXPECT_TRUE(find_drift(blocks));
  EXPECT_FALSE(find_drift({blocks.data(), 7}));
}

TEST(Detection, TwoModesAreSeenWhateverTheirShares) {
  for (const double share : {0.15, 0.3, 0.5, 0.7, 0.85}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const auto samples =
          Noise(seed).series(2'000, [&](Noise& n) { return (n.happens(share) ? 1.3 : 1) * n.log_normal(0.05); });
      const auto modes = find_modes(samples);
      ASSERT_TRUE(modes) << share << ' ' << seed;
      EXPECT_NEAR(modes->high_share, share, 0.05);
    }
  }
}

TEST(Detection, TwoModesAreSeenThroughCoarseTicksAndATail) {
  const auto draw = [](Noise& n) {
    const double exact = (n.happens(0.4) ? 9 : 5) * n.log_normal(0.05) + (n.happens(0.02) ? 50 * n.exponential() : 0);
    return 0.25 * std::round(exact / 0.25);
  };
  EXPECT_TRUE(find_modes(Noise(9).series(3'000, draw)));
}

// ---- the place

TEST(ExaminePlace, IsQuietAboutAPlaceThatIsRightOrUnknown) {
  EXPECT_THAT(examine_place({}), IsEmpty());
  CpuPlace place;
  place.cpu = 3;
  place.governor = "performance";
  place.numa_node = 1;
  place.device_numa_node = 1;
  EXPECT_THAT(examine_place(place), IsEmpty());
  place.device_numa_node = -1;
  EXPECT_THAT(examine_place(place), IsEmpty());
}

TEST(ExaminePlace, NamesAGovernorThatSavesPower) {
  CpuPlace place;
  place.cpu = 3;
  place.governor = "powersave";
  EXPECT_THAT(examine_place(place),
              ElementsAre(AllOf(Field(&Warning::kind, Kind::governor),
                                Field(&Warning::text, AllOf(HasSubstr("CPU 3"), HasSubstr("powersave"))))));
  place.frequency_driver = "intel_pstate";  // its powersave follows the load
  EXPECT_THAT(examine_place(place), IsEmpty());
  place.governor = "schedutil";
  EXPECT_THAT(kinds_of(examine_place(place)), ElementsAre(Kind::governor));
}

TEST(ExaminePlace, NamesACpuFarFromTheDevice) {
  CpuPlace place;
  place.cpu = 3;
  place.numa_node = 0;
  place.device_numa_node = 1;
  place.device = "mlx5_4";
  const auto warnings = examine_place(place);
  ASSERT_THAT(kinds_of(warnings), ElementsAre(Kind::wrong_numa_node));
  EXPECT_THAT(warnings[0].text, AllOf(HasSubstr("CPU 3"), HasSubstr("node 0"), HasSubstr("mlx5_4 on node 1")));
}

TEST(ExamineLaunches, TellsWhenTheTimeIsThatOfTheCpuThatEnqueues) {
  const auto warning = examine_launches(0.98, 6.6);
  ASSERT_TRUE(warning.has_value());
  EXPECT_EQ(warning->kind, Kind::launch_bound);
  EXPECT_THAT(warning->text, AllOf(HasSubstr("98 %"), HasSubstr("6.6 us"), HasSubstr("CUDA graph")));
  EXPECT_EQ(examine_launches(0.7, 6.6), std::nullopt);
}

TEST(WarningKind, HasAWordOfItsOwn) {
  std::vector<std::string> words;
  for (const Kind kind :
       {Kind::outliers, Kind::drift, Kind::bimodal, Kind::slow_first, Kind::governor, Kind::wrong_numa_node,
        Kind::too_few_samples, Kind::dropped_samples, Kind::slow_core, Kind::launch_bound}) {
    words.emplace_back(to_string(kind));
  }
  EXPECT_THAT(words, ElementsAre("outliers", "drift", "bimodal", "slow-first", "governor", "wrong-numa-node",
                                 "too-few-samples", "dropped-samples", "slow-core", "launch-bound"));
}

}  // namespace
}  // namespace rocekit::measure
