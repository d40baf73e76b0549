// The arithmetic of a prediction, its interval, and what it says of itself.
#include "collectives/predict/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "collectives/predict/latency_file.h"
#include "core/error.h"

namespace rocekit::predict {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* both_sides =
    "op,transport,size,p50_us,p10_us,p90_us\n"
    "all-reduce,socket,4K,120,110,140\nall-gather,socket,256K,200,190,220\nall-gather,socket,512K,210,190,230\n"
    "all-reduce,rdma,4K,14,13,16\nall-gather,rdma,256K,40,38,45\nall-gather,rdma,512K,60,55,70\n";

PredictionRequest request_for(const char* mode, std::optional<double> tok_s) {
  traffic::StepRequest step;
  step.model = traffic::model_named("qwen3-coder-30b-a3b");
  step.mode = traffic::parse_parallelism(mode);
  PredictionRequest request;
  request.step = traffic::plan_step(step);
  request.measured_on = "socket";
  request.predicted_on = "rdma";
  request.tok_s = tok_s;
  return request;
}

LatencyTable table_of(const std::string& csv) { return read_latencies(csv, "table"); }

TEST(Prediction, TakesTheSavingOfEveryOperationFromTheMeasuredStep) {
  const Prediction prediction = predict(request_for("tp2", 45.3), table_of(both_sides));
  // The logits gather is 303872 bytes in all: between 256 and 512 KiB.
  const double part = std::log2(303872.0 / 262144.0);
  const double gather_a = 200 * std::pow(210.0 / 200.0, part);
  const double gather_b = 40 * std::pow(60.0 / 40.0, part);
  EXPECT_NEAR(prediction.communication_a_ms, (97 * 120 + gather_a) / 1000, 1e-9);
  EXPECT_NEAR(prediction.communication_b_ms, (97 * 14 + gather_b) / 1000, 1e-9);
  ASSERT_TRUE(prediction.tok_s);
  EXPECT_NEAR(*prediction.tok_s, 1e6 / (1e6 / 45.3 - (97 * 106 + gather_a - gather_b)), 1e-9);
  EXPECT_NEAR(*prediction.step_a_ms, 22.075, 0.001);
  EXPECT_NEAR(*prediction.rest_ms, *prediction.step_a_ms - prediction.communication_a_ms, 1e-9);
  EXPECT_NEAR(prediction.ceiling_b_tok_s, 1000 / prediction.communication_b_ms, 1e-9);
  EXPECT_THAT(prediction.extrapolations, IsEmpty());
  EXPECT_THAT(prediction.warnings, IsEmpty());
}

TEST(Prediction, WhatIsSkewedTakesAsLongAsItsBusiestRank) {
  constexpr const char* in_proportion =
      "op,transport,size,p50_us\nall-to-all,socket,1K,10\nall-to-all,socket,1M,10240\nall-reduce,socket,32,1\n"
      "all-to-all,rdma,1K,1\nall-to-all,rdma,1M,1024\nall-reduce,rdma,32,1\n";
  traffic::StepRequest step;
  step.model = traffic::model_named("qwen3-coder-30b-a3b");
  step.mode = traffic::parse_parallelism("ep2");
  step.form = traffic::ExpertForm::dispatch_combine;
  PredictionRequest request;
  request.measured_on = "socket";
  request.predicted_on = "rdma";
  const auto dispatch_us = [&](double exponent) {
    step.routing.kind = traffic::Routing::Kind::zipf;
    step.routing.exponent = exponent;
    request.step = traffic::plan_step(step);
    return predict(request, table_of(in_proportion)).operations.front().a.latency.p50_us;
  };
  EXPECT_GT(dispatch_us(3), 1.2 * dispatch_us(0));
}

TEST(Prediction, IntervalPutsTheTransportsAtOppositePercentiles) {
  const Prediction prediction = predict(request_for("tp2", 45.3), table_of(both_sides));
  ASSERT_TRUE(prediction.interval);
  EXPECT_LT(prediction.interval->low, *prediction.tok_s);
  EXPECT_GT(prediction.interval->high, *prediction.tok_s);
  const auto flat = [](const char* rows) {
    return table_of(std::string("op,transport,size,p50_us,p10_us,p90_us\n") + rows);
  };
  const Prediction simple =
      predict(request_for("tp2", 45.3), flat("allreduce,socket,4K,100,90,130\nallreduce,rdma,4K,10,8,20\n"
                                             "allreduce,socket,1M,100,90,130\nallreduce,rdma,1M,10,8,20\n"));
  EXPECT_NEAR(simple.interval->low, 1e6 / (1e6 / 45.3 - 98 * (90 - 20)), 1e-6);
  EXPECT_NEAR(simple.interval->high, 1e6 / (1e6 / 45.3 - 98 * (130 - 8)), 1e-6);
  const Prediction none =
      predict(request_for("tp2", 45.3), flat("allreduce,socket,4K,100,90,\nallreduce,rdma,4K,10,,20\n"
                                             "allreduce,socket,1M,100,,\nallreduce,rdma,1M,10,,\n"));
  EXPECT_FALSE(none.interval);
  EXPECT_THAT(none.assumptions, Contains(HasSubstr("no interval")));
}

TEST(Prediction, SaysWhichOperationsTheIntervalTakesAtTheirMedian) {
  const Prediction prediction =
      predict(request_for("tp2", 45.3), table_of("op,transport,size,p50_us,p10_us,p90_us\n"
                                                 "all-reduce,socket,4K,100,90,130\nall-reduce,rdma,4K,10,8,20\n"
                                                 "all-gather,socket,303872,200,190,210\n"
                                                 "all-gather,rdma,303872,50,,60\n"));
  EXPECT_NEAR(prediction.interval->low, 1e6 / (1e6 / 45.3 - 97 * (90 - 20) - (190 - 50)), 1e-6);
  EXPECT_THAT(prediction.assumptions, Contains(HasSubstr("the interval takes all-gather of 297 KiB on rdma at p50")));
}

TEST(Prediction, OfTheMeasuredTransportItselfIsRefused) {
  PredictionRequest request = request_for("tp2", 45.3);
  request.predicted_on = "socket";
  try {
    predict(request, table_of(both_sides));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("socket is both"));
  }
}

TEST(Prediction, LatenciesTimedInDifferentWaysAreNotCompared) {
  const LatencyTable table =
      table_of("op,transport,size,timing,p50_us\nall-reduce,socket,4K,isolated,100\nall-reduce,rdma,4K,graph,10\n");
  try {
    predict(request_for("tp2", 45.3), table);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("socket and rdma were not timed in the same way"));
  }
}

TEST(Prediction, AndBackAgainGivesTheMeasuredValue) {
  const LatencyTable table = table_of(both_sides);
  const double there = *predict(request_for("tp2", 45.3), table).tok_s;
  PredictionRequest back = request_for("tp2", there);
  std::swap(back.measured_on, back.predicted_on);
  EXPECT_NEAR(*predict(back, table).tok_s, 45.3, 1e-9);
}

TEST(Prediction, LatenciesThatTakeLongerThanTheStepPredictNothing) {
  const Prediction prediction = predict(request_for("tp2", 200), table_of(both_sides));
  EXPECT_FALSE(prediction.tok_s);
  EXPECT_FALSE(prediction.interval);
  EXPECT_LT(*prediction.rest_ms, 0);
  EXPECT_THAT(prediction.warnings, Contains(HasSubstr("nothing is predicted")));
  EXPECT_GT(prediction.ceiling_b_tok_s, 0);
}

TEST(Prediction, WithoutTokensOnlyCeilingsAreGiven) {
  const Prediction prediction = predict(request_for("tp2", std::nullopt), table_of(both_sides));
  EXPECT_FALSE(prediction.tok_s);
  EXPECT_FALSE(prediction.rest_ms);
  EXPECT_NEAR(prediction.ceiling_a_tok_s, 1000 / prediction.communication_a_ms, 1e-9);
}

TEST(Prediction, NamesExtrapolationsAndStandIns) {
  const Prediction prediction = predict(
      request_for("tp2", 45.3), table_of("op,transport,size,p50_us\nallreduce,socket,8,100\nallreduce,rdma,8,10\n"
                                         "allreduce,socket,64,100\nallreduce,rdma,64,10\n"));
  EXPECT_THAT(prediction.extrapolations, Contains(HasSubstr("all-reduce of 4 KiB on socket lies outside")));
  EXPECT_THAT(prediction.extrapolations, Contains(HasSubstr("the sizes of the table (8 B to 64 B)")));
  const Prediction one =
      predict(request_for("tp2", 45.3), table_of("op,transport,size,p50_us\nallreduce,socket,4K,100\n"
                                                 "allreduce,rdma,4K,10\nallgather,socket,297K,200\n"
                                                 "allgather,rdma,297K,50\n"));
  EXPECT_THAT(one.extrapolations,
              Contains(HasSubstr("303872 B on rdma lies outside the sizes of the table (297 KiB alone)")));
  EXPECT_THAT(prediction.extrapolations, Contains(HasSubstr("no all-gather on rdma: the latency of all-reduce")));
}

TEST(Prediction, SpeculationCoversAllItMayYieldUnlessTold) {
  PredictionRequest request = request_for("tp2", 60);
  traffic::StepRequest step = request.step.request;
  step.draft_tokens = 1;
  request.step = traffic::plan_step(step);
  const Prediction open = predict(request, table_of(both_sides));
  ASSERT_TRUE(open.interval);
  EXPECT_EQ(open.tokens_per_step, 1.5);
  EXPECT_THAT(open.warnings, Contains(HasSubstr("covers 1 to 2")));
  request.accepted_tokens = 1.8;
  const Prediction told = predict(request, table_of(both_sides));
  EXPECT_EQ(told.tokens_per_step, 1.8);
  EXPECT_GT(open.interval->high - open.interval->low, told.interval->high - told.interval->low);
  request.accepted_tokens = 2.1;
  EXPECT_THROW(predict(request, table_of(both_sides)), InputError);
}

TEST(Prediction, TokensOfAStepAreThoseOfItsRequestsOnAllRanks) {
  traffic::StepRequest step;
  step.model = traffic::model_named("deepseek-v3");
  step.mode = traffic::parse_parallelism("dp4ep4");
  step.form = traffic::ExpertForm::gather_scatter;
  step.batch = 3;
  PredictionRequest request;
  request.step = traffic::plan_step(step);
  request.measured_on = "socket";
  request.predicted_on = "rdma";
  const Prediction prediction = predict(request, table_of(both_sides));
  EXPECT_EQ(prediction.tokens_per_step, 3);
  EXPECT_EQ(request.step.tokens, 1U);  // on each rank; the fourth computes padding
  EXPECT_THAT(prediction.warnings, Contains(HasSubstr("all-gather+reduce-scatter form")));
}

TEST(Prediction, SaysWhereTheMethodIsWeak) {
  const LatencyTable table = table_of(std::string(both_sides) + "send-recv,socket,4K,100,,\nsend-recv,rdma,4K,10,,\n");
  EXPECT_THAT(predict(request_for("pp2", 70), table).warnings, Contains(HasSubstr("microbatches")));
  EXPECT_THROW(predict(request_for("pp2", 70), table_of(both_sides)), InputError);  // nothing stands in for send-recv
}

TEST(Prediction, WhatCannotBeUsedIsASentence) {
  PredictionRequest request = request_for("tp2", 45.3);
  request.predicted_on = "carrier pigeon";
  try {
    predict(request, table_of(both_sides));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no latencies on carrier pigeon; the table has rdma, socket"));
  }
  for (const double tok_s : {0.0, -1.0, std::nan("")}) {
    EXPECT_THROW(predict(request_for("tp2", tok_s), table_of(both_sides)), InputError);
  }
}

}  // namespace
}  // namespace rocekit::predict
