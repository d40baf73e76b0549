#include "tools/roce-pingpong/report/verdict_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "core/text/sizes.h"
#include "core/text/table.h"
#include "probes/report/finding_text.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using text::Tone;

/// RDMA first, then what there is.
int preference(verbs::Transport transport) {
  switch (transport) {
    case verbs::Transport::rc:
      return 0;
    case verbs::Transport::ud:
      return 1;
    case verbs::Transport::tcp:
      return 2;
    case verbs::Transport::null:
      break;
  }
  return 3;
}

std::string comparison_words(const Report& report, const Result& result) {
  for (const Comparison& comparison : report.comparisons) {
    if (comparison.metric != result.metric || comparison.size_bytes != result.size_bytes ||
        comparison.paths != result.paths || comparison.a != result.transport ||
        std::pair(comparison.rank_a, comparison.rank_b) != std::pair(result.rank_a, result.rank_b)) {
      continue;
    }
    const Against found = against(comparison);
    const std::string other = in_capitals(comparison.b);
    switch (found.outcome) {
      case Against::Outcome::slower:
        return fmt::format(", {} is {}x slower", other, times(found.factor));
      case Against::Outcome::faster:
        return fmt::format(", {} is {}x faster", other, times(found.factor));
      case Against::Outcome::no_difference:
        return fmt::format(", no difference to {}", other);
      case Against::Outcome::too_few_pairs:
        break;
    }
    return "";
  }
  return "";
}

/// The latency that says most: RDMA, smallest message.
std::string latency_words(const Report& report) {
  const Result* best = nullptr;
  const auto rank = [](const Result& r) { return std::tuple(preference(r.transport), r.size_bytes); };
  for (const Result& result : report.results) {
    if (result.metric != Metric::latency || !result.latency_us.p50) continue;
    if (best == nullptr || rank(result) < rank(*best)) best = &result;
  }
  if (best == nullptr) return "";
  std::vector<double> medians;
  for (const Result& result : report.results) {
    if (result.metric == Metric::latency && result.transport == best->transport &&
        result.operation == best->operation && result.size_bytes == best->size_bytes && result.latency_us.p50) {
      medians.push_back(*result.latency_us.p50);
    }
  }
  const std::string name = in_capitals(best->transport);
  if (report.hosts.size() <= 2) {
    return fmt::format("{} p50 {} us at {}{}", name, microseconds(best->latency_us.p50),
                       text::exact_size(best->size_bytes), comparison_words(report, *best));
  }
  const auto [least, most] = std::minmax_element(medians.begin(), medians.end());
  return fmt::format("{} p50 {} to {} us at {} over {} pairs", name, microseconds(*least), microseconds(*most),
                     text::exact_size(best->size_bytes), medians.size());
}

/// The bandwidth that says most: RDMA, most paths at once, best size.
std::string bandwidth_words(const Report& report) {
  const Result* best = nullptr;
  const auto rank = [](const Result& r) {
    return std::tuple(preference(r.transport), -static_cast<int>(r.paths.size()), -r.bandwidth.mean_gbit_s);
  };
  for (const Result& result : report.results) {
    if (result.metric != Metric::bandwidth) continue;
    if (best == nullptr || rank(result) < rank(*best)) best = &result;
  }
  if (best == nullptr) return "";
  const auto bound = bound_of(report, *best);
  std::string who = in_capitals(best->transport);
  if (best->paths.size() > 1) who = fmt::format("{} over {} paths", who, best->paths.size());
  std::string figure = gigabits(best->bandwidth.mean_gbit_s);
  if (report.hosts.size() > 2) {
    double least = best->bandwidth.mean_gbit_s;
    for (const Result& result : report.results) {
      if (result.metric == Metric::bandwidth && result.transport == best->transport &&
          result.size_bytes == best->size_bytes && result.paths.size() == best->paths.size()) {
        least = std::min(least, result.bandwidth.mean_gbit_s);
      }
    }
    figure = fmt::format("{} to {}", gigabits(least), figure);
  }
  return fmt::format("{} carries {}{} Gb/s", who, figure,
                     bound ? fmt::format(" of {}", gigabits(best->bidirectional ? 2 * *bound : *bound)) : "");
}

}  // namespace

std::string verdict_line(const Report& report, const text::Style& style, int width) {
  std::vector<std::string> parts;
  for (const std::string& part : {latency_words(report), bandwidth_words(report)}) {
    if (!part.empty()) parts.push_back(part);
  }
  if (parts.empty()) parts.emplace_back("nothing was measured");
  return rocekit::report::render_measured_verdict(report.verdict, report.findings,
                                                  fmt::format("{}", fmt::join(parts, "; ")), style, width);
}

}  // namespace rocekit::pingpong
