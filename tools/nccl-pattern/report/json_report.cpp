#include "tools/nccl-pattern/report/json_report.h"

#include <algorithm>
#include <cmath>

#include "collectives/traffic/bus_bandwidth.h"
#include "core/text/json.h"
#include "core/version.h"
#include "tools/nccl-pattern/report/json_parts.h"

namespace rocekit::pattern {
namespace {

using json::clean;

Json part_json(const traffic::Part& part) {
  return {{"what", part.what}, {"elements", part.elements}, {"dtype", to_string(part.type)}, {"bytes", part.bytes()}};
}

Json operation_json(const traffic::Operation& operation) {
  Json json = {{"op", to_string(operation.kind)},
               {"what", clean(operation.what)},
               {"issued_by", operation.issued_by},
               {"group", to_string(operation.group)},
               {"ranks", operation.ranks},
               {"count", operation.count},
               {"bytes_per_rank", operation.bytes_per_rank()},
               {"size_bytes", operation.size_bytes()},
               {"wire_bytes_per_rank", operation.wire_bytes_per_rank()},
               {"bus_factor", traffic::bus_factor(operation.kind, operation.ranks)},
               {"parts", list_of(operation.parts, part_json)}};
  if (operation.pairs) {
    Json rows = Json::array();
    for (std::size_t from = 0; from < operation.pairs->ranks; ++from) {
      Json row = Json::array();
      for (std::size_t to = 0; to < operation.pairs->ranks; ++to) row.push_back(operation.pairs->at(from, to));
      rows.push_back(std::move(row));
    }
    json["pair_bytes"] = std::move(rows);
  }
  return json;
}

Json model_json(const traffic::Model& model) {
  return {{"name", clean(model.name)},
          {"hidden_size", model.hidden},
          {"layers", model.layers},
          {"dense_layers", model.dense_layers},
          {"experts", model.experts},
          {"shared_experts", model.shared_experts},
          {"experts_per_token", model.experts_per_token},
          {"vocabulary", model.vocabulary},
          {"dtype", to_string(model.type)}};
}

Json form_json(const traffic::Step& step) {
  return step.request.form ? Json(to_string(*step.request.form)) : Json(nullptr);
}

Json step_json(const traffic::Step& step) {
  return {{"form", form_json(step)},
          {"phase", to_string(step.request.phase)},
          {"batch", step.request.batch},
          {"draft_tokens", step.request.draft_tokens},
          {"microbatches", step.request.microbatches},
          {"tokens", step.tokens},
          {"padded_tokens", step.padded_tokens},
          {"operation_count", step.operation_count()},
          {"bytes_per_rank", step.bytes_per_rank()},
          {"wire_bytes_per_rank", step.wire_bytes_per_rank()},
          {"operations", list_of(step.operations, operation_json)},
          {"notes", list_of(step.notes)}};
}

Json latency_json(const predict::Estimate& estimate) {
  return {{"p50", estimate.latency.p50_us},
          {"p10", or_null(estimate.latency.p10_us)},
          {"p90", or_null(estimate.latency.p90_us)},
          {"extrapolated", estimate.extrapolated},
          {"stands_in", estimate.stands_in ? Json(to_string(*estimate.stands_in)) : Json(nullptr)}};
}

Json priced_json(const predict::PricedOperation& operation) {
  return {{"op", to_string(operation.kind)},
          {"what", clean(operation.what)},
          {"size_bytes", operation.size_bytes},
          {"count", operation.count},
          {"measured_latency_us", latency_json(operation.a)},
          {"predicted_latency_us", latency_json(operation.b)}};
}

Json prediction_json(const predict::Prediction& prediction, const traffic::Step& step) {
  Json interval = nullptr;
  if (prediction.interval) {
    interval = {{"low", finite(prediction.interval->low)}, {"high", finite(prediction.interval->high)}};
  }
  return {{"form", form_json(step)},
          {"measured_on", prediction.measured_on},
          {"predicted_on", prediction.predicted_on},
          {"measured_tok_s", or_null(prediction.measured_tok_s)},
          {"predicted_tok_s", or_null(prediction.tok_s)},
          {"interval_tok_s", std::move(interval)},
          {"tokens_per_step", prediction.tokens_per_step},
          {"measured_step_ms", or_null(prediction.step_a_ms)},
          {"measured_communication_ms", prediction.communication_a_ms},
          {"predicted_communication_ms", prediction.communication_b_ms},
          {"rest_ms", or_null(prediction.rest_ms)},
          {"measured_ceiling_tok_s", prediction.ceiling_a_tok_s},
          {"predicted_ceiling_tok_s", prediction.ceiling_b_tok_s},
          {"operations", list_of(prediction.operations, priced_json)},
          {"warnings", list_of(prediction.warnings)},
          {"extrapolations", list_of(prediction.extrapolations)},
          {"assumptions", list_of(prediction.assumptions)}};
}

}  // namespace

Json document_head(const std::string& started_at) {
  Json document;
  document["schema"] = "rocekit/pattern";
  document["schema_version"] = pattern_schema_version;
  document["tool"] = {{"name", "nccl-pattern"}, {"version", version}, {"commit", commit}};
  document["started_at"] = started_at;
  return document;
}

Json plan_json(const Plan& plan) {
  const Options& options = plan.options;
  Json json = {{"mode", clean(options.mode)},
               {"ranks", options.pattern ? plan.operations.front().ranks : options.parallelism->ranks()}};
  if (options.pattern) {
    json["pattern"] = to_string(*options.pattern);
    json["operations"] = list_of(plan.operations, operation_json);
  } else {
    json["model"] = model_json(plan.model);
    json["steps"] = list_of(plan.steps, step_json);
  }
  return json;
}

Json predictions_json(const std::vector<predict::Prediction>& predictions, const std::vector<traffic::Step>& steps) {
  Json list = Json::array();
  for (std::size_t i = 0; i < std::min(predictions.size(), steps.size()); ++i) {
    list.push_back(prediction_json(predictions[i], steps[i]));
  }
  return list;
}

std::string render_json(const Plan& plan, const std::string& started_at) {
  Json document = document_head(started_at);
  document["hosts"] = Json::array();  // nothing was measured, so no host took part
  document["plan"] = plan_json(plan);
  if (!plan.predictions.empty()) document["predictions"] = predictions_json(plan.predictions, plan.steps);
  return document.dump(2) + "\n";
}

}  // namespace rocekit::pattern
