// What a run's latencies mean in tokens per second, and why they say nothing of them.
#include "tools/nccl-pattern/judge/price.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/predict/latency_file.h"
#include "tests/unit/pattern/sample_report.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/nccl-pattern/report/csv_report.h"
#include "tools/nccl-pattern/report/json_report.h"

namespace rocekit::pattern {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Settings served_on(const char* transport) {
  Settings settings;
  settings.tok_s = 45.3;
  settings.measured_on = transport;
  return settings;
}

Report unpriced() {
  Report report = sample::gb10();
  report.predictions.clear();
  return report;
}

predict::Prediction predicted(const Report& report, const std::string& document) {
  predict::PredictionRequest request;
  request.step = report.plan.steps.front();
  request.measured_on = "socket";
  request.predicted_on = "rdma";
  request.tok_s = 45.3;
  return predict::predict(request, predict::read_latencies(document, "file"));
}

void set_blocks(Report& report, std::size_t count) {
  for (Result& result : report.results) {
    result.block_values_us.clear();
    for (std::size_t i = 0; i < count; ++i) {
      result.block_values_us.push_back(typical_us(result) * (0.8 + 0.05 * static_cast<double>(i)));
    }
  }
}

TEST(Price, IsWhatPredictMakesOfTheSameRunsDocuments) {
  for (const std::size_t blocks : {3U, 24U}) {
    Report report = unpriced();
    set_blocks(report, blocks);
    if (blocks == 3) {
      for (Result& result : report.results) result.latency_us.p50.reset();
    }
    add_predictions(served_on("socket"), report);
    ASSERT_EQ(report.predictions.size(), 1U);
    const predict::Prediction& live = report.predictions.front();
    const predict::Prediction json = predicted(report, render_json(report));
    EXPECT_DOUBLE_EQ(*live.tok_s, *json.tok_s);
    EXPECT_DOUBLE_EQ(live.ceiling_a_tok_s, json.ceiling_a_tok_s);
    EXPECT_DOUBLE_EQ(live.ceiling_b_tok_s, json.ceiling_b_tok_s);
    EXPECT_EQ(live.assumptions, json.assumptions);
    ASSERT_EQ(live.interval.has_value(), blocks == 24);
    ASSERT_EQ(json.interval.has_value(), blocks == 24);
    if (live.interval) {
      EXPECT_DOUBLE_EQ(live.interval->low, json.interval->low);
      EXPECT_DOUBLE_EQ(live.interval->high, json.interval->high);
    }
    // CSV has no blocks.
    const predict::Prediction csv = predicted(report, render_csv(report));
    EXPECT_NEAR(*csv.tok_s, *live.tok_s, 1e-9);
    EXPECT_FALSE(csv.interval);
  }
}

TEST(Price, RestsOnTheLatenciesThatTheTableShows) {
  Report report = unpriced();
  add_predictions(served_on("socket"), report);
  EXPECT_EQ(report.predicted_from, collectives::Timing::graph);
  EXPECT_DOUBLE_EQ(report.predictions.front().operations.front().a.latency.p50_us,
                   typical_us(*find_result(report, 0, 1, collectives::Timing::graph)));
}

TEST(Price, OfOneTransportAloneIsMissedByThoseWhoAskedForIt) {
  Report report = unpriced();
  std::erase_if(report.results, [](const Result& result) { return result.side == 0; });
  for (Result& result : report.results) result.side = 0;
  report.sides.erase(report.sides.begin());
  Report unasked = report;
  add_predictions(Settings{}, unasked);
  EXPECT_THAT(unasked.notes, IsEmpty());
  add_predictions(served_on("socket"), report);
  EXPECT_THAT(report.predictions, IsEmpty());
  EXPECT_THAT(report.notes, ElementsAre(AllOf(HasSubstr("no price in tokens per second: only socket was measured"),
                                              HasSubstr("--compare"))));
}

TEST(Price, OnATransportThatWasNotMeasuredIsANoteAndKeepsTheRun) {
  Report report = unpriced();
  add_predictions(served_on("ucx"), report);
  EXPECT_THAT(report.predictions, IsEmpty());
  EXPECT_THAT(report.notes,
              ElementsAre(HasSubstr("no price in tokens per second: --measured-on ucx: that was not measured")));
}

TEST(Price, OfFiguresThatAreAnotherTransportsIsNone) {
  Report report = sample::fallen_to_sockets();
  add_predictions(served_on("socket"), report);
  EXPECT_THAT(report.predictions, IsEmpty());
  EXPECT_THAT(report.notes, Contains(HasSubstr("the figures of rdma are those of another transport")));
}

TEST(Price, IsPredictedOnTheTransportThatWasNotServedOn) {
  Report report = unpriced();
  Settings settings;
  settings.predicted_on = "socket";
  add_predictions(settings, report);
  ASSERT_EQ(report.predictions.size(), 1U);
  EXPECT_EQ(report.predictions.front().measured_on, "rdma");
}

}  // namespace
}  // namespace rocekit::pattern
