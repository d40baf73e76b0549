#include "tools/nccl-pattern/judge/price.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "tools/nccl-pattern/labels.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;

struct Transports {
  std::string measured_on;
  std::string predicted_on;
};

/// Names of all sides that were measured to be compared, each once.
std::vector<std::string> measured_transports(const Report& report) {
  std::vector<std::string> names;
  for (const SideResult& side : report.sides) {
    const std::string name = predict::canonical_transport(side.name);
    if (!side.floor && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

void require_measured(const char* option, const std::optional<std::string>& name,
                      const std::vector<std::string>& names) {
  if (!name || std::find(names.begin(), names.end(), *name) != names.end()) return;
  throw InputError(fmt::format("{} {}: that was not measured, but {}", option, *name, fmt::join(names, ", ")));
}

/// Those that were asked for; else from sockets, where they were measured, to the first other one.
Transports transports_of(const Settings& settings, const std::vector<std::string>& names) {
  require_measured("--measured-on", settings.measured_on, names);
  require_measured("--predict-on", settings.predicted_on, names);
  if (names.size() < 2) {
    throw InputError(
        fmt::format("only {} was measured, and it takes the latencies of two transports (--compare)", names.front()));
  }
  const auto other_than = [&](const std::optional<std::string>& name) {
    return names[0] != name ? names[0] : names[1];
  };
  const bool sockets = std::find(names.begin(), names.end(), "socket") != names.end();
  Transports chosen;
  chosen.measured_on = settings.measured_on.value_or(
      sockets && settings.predicted_on != "socket" ? "socket" : other_than(settings.predicted_on));
  chosen.predicted_on = settings.predicted_on.value_or(other_than(chosen.measured_on));
  return chosen;
}

void require_uncontradicted(const Report& report, const Transports& transports) {
  for (const SideResult& side : report.sides) {
    const std::string name = predict::canonical_transport(side.name);
    if (side.floor || side.proof.verdict != Proof::Verdict::contradicted) continue;
    if (name != transports.measured_on && name != transports.predicted_on) continue;
    throw InputError(fmt::format("the figures of {} are those of another transport", side.name));
  }
}

Timing timing_named(const std::string& name) {
  for (const Timing timing : {Timing::graph, Timing::back_to_back}) {
    if (collectives::to_string(timing) == name) return timing;
  }
  return Timing::isolated;
}

void price_steps(const Settings& settings, const std::vector<std::string>& names, Report& report) {
  const Transports transports = transports_of(settings, names);
  require_uncontradicted(report, transports);
  predict::LatencyTable table = latencies_of(report);
  predict::PredictionRequest request;
  request.tok_s = settings.tok_s;
  request.accepted_tokens = settings.accepted_tokens;
  request.measured_on = transports.measured_on;
  request.predicted_on = transports.predicted_on;
  std::vector<predict::Prediction> predictions;
  for (const traffic::Step& step : report.plan.steps) {
    request.step = step;
    predictions.push_back(predict::predict(request, table));
  }
  table.choose_timing({request.measured_on, request.predicted_on});
  report.predicted_from = timing_named(table.timing());
  report.predictions = std::move(predictions);
}

}  // namespace

predict::LatencyTable latencies_of(const Report& report) {
  std::vector<predict::Measured> list;
  for (const Result& result : report.results) {
    const Subject& subject = report.subjects[result.subject];
    const SideResult& side = report.sides[result.side];
    const double typical = typical_us(result);
    if (subject.whole_step || !subject.kind || side.floor || !(typical > 0)) continue;
    predict::Measured measured;
    measured.point = {*subject.kind, predict::canonical_transport(side.name), subject.size_bytes,
                      predict::latency_of(typical, result.block_values_us)};
    measured.timing = collectives::to_string(result.timing);
    list.push_back(std::move(measured));
  }
  return predict::table_of(std::move(list));
}

void add_predictions(const Settings& settings, Report& report) {
  if (report.plan.steps.empty()) return;
  const std::vector<std::string> names = measured_transports(report);
  const bool asked = settings.tok_s || settings.measured_on || settings.predicted_on || settings.accepted_tokens;
  if (names.empty() || (names.size() < 2 && !asked)) return;
  try {
    price_steps(settings, names, report);
  } catch (const InputError& error) {
    // What was measured is told all the same.
    report.notes.push_back(fmt::format("no price in tokens per second: {}", error.what()));
  }
}

}  // namespace rocekit::pattern
