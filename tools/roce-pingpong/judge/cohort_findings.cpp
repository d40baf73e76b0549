#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using checks::Evidence;
using checks::Finding;

/// A cohort needs enough pairs for its median to mean something: four ranks make six.
constexpr std::size_t fewest_pairs = 6;
constexpr double cohort_bandwidth = 0.80;
/// Pairs on one switch and pairs across the spine differ by two hops, at most about 1 us together.
constexpr double cohort_latency = 2.0;

/// The rank that takes part in each of several slow pairs.
std::optional<int> common_rank(const std::vector<const Result*>& slow) {
  if (slow.size() < 2) return std::nullopt;
  for (const int rank : {slow.front()->rank_a, slow.front()->rank_b}) {
    if (std::all_of(slow.begin(), slow.end(),
                    [&](const Result* r) { return r->rank_a == rank || r->rank_b == rank; })) {
      return rank;
    }
  }
  return std::nullopt;
}

void say_slow_pairs(const Report& report, const std::vector<const Result*>& slow, double median, std::size_t pairs,
                    std::vector<Finding>& out) {
  const Result& first = *slow.front();
  const bool latency = first.metric == Metric::latency;
  const char* unit = latency ? "us" : "Gb/s";
  const auto figure = [&](const Result& result) {
    return latency ? microseconds(result.latency_us.p50) : gigabits(result.bandwidth.mean_gbit_s);
  };
  std::vector<Evidence> evidence{{fmt::format("median of {} pairs", pairs),
                                  fmt::format("{} {}", latency ? microseconds(median) : gigabits(median), unit),
                                  fmt::format("{}, {}", series_name(first), text::exact_size(first.size_bytes))}};
  std::vector<std::string> names;
  for (const Result* result : slow) {
    names.push_back(fmt::format("{} - {}", rank_name(report, result->rank_a), rank_name(report, result->rank_b)));
    evidence.push_back({names.back(), fmt::format("{} {}", figure(*result), unit), ""});
  }
  const std::optional<int> common = common_rank(slow);
  const std::string subject = common ? rank_name(report, *common) : names.front();
  verdicts_of("ROCE-PERF-008", rank_name(report, common.value_or(first.rank_a)), out)
      .warning(subject,
               common ? fmt::format("all {} slow pairs have {} in common", slow.size(), subject)
                      : fmt::format("{}: {} {} where the median of pairs is {}", names.front(), figure(first), unit,
                                    latency ? microseconds(median) : gigabits(median)),
               std::move(evidence),
               common ? fmt::format("A fault of {}: its link, its adapter or its port of the switch.", subject)
                      : "A fault of one of the two, or of the way between them.",
               {"# on a slow node, then on a healthy one with the file copied there:", "roce-probe --save slow.json",
                "roce-probe --diff slow.json"});
}

}  // namespace

void judge_cohort(const Report& report, std::vector<Finding>& out) {
  using Kind = std::tuple<Metric, verbs::Operation, std::size_t, std::size_t, bool>;
  std::map<Kind, std::vector<const Result*>> cohorts;
  for (const Result& result : report.results) {
    if (!is_large_stream(report, result) && !is_small_message(report, result)) continue;
    cohorts[{result.metric, result.operation, result.size_bytes, result.paths.size(), result.bidirectional}].push_back(
        &result);
  }
  // One size tells it: the largest messages of a stream, the smallest of a ping-pong.
  std::map<std::tuple<Metric, verbs::Operation, std::size_t, bool>, const std::vector<const Result*>*> chosen;
  for (const auto& [kind, results] : cohorts) {
    const auto& [metric, operation, size, paths, both] = kind;
    const auto [entry, added] = chosen.emplace(std::tuple(metric, operation, paths, both), &results);
    if (!added && metric == Metric::bandwidth) entry->second = &results;  // sizes ascend
  }
  for (const auto& [kind, results] : chosen) {
    if (results->size() < fewest_pairs) continue;
    const bool latency = std::get<0>(kind) == Metric::latency;
    const auto value = [&](const Result& r) { return latency ? *r.latency_us.p50 : r.bandwidth.mean_gbit_s; };
    std::vector<double> values;
    for (const Result* result : *results) values.push_back(value(*result));
    const double median = measure::median(std::move(values));
    std::vector<const Result*> slow;
    for (const Result* result : *results) {
      const bool is_slow =
          latency ? value(*result) > cohort_latency * median : value(*result) < cohort_bandwidth * median;
      if (is_slow) slow.push_back(result);
    }
    if (!slow.empty()) say_slow_pairs(report, slow, median, results->size(), out);
  }
}

}  // namespace rocekit::pingpong
