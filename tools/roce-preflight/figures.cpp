#include "tools/roce-preflight/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/sizes.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::preflight {
namespace {

using verbs::Transport;

constexpr std::size_t largest_latency = std::size_t{64} << 10U;

bool same_series(const pingpong::Result& a, const pingpong::Result& b) {
  return a.metric == b.metric && a.size_bytes == b.size_bytes && a.paths == b.paths && a.rank_a == b.rank_a &&
         a.rank_b == b.rank_b;
}

std::string rail_of(const pingpong::Report& report, const pingpong::Result& result) {
  std::string name = result.paths.size() == 1 ? pingpong::port_name(report.paths.at(result.paths.front()).a)
                                              : fmt::format("{} rails at once", result.paths.size());
  if (report.hosts.size() > 2) {
    name +=
        fmt::format(" {}-{}", pingpong::rank_name(report, result.rank_a), pingpong::rank_name(report, result.rank_b));
  }
  return name;
}

void add_rails(const pingpong::Report& report, std::vector<Figure>& figures) {
  for (const pingpong::Result& result : report.results) {
    const bool first = std::none_of(report.results.data(), &result,
                                    [&](const pingpong::Result& before) { return same_series(before, result); });
    if (!first) continue;
    const bool latency = result.metric == pingpong::Metric::latency;
    // Of large messages the rate tells more.
    if (latency && result.size_bytes > largest_latency) continue;
    Figure figure;
    figure.kind = latency ? Figure::Kind::latency : Figure::Kind::bandwidth;
    figure.rail = rail_of(report, result);
    figure.what = text::exact_size(result.size_bytes);
    figure.size_bytes = result.size_bytes;
    for (const pingpong::Result& one : report.results) {
      if (!same_series(one, result)) continue;
      std::optional<double> value = one.bandwidth.mean_gbit_s;
      if (latency) value = one.latency_us.p50;
      if (one.transport == Transport::tcp) figure.socket = value;
      if (one.transport != Transport::rc) continue;
      figure.rdma = value;
      if (latency && !value && one.samples > 0) figure.rdma_least = one.latency_us.min;
      figure.proof = pingpong::to_string(one.proof.verdict);
      if (latency) continue;
      figure.bound_gbit_s = pingpong::bound_of(report, one);
      figure.fraction_of_bound = pingpong::fraction_of(report, one);
    }
    for (const pingpong::Comparison& comparison : report.comparisons) {
      if (comparison.metric == result.metric && comparison.size_bytes == result.size_bytes &&
          comparison.paths == result.paths && comparison.rank_a == result.rank_a &&
          comparison.rank_b == result.rank_b) {
        figure.ratio = comparison.ratio_p50;
      }
    }
    figures.push_back(std::move(figure));
  }
}

void add_directions(const pingpong::Report& report, std::vector<Figure>& figures) {
  for (const pingpong::Directions& directions : report.directions) {
    for (const pingpong::Result* result : {&directions.there, &directions.back}) {
      const bool back = result == &directions.back;
      Figure figure;
      figure.kind = Figure::Kind::bandwidth;
      figure.rail = rail_of(report, *result);
      figure.from = pingpong::rank_name(report, back ? result->rank_b : result->rank_a);
      figure.to = pingpong::rank_name(report, back ? result->rank_a : result->rank_b);
      figure.what = fmt::format("{}, {} to {}", text::exact_size(result->size_bytes), figure.from, figure.to);
      figure.size_bytes = result->size_bytes;
      figure.rdma = result->bandwidth.mean_gbit_s;
      figure.proof = pingpong::to_string(result->proof.verdict);
      figure.bound_gbit_s = pingpong::bound_of(report, *result);
      figure.fraction_of_bound = pingpong::fraction_of(report, *result);
      figures.push_back(std::move(figure));
    }
  }
}

void add_collectives(const pattern::Report& report, std::vector<Figure>& figures) {
  const auto side_of = [&](const char* transport) -> std::optional<std::size_t> {
    for (std::size_t side = 0; side < report.sides.size(); ++side) {
      if (!pattern::is_floor(report, side) && pattern::transport_of(report.sides[side]) == transport) return side;
    }
    return std::nullopt;
  };
  const auto rdma = side_of("rdma");
  const auto socket = side_of("socket");
  for (const bool whole_step : {false, true}) {
    for (std::size_t i = 0; i < report.subjects.size(); ++i) {
      const pattern::Subject& subject = report.subjects[i];
      const auto timing = pattern::told_timing(report, i);
      if (subject.whole_step != whole_step || !timing) continue;
      Figure figure;
      figure.kind = Figure::Kind::time;
      figure.what =
          subject.what.empty() || whole_step ? subject.name : fmt::format("{} ({})", subject.name, subject.what);
      if (whole_step && subject.step < report.plan.steps.size()) {
        figure.what = pattern::step_words(report.plan, report.plan.steps[subject.step]);
      }
      figure.whole_step = whole_step;
      figure.size_bytes = subject.size_bytes;
      if (rdma) {
        if (const pattern::Result* result = pattern::find_result(report, i, *rdma, *timing)) {
          figure.rdma = pattern::typical_us(*result);
          figure.bound_gbit_s = result->bound_gbit_s;
          if (subject.size_bytes >= std::uint64_t{1} << 20U) figure.fraction_of_bound = result->fraction_of_bound;
        }
        figure.proof = pattern::to_string(report.sides[*rdma].proof.verdict);
      }
      if (socket) {
        if (const pattern::Result* result = pattern::find_result(report, i, *socket, *timing)) {
          figure.socket = pattern::typical_us(*result);
        }
        if (const pattern::Comparison* comparison = pattern::find_comparison(report, i, *socket, *timing)) {
          if (rdma && comparison->a == *rdma) figure.ratio = comparison->ratio;
        }
      }
      figures.push_back(std::move(figure));
    }
  }
}

}  // namespace

std::vector<Figure> figures_of(const Report& report) {
  std::vector<Figure> figures;
  if (report.rails) add_rails(*report.rails, figures);
  if (report.rails) add_directions(*report.rails, figures);
  if (report.collectives) add_collectives(*report.collectives, figures);
  return figures;
}

double measuring_s(const pingpong::Report& report) {
  double seconds = 0;
  std::vector<pingpong::Result> all = report.results;
  for (const pingpong::Directions& directions : report.directions) {
    all.push_back(directions.there);
    all.push_back(directions.back);
  }
  for (const pingpong::Result& result : all) {
    const auto samples = static_cast<double>(result.samples);
    if (result.metric == pingpong::Metric::latency) {
      seconds += samples * result.latency_us.mean * 2e-6;
    } else if (result.bandwidth.mean_gbit_s > 0) {
      seconds += samples * static_cast<double>(result.size_bytes) * 8e-9 / result.bandwidth.mean_gbit_s;
    }
  }
  return seconds;
}

double measuring_s(const pattern::Report& report) {
  double seconds = 0;
  for (const pattern::Result& result : report.results) {
    seconds += static_cast<double>(result.iterations) * result.mean_us * 1e-6;
  }
  return seconds;
}

}  // namespace rocekit::preflight
