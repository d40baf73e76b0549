#include <optional>
#include <utility>

#include "core/text/json.h"
#include "probes/report/json_report.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/nccl-pattern/report/json_parts.h"
#include "tools/nccl-pattern/report/json_report.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pattern {
namespace {

using json::clean;
using json::known;

Json host_json(const Host& host) {
  return {{"rank", host.rank}, {"name", clean(host.name)}, {"device", known(host.device)}, {"cpu", known(host.cpu)}};
}

Json counter_json(const CounterDelta& delta) {
  return {{"host", clean(delta.host)},
          {"source", clean(delta.source)},
          {"counter", clean(delta.counter)},
          {"unit", clean(delta.unit)},
          {"delta", delta.delta}};
}

/// What was seen of a side. Results carry it too, with the counters that grew.
Json proof_json(const Proof& proof, bool grown_only) {
  Json counters = Json::array();
  for (const CounterDelta& delta : proof.counters) {
    if (!grown_only || delta.delta > 0) counters.push_back(counter_json(delta));
  }
  return {{"verdict", to_string(proof.verdict)},
          {"transport", proof.verdict == Proof::Verdict::proven ? known(proof.transport) : Json(nullptr)},
          {"sentence", clean(proof.sentence)},
          {"counters", std::move(counters)},
          {"log_lines", list_of(proof.log_lines)}};
}

Json algorithm_json(const proof::AlgorithmUse& use) {
  return {{"operation", clean(use.operation)},
          {"size_bytes", use.size_bytes},
          {"algorithm", clean(use.algorithm)},
          {"protocol", clean(use.protocol)},
          {"count", use.count}};
}

Json connection_json(const proof::Connection& connection) {
  return {{"device", clean(connection.device)},         {"link_layer", known(connection.link_layer)},
          {"gid_index", or_null(connection.gid_index)}, {"addresses", list_of(connection.addresses)},
          {"mtu_bytes", or_null(connection.mtu_bytes)}, {"queue_pairs", connection.queue_pairs}};
}

Json side_json(const SideResult& side) {
  Json proof = proof_json(side.proof, false);
  proof["by_counters"] = side.proof.by_counters;
  proof["by_log"] = side.proof.by_log;
  proof["seen_transport"] = known(side.proof.transport);
  proof["rails"] = list_of(side.proof.rails);
  proof["idle_rails"] = list_of(side.proof.idle_rails);
  proof["connections"] = list_of(side.proof.connections, connection_json);
  proof["gpu_direct"] = side.proof.gpu_direct ? Json(*side.proof.gpu_direct) : Json(nullptr);
  proof["expected_bytes"] = side.proof.expected_bytes;
  proof["algorithms"] = list_of(side.proof.algorithms, algorithm_json);
  return {{"name", clean(side.name)},
          {"transport", known(side.transport)},
          {"backend", collectives::to_string(side.backend)},
          {"floor", side.floor},
          {"library", known(side.details.library)},
          {"library_version", known(side.details.library_version)},
          {"communicator", known(side.details.communicator)},
          {"devices", list_of(side.devices)},
          {"environment", list_of(side.environment)},
          {"connect_ms", side.connect_ms},
          {"first_call_ms", side.first_call_ms},
          {"notes", list_of(side.details.notes)},
          {"proof", std::move(proof)}};
}

Json latency_json(const Result& result) {
  const measure::Distribution& d = result.latency_us;
  return {{"min", d.min},
          {"p50", or_null(d.p50)},
          {"p90", or_null(d.p90)},
          {"p99", or_null(d.p99)},
          {"p999", or_null(d.p999)},
          {"max", d.max},
          {"mean", result.mean_us > 0 ? result.mean_us : d.mean},
          {"stddev", d.stddev}};
}

Json warning_json(const measure::Warning& warning) {
  return {{"kind", measure::to_string(warning.kind)}, {"text", clean(warning.text)}};
}

/// What results of operations and of whole steps have in common.
Json timed_json(const Report& report, const Result& result) {
  const SideResult& side = report.sides.at(result.side);
  return {{"side", clean(side.name)},
          {"transport", clean(transport_of(side))},
          {"backend", collectives::to_string(side.backend)},
          {"timing", collectives::to_string(result.timing)},
          {"samples", result.latency_us.count},
          {"iterations", result.iterations},
          {"latency_us", latency_json(result)},
          {"block_values_us", result.block_values_us},
          {"block_core_slowdown", result.block_core_slowdowns},
          {"enqueue_share", or_null(result.enqueue_share)},
          {"warnings", list_of(result.warnings, warning_json)}};
}

Json result_json(const Report& report, const Result& result) {
  const Subject& subject = report.subjects.at(result.subject);
  const bool of_step = subject.count_in_step > 0;
  Json json{{"op", subject.kind ? traffic::to_string(*subject.kind) : ""},
            {"form", known(subject.form)},
            {"what", known(subject.what)},
            {"size_bytes", subject.size_bytes},
            {"ranks", subject.ranks},
            {"step", of_step ? Json(subject.step) : Json(nullptr)},
            {"count_in_step", of_step ? Json(subject.count_in_step) : Json(nullptr)}};
  json.update(timed_json(report, result));
  json["algbw_gb_s"] = result.algbw_gb_s;
  json["busbw_gb_s"] = result.busbw_gb_s;
  json["bandwidth_gbit_s"] = result.busbw_gb_s * 8;
  json["bound_gbit_s"] = or_null(result.bound_gbit_s);
  json["fraction_of_bound"] = or_null(result.fraction_of_bound);
  json["proof"] = proof_json(report.sides.at(result.side).proof, true);
  return json;
}

Json issuer_json(const Issuer& issuer) {
  return {{"setting", issuer.setting},
          {"operations", list_of(issuer.operations, [](traffic::OpKind kind) { return Json(to_string(kind)); })}};
}

Json step_json(const Report& report, std::size_t step) {
  Json results = Json::array();
  const auto whole = whole_step_of(report, step);
  for (const Result& result : report.results) {
    if (whole && result.subject == *whole) results.push_back(timed_json(report, result));
  }
  const double ideal_ms = whole ? report.subjects[*whole].ideal_pipeline_ms : 0;
  return {{"step", step},
          {"name", step_words(report.plan, report.plan.steps[step])},
          {"issued_by", list_of(issuers_of(report.plan.steps[step]), issuer_json)},
          {"ideal_pipeline_ms", ideal_ms > 0 ? Json(ideal_ms) : Json(nullptr)},
          {"results", std::move(results)}};
}

Json comparison_json(const Report& report, const Comparison& comparison) {
  const Subject& subject = report.subjects.at(comparison.subject);
  const bool of_step = subject.whole_step || subject.count_in_step > 0;
  const measure::Ratio& ratio = comparison.ratio;
  return {{"op", subject.kind ? Json(traffic::to_string(*subject.kind)) : Json("step")},
          {"form", known(subject.form)},
          {"step", of_step ? Json(subject.step) : Json(nullptr)},
          {"size_bytes", subject.whole_step ? Json(nullptr) : Json(subject.size_bytes)},
          {"timing", collectives::to_string(comparison.timing)},
          {"a", clean(side_name(report, comparison.a))},
          {"b", clean(side_name(report, comparison.b))},
          {"ratio_p50",
           {{"ratio", finite(ratio.ratio)},
            {"low", finite(ratio.low)},
            {"high", finite(ratio.high)},
            {"confidence", ratio.confidence},
            {"pairs", ratio.pairs}}},
          {"ratio_p99", or_null(comparison.ratio_p99)},
          {"outcome", pingpong::outcome_word(pingpong::against(ratio, pingpong::Metric::latency).outcome)}};
}

Json budget_json(const Report& report, const LatencyBudget& budget) {
  const Subject& subject = report.subjects.at(budget.subject);
  return {{"op", subject.kind ? traffic::to_string(*subject.kind) : ""},
          {"form", known(subject.form)},
          {"size_bytes", subject.size_bytes},
          {"side", clean(side_name(report, budget.side))},
          {"serialization_us", or_null(budget.serialization_us)},
          {"wire_us", or_null(budget.wire_us)},
          {"rest_us", budget.rest_us}};
}

Json verification_json(const Report& report, const Verification& item) {
  return {{"side", clean(side_name(report, item.side))},
          {"calls", item.calls},
          {"wrong_calls", item.wrong_calls},
          {"first_wrong", known(item.first_wrong)},
          {"tolerance", item.tolerance}};
}

}  // namespace

std::string render_json(const Report& report) {
  Json document = document_head(report.started_at);
  document["elapsed_s"] = report.elapsed_s;
  document["door"] = clean(report.door);
  document["arguments"] = list_of(report.arguments);
  document["hosts"] = list_of(report.hosts, host_json);
  document["plan"] = plan_json(report.plan);
  document["sides"] = list_of(report.sides, side_json);
  Json results = Json::array();
  for (const Result& result : report.results) {
    if (!report.subjects.at(result.subject).whole_step) results.push_back(result_json(report, result));
  }
  document["results"] = std::move(results);
  Json steps = Json::array();
  for (std::size_t step = 0; step < report.plan.steps.size(); ++step) steps.push_back(step_json(report, step));
  document["steps"] = std::move(steps);
  document["comparisons"] =
      list_of(report.comparisons, [&](const Comparison& item) { return comparison_json(report, item); });
  document["budgets"] = list_of(report.budgets, [&](const LatencyBudget& item) { return budget_json(report, item); });
  document["verification"] =
      list_of(report.verifications, [&](const Verification& item) { return verification_json(report, item); });
  document["predictions"] = predictions_json(report.predictions, report.plan.steps);
  document["predicted_from"] =
      report.predictions.empty() ? Json(nullptr) : Json(collectives::to_string(report.predicted_from));
  document["function_only"] = list_of(report.function_only);
  document["required"] = report.required ? Json(clean(*report.required)) : Json(nullptr);
  document["notes"] = list_of(report.notes);
  document["findings"] = list_of(report.findings, report::finding_json);
  document["verdict"] = checks::to_string(report.verdict);
  return document.dump(2) + '\n';
}

}  // namespace rocekit::pattern
