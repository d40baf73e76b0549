#include "tools/roce-pingpong/report/json_report.h"

#include <optional>
#include <utility>

#include "core/text/json.h"
#include "probes/report/json_report.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using json::clean;
using json::finite;
using json::Json;
using json::known;
using json::list_of;
using json::or_null;

Json known(int value) { return value > 0 ? Json(value) : Json(nullptr); }

Json host_json(const Host& host) {
  return {{"rank", host.rank},
          {"name", clean(host.name)},
          {"cpu", known(host.cpu)},
          {"measuring_cpu", host.measuring_cpu >= 0 ? Json(host.measuring_cpu) : Json(nullptr)},
          {"governor", or_null(host.governor)},
          {"numa_node", or_null(host.numa_node)},
          {"clock", known(host.clock)}};
}

Json end_json(const End& end) {
  return {{"rank", end.rank},
          {"host", clean(end.host)},
          {"device", known(end.device)},
          {"port", end.device.empty() ? Json(nullptr) : Json(end.port)},
          {"netdev", known(end.netdev)},
          {"ip", known(end.ip)},
          {"link_gbit_s", or_null(end.link_gbit_s)},
          {"pcie_gbit_s", or_null(end.pcie_gbit_s)},
          {"physical", or_null(end.physical)},
          {"soft_roce", end.soft_roce},
          {"active_mtu", known(end.active_mtu)},
          {"netdev_mtu", known(end.netdev_mtu)}};
}

Json path_json(const Path& path) {
  return {{"a", end_json(path.a)},
          {"b", end_json(path.b)},
          {"path_mtu", known(path.path_mtu)},
          {"bound_gbit_s", or_null(path.bound_gbit_s)},
          {"limited_by", or_null(path.limited_by)},
          {"bound_why", clean(path.bound_why)},
          {"rc", known(path.rc_description)},
          {"tcp", known(path.tcp_description)}};
}

Json counter_json(const CounterDelta& delta) {
  return {{"host", clean(delta.host)},
          {"source", clean(delta.source)},
          {"counter", clean(delta.counter)},
          {"unit", clean(delta.unit)},
          {"delta", delta.delta}};
}

Json proof_json(const Result& result) {
  return {{"verdict", to_string(result.proof.verdict)},
          {"transport",
           result.proof.verdict == Proof::Verdict::proven ? Json(verbs::to_string(result.transport)) : Json(nullptr)},
          {"sentence", clean(result.proof.sentence)},
          {"expected_bytes", result.proof.expected_bytes},
          {"counters", list_of(result.proof.counters, counter_json)}};
}

Json distribution_json(const measure::Distribution& d) {
  return {{"min", d.min},          {"p50", or_null(d.p50)},   {"p90", or_null(d.p90)},
          {"p99", or_null(d.p99)}, {"p999", or_null(d.p999)}, {"max", d.max},
          {"mean", d.mean},        {"stddev", d.stddev}};
}

Json result_json(const Report& report, const Result& result) {
  Json json{{"metric", to_string(result.metric)},
            {"op", verbs::to_string(result.operation)},
            {"transport", verbs::to_string(result.transport)},
            {"size_bytes", result.size_bytes},
            {"ranks", {result.rank_a, result.rank_b}},
            {"paths", result.paths},
            {"bidirectional", result.bidirectional},
            {"samples", result.samples},
            {"blocks", result.blocks}};
  if (result.metric == Metric::latency) {
    json["latency_us"] = distribution_json(result.latency_us);
    json["half_round_trip"] = !verbs::is_one_sided_latency(result.operation);
  } else {
    json["bandwidth_gbit_s"] = {{"mean", result.bandwidth.mean_gbit_s},
                                {"min", or_null(result.bandwidth.min_gbit_s)},
                                {"max", or_null(result.bandwidth.max_gbit_s)}};
    json["messages_per_s"] = result.bandwidth.messages_per_s;
  }
  json["block_values"] = result.block_values;
  json["block_core_slowdown"] = result.block_core_slowdowns;
  json["bound_gbit_s"] = or_null(bound_of(report, result));
  json["fraction_of_bound"] = or_null(fraction_of(report, result));
  json["corrupt_messages"] = or_null(result.corrupt_messages);
  json["lost_messages"] = or_null(result.lost_messages);
  json["proof"] = proof_json(result);
  json["warnings"] = list_of(result.warnings, [](const measure::Warning& warning) {
    return Json{{"kind", measure::to_string(warning.kind)}, {"text", clean(warning.text)}};
  });
  return json;
}

Json comparison_json(const Comparison& comparison) {
  const measure::Ratio& ratio = comparison.ratio_p50;
  return {{"metric", to_string(comparison.metric)},
          {"size_bytes", comparison.size_bytes},
          {"ranks", {comparison.rank_a, comparison.rank_b}},
          {"paths", comparison.paths},
          {"a", verbs::to_string(comparison.a)},
          {"b", verbs::to_string(comparison.b)},
          {"ratio_p50",
           {{"ratio", finite(ratio.ratio)},
            {"low", finite(ratio.low)},
            {"high", finite(ratio.high)},
            {"confidence", ratio.confidence},
            {"pairs", ratio.pairs}}},
          {"ratio_p99", or_null(comparison.ratio_p99)},
          {"outcome", outcome_word(against(comparison).outcome)}};
}

Json unpaired_json(const Unpaired& item) {
  return {{"end", end_json(item.end)}, {"peer_rank", item.peer_rank}, {"why", clean(item.why)}};
}

}  // namespace

std::string render_json(const Report& report) {
  Json document;
  document["schema"] = "rocekit/pingpong";
  document["schema_version"] = pingpong_schema_version;
  document["tool"] = report::tool_json("roce-pingpong");
  document["started_at"] = report.started_at;
  document["elapsed_s"] = report.elapsed_s;
  document["door"] = clean(report.door);
  document["arguments"] = list_of(report.arguments, clean);
  document["hosts"] = list_of(report.hosts, host_json);
  document["paths"] = list_of(report.paths, path_json);
  document["unpaired"] = list_of(report.unpaired, unpaired_json);
  document["settings"] = {{"wait_mode", verbs::to_string(report.wait_mode)},
                          {"memory", verbs::to_string(report.memory)},
                          {"queue_pairs", report.queue_pairs},
                          {"window", report.window}};
  document["loop_overhead_ns"] = report.loop_overhead_ns;
  document["results"] = list_of(report.results, [&](const Result& result) { return result_json(report, result); });
  document["comparisons"] = list_of(report.comparisons, comparison_json);
  document["findings"] = list_of(report.findings, report::finding_json);
  document["notes"] = list_of(report.notes, clean);
  document["verdict"] = checks::to_string(report.verdict);
  return document.dump(2) + '\n';
}

}  // namespace rocekit::pingpong
