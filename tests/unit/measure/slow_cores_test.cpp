#include "core/measure/slow_cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/measure/clock.h"
#include "core/measure/core_work.h"

namespace rocekit::measure {
namespace {

using ::testing::AllOf;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string name_of(int rank) { return "rank " + std::to_string(rank); }

/// As two ranks found their cores in six blocks: rank 1's was slowed in the last three.
const CoreWork work{{0, {1000, 1010, 1040, 1000, 1000, 1000}}, {1, {2000, 2100, 2000, 3000, 2900, 3000}}};

FastestCores cores_of(const CoreWork& all) {
  FastestCores cores;
  cores.add(all);
  return cores;
}

TEST(CoreWork, TakesTimeThatIsTheCores) {
  const Clock clock = Clock::calibrated();
  const double ns = core_work_ns(clock);
  EXPECT_GT(ns, 500);  // 2000 rounds of a dozen operations
}

TEST(FastestCores, EachBlockIsHeldAgainstTheBestOfItsRank) {
  EXPECT_THAT(cores_of(work).slowdowns(work),
              ElementsAre(DoubleEq(1), DoubleEq(1.05), DoubleEq(1.04), DoubleEq(1.5), DoubleEq(1.45), DoubleEq(1.5)));
  EXPECT_THAT(cores_of(work).slowdowns({}), IsEmpty());
}

TEST(FastestCores, TellHowMuchLongerBlocksOnASlowedCoreTook) {
  const auto warning = cores_of(work).examine(std::vector<double>{6.5, 6.7, 6.6, 9.8, 10.0, 9.9}, work, name_of);
  ASSERT_TRUE(warning.has_value());
  EXPECT_EQ(warning->kind, Warning::Kind::slow_core);
  EXPECT_THAT(warning->text, AllOf(HasSubstr("3 of 6 blocks"), HasSubstr("1.50 times as long"),
                                   HasSubstr("1.5 times slower"), HasSubstr("rank 1"), Not(HasSubstr("rank 0"))));
}

TEST(FastestCores, AreQuietWhereTheCoreDidNotMatter) {
  EXPECT_EQ(cores_of(work).examine(std::vector<double>{500, 510, 501, 505, 500, 502}, work, name_of), std::nullopt);
  const CoreWork steady{{0, {1000, 1050, 1100, 1000}}};
  EXPECT_EQ(cores_of(steady).examine(std::vector<double>{6, 7, 8, 9}, steady, name_of), std::nullopt);
}

TEST(FastestCores, AreNotBlamedForWhatTheyCannotHaveDone) {
  EXPECT_EQ(cores_of(work).examine(std::vector<double>{10, 10, 11, 900, 950, 1000}, work, name_of), std::nullopt);
  const CoreWork once{{0, {1000, 1000, 1000, 1500}}};
  EXPECT_EQ(cores_of(once).examine(std::vector<double>{10, 10, 11, 14}, once, name_of), std::nullopt);
}

TEST(FastestCores, NameAFewOfManyRanks) {
  CoreWork many;
  for (int rank = 0; rank < 8; ++rank) many[rank] = {1000, 1500, 1500, 1500, 1000, 1000};
  const auto warning = cores_of(many).examine(std::vector<double>{6, 9, 9, 9, 6, 6}, many, name_of);
  ASSERT_TRUE(warning.has_value());
  EXPECT_THAT(warning->text, HasSubstr("(rank 0, rank 1, rank 2 and 5 more)"));
}

TEST(FastestCores, TellOfShortOperationsThatWereNeverMeasuredOnAFreeCore) {
  FastestCores cores = cores_of(work);
  const CoreWork slowed{{1, {2900, 3100, 3000}}};
  cores.add(slowed);
  const auto warning = cores.examine(std::vector<double>{9.8, 10.0, 9.9}, slowed, name_of);
  ASSERT_TRUE(warning.has_value());
  EXPECT_THAT(warning->text, HasSubstr("all 3 blocks"));
  EXPECT_EQ(cores.examine(std::vector<double>{9800, 10000, 9900}, slowed, name_of), std::nullopt);
}

}  // namespace
}  // namespace rocekit::measure
