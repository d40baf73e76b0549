// Synthetic patterns, and algorithm and bus bandwidth.
#include "collectives/traffic/patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/traffic/bus_bandwidth.h"
#include "core/error.h"

namespace rocekit::traffic {
namespace {

Operation plan(Pattern pattern, std::uint64_t ranks, std::uint64_t bytes) {
  PatternRequest request;
  request.pattern = pattern;
  request.ranks = ranks;
  request.size_bytes = bytes;
  return plan_pattern(request);
}

TEST(BusBandwidth, FactorsAreThoseOfNcclTests) {
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::all_reduce, 2), 1);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::all_reduce, 8), 1.75);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::all_gather, 4), 0.75);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::reduce_scatter, 4), 0.75);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::all_to_all, 2), 0.5);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::send_recv, 4), 1);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::broadcast, 4), 1);
  EXPECT_DOUBLE_EQ(bus_factor(OpKind::all_reduce, 1), 0);
}

TEST(BusBandwidth, IsSizeOverTimeTimesTheFactor) {
  // 128 MiB all-reduce in 612 us on 4 ranks: 219.3 GB/s of algorithm, 329.0 of bus bandwidth.
  EXPECT_NEAR(algorithm_bandwidth_gb_s(134217728, 612e-6), 219.3, 0.1);
  EXPECT_NEAR(bus_bandwidth_gb_s(OpKind::all_reduce, 4, 134217728, 612e-6), 329.0, 0.1);
  EXPECT_EQ(algorithm_bandwidth_gb_s(8, 0), 0);
}

TEST(Patterns, SizeIsThatOfNcclTests) {
  EXPECT_EQ(plan(Pattern::all_reduce, 4, 4096).bytes_per_rank(), 4096U);
  EXPECT_EQ(plan(Pattern::all_gather, 4, 4096).bytes_per_rank(), 1024U);
  EXPECT_EQ(plan(Pattern::all_gather, 4, 4096).size_bytes(), 4096U);
  EXPECT_EQ(plan(Pattern::reduce_scatter, 4, 4096).bytes_per_rank(), 4096U);
  EXPECT_EQ(plan(Pattern::all_to_all, 3, 4096).size_bytes(), 4092U);  // whole elements for each rank
  EXPECT_EQ(plan(Pattern::all_reduce, 2, 3).bytes_per_rank(), 2U);
  EXPECT_EQ(plan(Pattern::ping_pong, 8, 64).ranks, 2U);
  EXPECT_EQ(plan(Pattern::ring, 8, 64).ranks, 8U);
}

TEST(Patterns, SkewSendsTheFirstRankMost) {
  PatternRequest request;
  request.pattern = Pattern::all_to_all_v;
  request.ranks = 3;
  request.size_bytes = 6000;
  request.type = DataType::bytes;
  const Operation skewed = plan_pattern(request);
  ASSERT_TRUE(skewed.pairs);
  EXPECT_NEAR(static_cast<double>(skewed.pairs->at(1, 0)), 6000 / (1 + 1.0 / 2 + 1.0 / 3), 1.5);
  EXPECT_NEAR(static_cast<double>(skewed.pairs->at(1, 2)), 2000 / (1 + 1.0 / 2 + 1.0 / 3), 1.5);
  EXPECT_EQ(skewed.wire_bytes_per_rank(), 2.0 * static_cast<double>(skewed.pairs->at(1, 0)));  // into rank 0
  EXPECT_THAT(skewed.what, testing::HasSubstr("rank 0 is sent 55 % of what each rank hands in"));
  request.skew = 0;
  EXPECT_THAT(plan_pattern(request).pairs->bytes, testing::Each(2000U));
  EXPECT_EQ(plan_pattern(request).what, "all-to-all-v");
}

TEST(Patterns, SkewLeavesTheSizeThatWasAskedFor) {
  PatternRequest request;
  request.pattern = Pattern::all_to_all_v;
  for (const double skew : {0.0, 0.5, 1.2, 10.0}) {
    for (const std::uint64_t ranks : {2U, 3U, 8U, 100U}) {
      for (const std::uint64_t bytes : {2048U, 4096U, 1U << 20U}) {
        SCOPED_TRACE(testing::Message() << skew << ' ' << ranks << ' ' << bytes);
        request.skew = skew;
        request.ranks = ranks;
        request.size_bytes = bytes;
        const Operation operation = plan_pattern(request);
        EXPECT_EQ(operation.size_bytes(), bytes);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
          EXPECT_EQ(operation.pairs->sent_by(rank) + operation.pairs->at(rank, rank), bytes);
        }
        EXPECT_THAT(operation.pairs->bytes, testing::Each(testing::Ge(2U)));
      }
    }
  }
}

TEST(Patterns, SizesThatHoldNoElementForEachRankAreRefused) {
  const auto sentence = [](Pattern pattern, std::uint64_t ranks, std::uint64_t bytes) -> std::string {
    try {
      plan(pattern, ranks, bytes);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(sentence(Pattern::all_reduce, 2, 0),
            "a size of 0 B is too small: all-reduce of bf16 moves 2 B or more, one element");
  EXPECT_EQ(sentence(Pattern::broadcast, 4, 2), "");
  for (const Pattern pattern :
       {Pattern::all_gather, Pattern::reduce_scatter, Pattern::all_to_all, Pattern::all_to_all_v}) {
    EXPECT_THAT(sentence(pattern, 4, 7), testing::HasSubstr("8 B or more, one element for each of 4 ranks"));
    EXPECT_EQ(sentence(pattern, 4, 8), "");
  }
}

TEST(Patterns, AreNamedInManySpellings) {
  EXPECT_EQ(pattern_named("allreduce"), Pattern::all_reduce);
  EXPECT_EQ(pattern_named("All-Reduce"), Pattern::all_reduce);
  EXPECT_EQ(pattern_named("sendrecv"), Pattern::ping_pong);
  EXPECT_EQ(pattern_named("sendrecv-ring"), Pattern::ring);
  EXPECT_EQ(pattern_named("reduce_scatter"), Pattern::reduce_scatter);
  EXPECT_EQ(pattern_named("tp2"), std::nullopt);
  EXPECT_EQ(pattern_named(""), std::nullopt);
  EXPECT_EQ(op_kind_named("ncclAllReduce"), std::nullopt);
  EXPECT_EQ(op_kind_named("AllReduce"), OpKind::all_reduce);
  EXPECT_EQ(op_kind_named("all_to_all_v"), OpKind::all_to_all_v);
  EXPECT_EQ(op_kind_named(""), std::nullopt);
  EXPECT_EQ(op_kind_named("42"), std::nullopt);
}

TEST(Patterns, OutOfRangeIsRefused) {
  EXPECT_THROW(plan(Pattern::all_reduce, 1, 8), InputError);
  EXPECT_THROW(plan(Pattern::all_reduce, 2, (1ULL << 40U) + 1), InputError);
}

}  // namespace
}  // namespace rocekit::traffic
