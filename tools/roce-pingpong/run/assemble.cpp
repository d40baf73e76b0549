#include "tools/roce-pingpong/run/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/nodes/proof.h"

namespace rocekit::pingpong {
namespace {

using verbs::Operation;
using verbs::Transport;

std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  std::vector<double> sum(std::min(a.size(), b.size()));
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a[i] + b[i];
  return sum;
}

double gbit_s(const StreamRecord& stream) {
  return stream.seconds > 0 ? static_cast<double>(stream.bytes) * 8e-9 / stream.seconds : 0;
}

double messages_s(const StreamRecord& stream) {
  return stream.seconds > 0 ? static_cast<double>(stream.messages) / stream.seconds : 0;
}

Traffic traffic_of(const Result& result, const SeriesRecord& a, const SeriesRecord& b) {
  Traffic traffic;
  const std::uint64_t size = result.size_bytes;
  if (result.metric == Metric::latency) {
    traffic.messages_a_to_b = a.iterations;
    traffic.messages_b_to_a = a.iterations;
  } else {
    traffic.messages_a_to_b = a.messages_sent;
    traffic.messages_b_to_a = b.messages_sent;
  }
  traffic.bytes_a_to_b = traffic.messages_a_to_b * size;
  traffic.bytes_b_to_a = traffic.messages_b_to_a * size;
  const bool answered = result.operation == Operation::read || result.operation == Operation::atomic;
  if (answered && result.metric == Metric::latency) {
    traffic.bytes_a_to_b = 0;
  } else if (answered) {
    // Who asks is who gets.
    std::swap(traffic.bytes_a_to_b, traffic.bytes_b_to_a);
    const std::uint64_t all = traffic.messages_a_to_b + traffic.messages_b_to_a;
    traffic.messages_a_to_b = traffic.messages_b_to_a = all;
  }
  return traffic;
}

void add_bandwidth(const SeriesRecord& a, const SeriesRecord& b, Result& result) {
  result.samples = a.stream.messages + b.stream.messages;
  result.block_values = sum_of(a.stream.block_gbit_s, b.stream.block_gbit_s);
  result.bandwidth.mean_gbit_s = gbit_s(a.stream) + gbit_s(b.stream);
  result.bandwidth.messages_per_s = messages_s(a.stream) + messages_s(b.stream);
  const std::vector<double> windows = sum_of(a.stream.window_gbit_s, b.stream.window_gbit_s);
  if (windows.size() >= 3) {
    const auto [least, most] = std::minmax_element(windows.begin(), windows.end());
    // The mean holds the edges of blocks as well, which the windows leave out.
    result.bandwidth.min_gbit_s = std::min(*least, result.bandwidth.mean_gbit_s);
    result.bandwidth.max_gbit_s = *most;
  }
}

Result result_of(const Plan& plan, const PairPlan& pair, const Cell& cell, const Settings& settings,
                 Transport transport, const SeriesRecord& a, const SeriesRecord& b) {
  Result result;
  result.metric = cell.metric;
  result.transport = transport;
  result.operation = a.operation;
  result.size_bytes = cell.size_bytes;
  result.rank_a = pair.a;
  result.rank_b = pair.b;
  result.paths = cell.paths;
  std::vector<const PathPlan*> paths;
  for (const std::size_t path : cell.paths) paths.push_back(&plan.paths[path]);
  result.bound_gbit_s = bound_of(paths, transport);
  if (cell.metric == Metric::latency) {
    result.samples = a.latency_us.count;
    result.latency_us = a.latency_us;
    result.block_values = a.block_medians_us;
    result.core_work = {{pair.a, a.core_work_ns}, {pair.b, b.core_work_ns}};
  } else {
    result.bidirectional = settings.bidirectional;
    if (result.bidirectional && result.bound_gbit_s) *result.bound_gbit_s *= 2;
    add_bandwidth(a, b, result);
    if (result.bound_gbit_s) result.fraction_of_bound = result.bandwidth.mean_gbit_s / *result.bound_gbit_s;
  }
  result.blocks = result.block_values.size();
  result.proof = prove(transport, traffic_of(result, a, b), paths, a.counters, b.counters);
  result.warnings = a.warnings;
  for (const measure::Warning& warning : b.warnings) {
    if (std::find(result.warnings.begin(), result.warnings.end(), warning) == result.warnings.end()) {
      result.warnings.push_back(warning);
    }
  }
  if (transport == verbs::Transport::ud) result.lost_messages = a.lost_messages + b.lost_messages;
  if (settings.verify) result.corrupt_messages = a.corrupt_messages + b.corrupt_messages;
  return result;
}

Directions directions_of(const Plan& plan, const PairPlan& pair, const Cell& cell, const Settings& settings,
                         const CellRecord& a, const CellRecord& b) {
  Directions directions;
  directions.path = cell.paths.front();
  directions.there = result_of(plan, pair, cell, settings, cell.transports[0], a.series.at(0), b.series.at(0));
  directions.back = result_of(plan, pair, cell, settings, cell.transports[1], a.series.at(1), b.series.at(1));
  std::vector<double> there = directions.there.block_values;
  std::vector<double> back = directions.back.block_values;
  const std::size_t pairs = measure::lift_zeros({&there, &back}) ? std::min(there.size(), back.size()) : 0;
  directions.back_over_there = measure::ratio_of_pairs(std::span(there).first(pairs), std::span(back).first(pairs));
  return directions;
}

}  // namespace

void add_core_warnings(Report& report) {
  measure::add_core_warnings(report.results, &Result::block_values, [&](int rank) { return rank_name(report, rank); });
}

void add_results(const Plan& plan, const PairPlan& pair, const Cell& cell, const Settings& settings,
                 const CellRecord& a, const CellRecord& b, Report& report) {
  if (cell.each_direction) {
    report.directions.push_back(directions_of(plan, pair, cell, settings, a, b));
    return;
  }
  const std::size_t first = report.results.size();
  for (std::size_t i = 0; i < cell.transports.size(); ++i) {
    report.results.push_back(result_of(plan, pair, cell, settings, cell.transports[i], a.series.at(i), b.series.at(i)));
    for (const SeriesRecord* series : {&a.series[i], &b.series[i]}) {
      if (series->first_corruption.empty()) continue;
      report.notes.push_back(fmt::format("{} {} of {}: {}", to_string(cell.transports[i]), to_string(series->operation),
                                         text::exact_size(cell.size_bytes), series->first_corruption));
    }
  }
  for (std::size_t i = 1; i < cell.transports.size(); ++i) {
    const Result& one = report.results[first];
    const Result& other = report.results[first + i];
    Comparison comparison;
    comparison.metric = cell.metric;
    comparison.size_bytes = cell.size_bytes;
    comparison.rank_a = pair.a;
    comparison.rank_b = pair.b;
    comparison.paths = cell.paths;
    comparison.a = one.transport;
    comparison.b = other.transport;
    const std::size_t pairs = std::min(one.block_values.size(), other.block_values.size());
    comparison.ratio_p50 =
        measure::ratio_of_pairs(std::span(one.block_values).first(pairs), std::span(other.block_values).first(pairs));
    if (one.latency_us.p99 && other.latency_us.p99 && *one.latency_us.p99 > 0) {
      comparison.ratio_p99 = *other.latency_us.p99 / *one.latency_us.p99;
    }
    report.comparisons.push_back(std::move(comparison));
  }
}

}  // namespace rocekit::pingpong
