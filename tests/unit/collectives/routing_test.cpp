// Which rank sends how much to which when tokens choose experts.
#include "collectives/traffic/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/error.h"

namespace rocekit::traffic {
namespace {

using testing::HasSubstr;

TEST(Routing, EveryTokenGoesToAsManyExpertsAsItTakes) {
  const PairBytes copies = route({}, 128, 8, 4, 100);
  for (std::size_t from = 0; from < 4; ++from) {
    EXPECT_EQ(copies.sent_by(from) + copies.at(from, from), 800U);
  }
}

TEST(Routing, UniformChoiceSpreadsEvenly) {
  const PairBytes copies = route({}, 128, 8, 4, 4000);
  for (const std::uint64_t cell : copies.bytes) {
    EXPECT_NEAR(static_cast<double>(cell), 8000.0, 500.0);  // deviation of such a sum: about 75
  }
}

TEST(Routing, IsTheSameForTheSameSeedOnEveryMachine) {
  Routing routing = parse_routing("zipf:1.2");
  EXPECT_EQ(route(routing, 128, 8, 2, 64), route(routing, 128, 8, 2, 64));
  const PairBytes known = route({}, 8, 2, 2, 4);
  EXPECT_THAT(known.bytes, testing::ElementsAre(5, 3, 6, 2));
  Routing other = routing;
  other.seed = 2;
  EXPECT_NE(route(routing, 128, 8, 2, 64), route(other, 128, 8, 2, 64));
}

TEST(Routing, ExpertsOfATokenAreDifferent) {
  // As many experts as a token takes: each rank holds half of them, so exactly half of the copies stay.
  Routing skewed = parse_routing("zipf:10");
  const PairBytes copies = route(skewed, 8, 8, 2, 10);
  EXPECT_THAT(copies.bytes, testing::Each(40U));
}

TEST(Routing, ZipfLoadsOneRankMoreThanTheOther) {
  const PairBytes uniform = route({}, 64, 1, 2, 20000);
  const PairBytes zipf = route(parse_routing("zipf:2"), 64, 1, 2, 20000);
  const auto imbalance = [](const PairBytes& pairs) {
    const double a = static_cast<double>(pairs.at(0, 0) + pairs.at(1, 0));
    const double b = static_cast<double>(pairs.at(0, 1) + pairs.at(1, 1));
    return std::max(a, b) / (a + b);
  };
  EXPECT_LT(imbalance(uniform), 0.52);
  EXPECT_GT(imbalance(zipf), 0.6);  // the first expert alone takes 61 % of the tokens
}

TEST(Routing, RecordedHistogramDecidesTheShares) {
  Routing routing;
  routing.kind = Routing::Kind::histogram;
  routing.counts = {3, 0, 0, 1};  // experts 0 and 1 on rank 0
  const PairBytes copies = route(routing, 4, 1, 2, 10000);
  EXPECT_NEAR(static_cast<double>(copies.at(0, 0)), 7500, 300);
  EXPECT_NEAR(static_cast<double>(copies.at(1, 1)), 2500, 300);
}

TEST(Routing, ExpertsLieOnRanksInOrderTheFirstHoldingOneMore) {
  std::vector<std::uint64_t> held(3);
  for (std::uint64_t expert = 0; expert < 8; ++expert) ++held[rank_of_expert(expert, 8, 3)];
  EXPECT_THAT(held, testing::ElementsAre(3, 3, 2));
  EXPECT_EQ(rank_of_expert(2, 8, 3), 0U);
  EXPECT_EQ(rank_of_expert(3, 8, 3), 1U);
  EXPECT_EQ(rank_of_expert(1, 2, 4), 1U);
}

TEST(Routing, WordsAndHistogramsThatCannotBeUsed) {
  EXPECT_EQ(parse_routing("ZIPF").exponent, 1);
  for (const char* word : {"", "zip", "zipf:", "zipf:x", "zipf:-1", "zipf:11", "zipf:nan", "zipf:0x1"}) {
    EXPECT_THROW(parse_routing(word), InputError) << word;
  }
  EXPECT_THAT(parse_expert_histogram("[1, 2.5\n3e2]", "h"), testing::ElementsAre(1, 2.5, 300));
  for (const char* text : {"", "[]", "1 -2", "1 inf", "1e999", "a"}) {
    EXPECT_THROW(parse_expert_histogram(text, "h"), InputError) << text;
  }
  Routing routing;
  routing.kind = Routing::Kind::histogram;
  routing.counts = {1, 0, 0, 0};
  EXPECT_THROW(route(routing, 4, 2, 2, 1), InputError);  // one expert chosen ever, two needed
  EXPECT_THROW(route(routing, 8, 1, 2, 1), InputError);  // of another model
  EXPECT_THROW(route({}, 8, 9, 2, 1), InputError);
  EXPECT_THROW(route({}, 8, 8, 1024, 1U << 24U), InputError);
}

}  // namespace
}  // namespace rocekit::traffic
