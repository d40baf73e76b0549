#include "tools/nccl-pattern/judge/price.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "core/error.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;

std::vector<std::string> measured_transports(const Report& report) {
  std::vector<std::string> names;
  for (const SideResult& side : report.sides) {
    const std::string name = predict::canonical_transport(side.name);
    const bool contradicted = side.proof.verdict == Proof::Verdict::contradicted;
    if (!side.floor && !contradicted && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  return names;
}

/// Every operation on both transports.
bool has_all(const Report& report, Timing timing, const std::string& a, const std::string& b) {
  std::set<std::pair<std::size_t, std::string>> has;
  for (const Result& result : report.results) {
    if (result.timing == timing)
      has.emplace(result.subject, predict::canonical_transport(report.sides[result.side].name));
  }
  for (std::size_t subject = 0; subject < report.subjects.size(); ++subject) {
    if (report.subjects[subject].whole_step) continue;
    if (!has.contains({subject, a}) || !has.contains({subject, b})) return false;
  }
  return true;
}

void require_measured(const char* option, const std::string& name, const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  throw InputError(fmt::format("{} {}: that was not measured, but {}", option, name, fmt::join(names, ", ")));
}

}  // namespace

predict::LatencyTable latencies_of(const Report& report, Timing timing) {
  predict::LatencyTable table;
  table.set_timing(collectives::to_string(timing));
  std::set<std::tuple<traffic::OpKind, std::string, std::uint64_t>> known;
  for (const Result& result : report.results) {
    const Subject& subject = report.subjects[result.subject];
    const SideResult& side = report.sides[result.side];
    if (result.timing != timing || subject.whole_step || !subject.kind || side.floor ||
        result.block_values_us.empty()) {
      continue;
    }
    // Of one kind and size in two groups the first stands for both.
    if (!known.emplace(*subject.kind, side.name, subject.size_bytes).second) continue;
    std::vector<double> sorted = result.block_values_us;
    std::sort(sorted.begin(), sorted.end());
    predict::LatencyPoint point;
    point.kind = *subject.kind;
    point.transport = predict::canonical_transport(side.name);
    point.size_bytes = subject.size_bytes;
    point.latency.p50_us = measure::quantile(sorted, 0.5);
    point.latency.p10_us = measure::quantile(sorted, 0.1);
    point.latency.p90_us = measure::quantile(sorted, 0.9);
    if (point.latency.p50_us > 0) table.add(point);
  }
  return table;
}

void add_predictions(const Settings& settings, Report& report) {
  if (report.plan.steps.empty()) return;
  const std::vector<std::string> names = measured_transports(report);
  if (settings.measured_on) require_measured("--measured-on", *settings.measured_on, names);
  if (settings.predicted_on) require_measured("--predict-on", *settings.predicted_on, names);
  if (names.size() < 2) return;
  predict::PredictionRequest request;
  request.tok_s = settings.tok_s;
  request.accepted_tokens = settings.accepted_tokens;
  const bool sockets = std::find(names.begin(), names.end(), "socket") != names.end();
  request.measured_on = settings.measured_on.value_or(sockets ? "socket" : names.front());
  for (const std::string& name : names) {
    if (name != request.measured_on && request.predicted_on.empty()) request.predicted_on = name;
  }
  if (settings.predicted_on) request.predicted_on = *settings.predicted_on;
  for (const SideResult& side : report.sides) {
    const std::string name = predict::canonical_transport(side.name);
    if (side.floor || side.proof.verdict != Proof::Verdict::contradicted) continue;
    if (name != request.measured_on && name != request.predicted_on) continue;
    report.notes.push_back(
        fmt::format("no price in tokens per second: the figures of {} are those of another transport", side.name));
    return;
  }
  for (const Timing timing : {Timing::graph, Timing::back_to_back, Timing::isolated}) {
    if (!has_all(report, timing, request.measured_on, request.predicted_on)) continue;
    report.predicted_from = timing;
    const predict::LatencyTable table = latencies_of(report, timing);
    for (const traffic::Step& step : report.plan.steps) {
      request.step = step;
      report.predictions.push_back(predict::predict(request, table));
    }
    return;
  }
}

}  // namespace rocekit::pattern
