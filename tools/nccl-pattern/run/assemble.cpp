#include "tools/nccl-pattern/run/assemble.h"

#include <algorithm>
#include <span>
#include <utility>

#include "collectives/traffic/bus_bandwidth.h"
#include "core/measure/comparison.h"
#include "tools/nccl-pattern/labels.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;

std::vector<double> block_medians(const Series& series) {
  std::vector<double> medians;
  std::size_t begin = 0;
  for (const std::size_t count : series.block_samples) {
    const auto from = series.samples_us.begin() + static_cast<std::ptrdiff_t>(begin);
    medians.push_back(measure::median({from, from + static_cast<std::ptrdiff_t>(count)}));
    begin += count;
  }
  return medians;
}

Result result_of(const Cell& cell, std::size_t side, const Series& series, const Subject& subject,
                 std::optional<double> bound) {
  Result result;
  result.subject = cell.subject;
  result.side = side;
  result.timing = cell.timing;
  result.iterations = series.iterations;
  result.mean_us = series.iterations > 0 ? series.total_us / static_cast<double>(series.iterations) : 0;
  if (cell.timing == Timing::isolated) {
    result.block_values_us = block_medians(series);
    result.latency_us = measure::distribution_of(std::span<const double>(series.samples_us));
    result.warnings = measure::examine_samples(series.samples_us, result.block_values_us);
  } else {
    result.block_values_us = series.block_us;
    result.latency_us = measure::distribution_of(std::span<const double>(series.block_us));
    result.warnings = measure::examine_samples({}, result.block_values_us);
  }
  result.core_work = series.core_work;
  if (series.enqueue_us > 0 && series.total_us > 0) {
    result.enqueue_share = series.enqueue_us / series.total_us;
    if (auto warning = measure::examine_launches(*result.enqueue_share, result.mean_us))
      result.warnings.push_back(std::move(*warning));
  }
  if (subject.whole_step || !subject.kind) return result;
  const double seconds = typical_us(result) * 1e-6;
  const auto ranks = static_cast<std::uint64_t>(subject.ranks);
  result.algbw_gb_s = traffic::algorithm_bandwidth_gb_s(subject.size_bytes, seconds);
  result.busbw_gb_s = traffic::bus_bandwidth_gb_s(*subject.kind, ranks, subject.size_bytes, seconds);
  result.bound_gbit_s = bound;
  if (bound && *bound > 0) result.fraction_of_bound = result.busbw_gb_s * 8 / *bound;
  return result;
}

}  // namespace

std::vector<double> slowest(const std::vector<std::vector<std::uint64_t>>& of_ranks) {
  std::size_t count = of_ranks.empty() ? 0 : of_ranks.front().size();
  for (const auto& samples : of_ranks) count = std::min(count, samples.size());
  std::vector<double> us(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t most = 0;
    for (const auto& samples : of_ranks) most = std::max(most, samples[i]);
    us[i] = static_cast<double>(most) / 1000;
  }
  return us;
}

void add_results(const Cell& cell, const std::vector<SidePlan>& sides, const std::vector<Series>& series,
                 const std::vector<std::optional<double>>& bounds, Report& report) {
  const Subject& subject = report.subjects.at(cell.subject);
  const std::size_t first = report.results.size();
  for (std::size_t i = 0; i < cell.sides.size(); ++i) {
    report.results.push_back(result_of(cell, cell.sides[i], series[i], subject, bounds.at(cell.sides[i])));
  }
  const auto compared = [&](std::size_t i) { return !sides.at(cell.sides[i]).floor; };
  for (std::size_t i = 1; i < cell.sides.size(); ++i) {
    if (!compared(0) || !compared(i)) continue;
    const Result& a = report.results[first];
    const Result& b = report.results[first + i];
    const std::size_t pairs = std::min(a.block_values_us.size(), b.block_values_us.size());
    Comparison comparison;
    comparison.subject = cell.subject;
    comparison.timing = cell.timing;
    comparison.a = a.side;
    comparison.b = b.side;
    comparison.ratio =
        measure::ratio_of_pairs(std::span(a.block_values_us).first(pairs), std::span(b.block_values_us).first(pairs));
    if (cell.timing == Timing::isolated && a.latency_us.p99 && b.latency_us.p99 && *a.latency_us.p99 > 0) {
      comparison.ratio_p99 = *b.latency_us.p99 / *a.latency_us.p99;
    }
    report.comparisons.push_back(comparison);
  }
}

void add_shared(const std::vector<Measured>& subjects, Report& report) {
  for (std::size_t index = 0; index < subjects.size(); ++index) {
    if (!subjects[index].same_as) continue;
    const auto copy = [&](auto& list) {
      const std::size_t count = list.size();
      for (std::size_t i = 0; i < count; ++i) {
        if (list[i].subject != *subjects[index].same_as) continue;
        auto another = list[i];
        another.subject = index;
        list.push_back(std::move(another));
      }
    };
    copy(report.results);
    copy(report.comparisons);
  }
  const auto by_subject = [](const auto& a, const auto& b) { return a.subject < b.subject; };
  std::stable_sort(report.results.begin(), report.results.end(), by_subject);
  std::stable_sort(report.comparisons.begin(), report.comparisons.end(), by_subject);
}

void add_core_warnings(const std::vector<std::string>& names, Report& report) {
  measure::add_core_warnings(report.results, &Result::block_values_us,
                             [&](int rank) { return names.at(static_cast<std::size_t>(rank)); });
}

void add_budgets(const std::vector<SidePlan>& sides, Report& report) {
  for (std::size_t index = 0; index < report.results.size(); ++index) {
    const Result& result = report.results[index];
    const Subject& subject = report.subjects[result.subject];
    const SidePlan& side = sides[result.side];
    if (result.timing != Timing::isolated || subject.whole_step || side.floor) continue;
    LatencyBudget budget;
    budget.subject = result.subject;
    budget.side = result.side;
    budget.rest_us = typical_us(result);
    if (result.bound_gbit_s && *result.bound_gbit_s > 0) {
      budget.serialization_us = std::min(subject.wire_bytes_per_rank * 8e-3 / *result.bound_gbit_s, budget.rest_us);
      budget.rest_us -= *budget.serialization_us;
    }
    // The host backend is its own floor.
    const Result* floor = side.backend == collectives::Backend::host ? &result : nullptr;
    for (std::size_t i = 0; i < sides.size() && floor == nullptr; ++i) {
      if (sides[i].floor && sides[i].transport == side.transport) {
        floor = find_result(report, result.subject, i, Timing::isolated);
      }
    }
    if (floor != nullptr) {
      const double wire = typical_us(*floor) - budget.serialization_us.value_or(0);
      budget.wire_us = std::clamp(wire, 0.0, budget.rest_us);
      budget.rest_us -= *budget.wire_us;
    }
    if (budget.serialization_us || budget.wire_us) report.budgets.push_back(budget);
  }
}

}  // namespace rocekit::pattern
