#include "tools/roce-preflight/report/json_report.h"

#include "core/text/json.h"
#include "probes/report/json_report.h"

namespace rocekit::preflight {
namespace {

using json::clean;
using json::finite;
using json::Json;
using json::list_of;
using json::or_null;

Json host_json(const Node& node) {
  const Json rails = list_of(node.probe.rails, [](const derived::Rail& rail) {
    return Json{{"cage", clean(rail.cage)},
                {"devices", list_of(rail.members, [](const auto& member) { return clean(member.device); })},
                {"active", rail.active},
                {"bound_gbit_s", or_null(rail.bound_gbit_s)},
                {"limited_by", or_null(rail.limited_by)},
                {"nccl_hca", clean(rail.nccl_hca)}};
  });
  Json whole = report::host_json(node.probe);
  return {{"rank", node.rank},
          {"name", clean(node.host)},
          {"clock_offset_ms", or_null(node.clock_offset_ms)},
          {"rails", rails},
          {"nccl_net", clean(node.probe.nccl.net)},
          {"process", std::move(whole["process"])},
          {"serving", std::move(whole["serving"])},
          {"verdict", checks::to_string(node.probe.verdict)}};
}

Json step_json(const StepRecord& record) {
  return {{"step", to_string(record.step)},
          {"state", to_string(record.state)},
          {"why", record.why.empty() ? Json(nullptr) : Json(clean(record.why))},
          {"elapsed_s", record.seconds},
          {"measuring_s", record.measuring_s}};
}

Json end_json(const pingpong::End& end) {
  return {{"rank", end.rank},
          {"host", clean(end.host)},
          {"device", clean(end.device)},
          {"netdev", clean(end.netdev)},
          {"ip", clean(end.ip)}};
}

Json crossing_json(const Crossing& crossing) {
  return {{"from", end_json(crossing.from)},
          {"to", end_json(crossing.to)},
          {"source_ip", crossing.source.empty() ? Json(nullptr) : Json(clean(crossing.source))},
          {"tcp", crossing.tcp.empty()},
          {"tcp_error", crossing.tcp.empty() ? Json(nullptr) : Json(clean(crossing.tcp))},
          {"full_packet_bytes", crossing.full_bytes > 0 ? Json(crossing.full_bytes) : Json(nullptr)},
          {"small_arrived", crossing.small_arrived},
          {"full_arrived", crossing.full_arrived}};
}

Json figure_json(const Figure& figure) {
  const bool bandwidth = figure.kind == Figure::Kind::bandwidth;
  Json json{{"kind", bandwidth                              ? "bandwidth"
                     : figure.kind == Figure::Kind::latency ? "latency"
                                                            : "collective"},
            {"rail", figure.rail.empty() ? Json(nullptr) : Json(clean(figure.rail))},
            {"from", figure.from.empty() ? Json(nullptr) : Json(clean(figure.from))},
            {"to", figure.to.empty() ? Json(nullptr) : Json(clean(figure.to))},
            {"what", clean(figure.what)},
            {"size_bytes", figure.size_bytes},
            {"whole_step", figure.whole_step}};
  const char* unit = bandwidth ? "_gbit_s" : "_us";
  json[std::string("rdma") + unit] = or_null(figure.rdma);
  json[std::string("socket") + unit] = or_null(figure.socket);
  json["socket_over_rdma"] = figure.ratio ? Json{{"ratio", finite(figure.ratio->ratio)},
                                                 {"low", finite(figure.ratio->low)},
                                                 {"high", finite(figure.ratio->high)},
                                                 {"pairs", figure.ratio->pairs}}
                                          : Json(nullptr);
  json["bound_gbit_s"] = or_null(figure.bound_gbit_s);
  json["fraction_of_bound"] = or_null(figure.fraction_of_bound);
  json["proof"] = figure.proof.empty() ? Json(nullptr) : Json(figure.proof);
  return json;
}

const char* word_of(measure::Change::Outcome outcome) {
  switch (outcome) {
    case measure::Change::Outcome::as_before:
      return "as-before";
    case measure::Change::Outcome::slower:
      return "slower";
    case measure::Change::Outcome::faster:
      return "faster";
    case measure::Change::Outcome::unknown:
      break;
  }
  return "unknown";
}

Json compared_json(const Compared& compared) {
  const Quantity& quantity = compared.quantity;
  const measure::Change& change = compared.change;
  return {{"kind", to_string(quantity.kind)},
          {"transport", clean(quantity.transport)},
          {"rail", clean(quantity.rail)},
          {"from", clean(quantity.from)},
          {"to", clean(quantity.to)},
          {"what", clean(quantity.what)},
          {"unit", quantity.kind == Quantity::Kind::bandwidth ? "gbit_s" : "us"},
          {"before", change.before},
          {"now", change.now},
          {"slowdown", change.slowdown},
          {"slowdown_low", finite(change.low)},
          {"slowdown_high", finite(change.high)},
          {"limit", change.limit},
          {"limit_from", change.outcome == measure::Change::Outcome::unknown ? "none"
                         : change.by_spread                                  ? "spread"
                                                                             : "margin"},
          {"runs", change.runs},
          {"left_out", change.left_out},
          {"outcome", word_of(change.outcome)}};
}

Json baseline_json(const BaselineOutcome& baseline) {
  if (baseline.file.empty() && baseline.saved_to.empty()) return nullptr;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(clean(text)); };
  return {{"file", text_or_null(baseline.file)},
          {"runs", baseline.runs},
          {"first", text_or_null(baseline.first)},
          {"last", text_or_null(baseline.last)},
          {"why_not_compared", text_or_null(baseline.why_not)},
          {"compared", list_of(baseline.compared, compared_json)},
          {"changes", list_of(baseline.changes, clean)},
          {"save_to", text_or_null(baseline.saved_to)},
          {"saved", baseline.to_save.has_value()},
          {"why_not_saved", text_or_null(baseline.why_not_saved)}};
}

Json found_json(const Found& found) {
  Json json = report::finding_json(found.finding);
  json["hosts"] = list_of(found.hosts, clean);
  return json;
}

}  // namespace

std::string render_json(const Report& report) {
  Json document;
  document["schema"] = "rocekit/preflight";
  document["schema_version"] = preflight_schema_version;
  document["tool"] = report::tool_json("roce-preflight");
  document["started_at"] = report.started_at;
  document["elapsed_s"] = report.elapsed_s;
  document["door"] = clean(report.door);
  document["arguments"] = list_of(report.arguments, clean);
  document["ranks"] = list_of(report.ranks, clean);
  document["hosts"] = list_of(report.nodes, host_json);
  document["steps"] = list_of(report.steps, step_json);
  document["crossings"] = list_of(report.crossings, crossing_json);
  document["measured"] = list_of(report.figures, figure_json);
  document["baseline"] = baseline_json(report.baseline);
  document["findings"] = list_of(report.findings, found_json);
  document["checks"] = Json::object();
  for (const auto& [id, severity] : worst_of(report)) document["checks"][id] = checks::to_string(severity);
  document["notes"] = list_of(report.notes, clean);
  document["verdict"] = checks::to_string(report.verdict);
  return document.dump(2) + '\n';
}

}  // namespace rocekit::preflight
