#include "tools/roce-pingpong/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rocekit::pingpong {
namespace {

/// `digits` significant digits where the number is below 10^digits, no exponent.
std::string significant(double value, int digits) {
  if (!(value > 0)) return "0";
  const int before = static_cast<int>(std::floor(std::log10(value))) + 1;
  return fmt::format("{:.{}f}", value, std::clamp(digits - before, 0, 9));
}

}  // namespace

std::string in_capitals(verbs::Transport transport) {
  std::string name = verbs::to_string(transport);
  for (char& letter : name) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return name;
}

std::string series_name(verbs::Transport transport, verbs::Operation operation) {
  if (transport != verbs::Transport::rc) return in_capitals(transport);
  return in_capitals(transport) + ' ' + verbs::to_string(operation);
}

std::string series_name(const Result& result) { return series_name(result.transport, result.operation); }

std::string path_numbers(const std::vector<std::size_t>& paths) { return fmt::format("{}", fmt::join(paths, "+")); }

std::string rank_name(const Report& report, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  if (rank < 0 || index >= report.hosts.size()) return fmt::format("rank {}", rank);
  const std::string& name = report.hosts[index].name;
  const auto same =
      std::count_if(report.hosts.begin(), report.hosts.end(), [&](const Host& host) { return host.name == name; });
  return same > 1 || name.empty() ? fmt::format("{}{}(rank {})", name, name.empty() ? "" : " ", rank) : name;
}

std::string port_name(const End& end) {
  if (!end.device.empty()) return end.port <= 1 ? end.device : fmt::format("{}:{}", end.device, end.port);
  return end.netdev.empty() ? end.ip : end.netdev;
}

std::string ports_of(const Report& report, const std::vector<std::size_t>& paths) {
  std::vector<std::string> names;
  for (const std::size_t path : paths) {
    if (path < report.paths.size()) names.push_back(port_name(report.paths[path].a));
  }
  return join_words(names);
}

std::string join_words(const std::vector<std::string>& words, std::string_view last) {
  if (words.size() < 2) return words.empty() ? std::string() : words.front();
  return fmt::format("{}{}{}", fmt::join(words.begin(), words.end() - 1, ", "), last, words.back());
}

bool is_rdma(const Path& path) { return !path.a.device.empty() && !path.b.device.empty(); }

bool is_soft(const Path& path) { return path.a.soft_roce || path.b.soft_roce; }

bool is_wire(const Path& path) { return is_rdma(path) && !is_soft(path) && path.a.host != path.b.host; }

bool all_on_wire(const Report& report, const std::vector<std::size_t>& paths) {
  return !paths.empty() && std::all_of(paths.begin(), paths.end(), [&](std::size_t path) {
    return path < report.paths.size() && is_wire(report.paths[path]);
  });
}

std::optional<double> bound_of(const Report& report, const Result& result) {
  if (result.bound_gbit_s) return result.bound_gbit_s;
  if (result.paths.size() != 1 || result.paths.front() >= report.paths.size()) return std::nullopt;
  return report.paths[result.paths.front()].bound_gbit_s;
}

std::optional<double> fraction_of(const Report& report, const Result& result) {
  if (result.metric != Metric::bandwidth) return std::nullopt;
  if (result.fraction_of_bound) return result.fraction_of_bound;
  const std::optional<double> bound = bound_of(report, result);
  if (!bound || *bound <= 0) return std::nullopt;
  return result.bandwidth.mean_gbit_s / (result.bidirectional ? 2 * *bound : *bound);
}

Against against(const Comparison& comparison) { return against(comparison.ratio_p50, comparison.metric); }

Against against(const measure::Ratio& ratio, Metric metric) {
  using Outcome = Against::Outcome;
  // More microseconds are slower, more Gb/s are faster.
  const bool b_slower = (metric == Metric::latency) == (ratio.ratio >= 1);
  const bool invert = ratio.ratio < 1;
  if (ratio.pairs == 0 || ratio.ratio <= 0 || ratio.low <= 0 || !std::isfinite(ratio.high)) {
    return {Outcome::too_few_pairs, invert && ratio.ratio > 0 ? 1 / ratio.ratio : ratio.ratio, 0, 0};
  }
  if (!ratio.differs()) return {Outcome::no_difference, ratio.ratio, ratio.low, ratio.high};
  const Outcome outcome = b_slower ? Outcome::slower : Outcome::faster;
  if (invert) return {outcome, 1 / ratio.ratio, 1 / ratio.high, 1 / ratio.low};
  return {outcome, ratio.ratio, ratio.low, ratio.high};
}

std::string in_words(const Against& against) {
  switch (against.outcome) {
    case Against::Outcome::slower:
      return fmt::format("{}x slower ({}-{})", times(against.factor), times(against.low), times(against.high));
    case Against::Outcome::faster:
      return fmt::format("{}x faster ({}-{})", times(against.factor), times(against.low), times(against.high));
    case Against::Outcome::no_difference:
      return fmt::format("no difference ({}-{})", times(against.low), times(against.high));
    case Against::Outcome::too_few_pairs:
      break;
  }
  return "too few pairs to compare";
}

const char* outcome_word(Against::Outcome outcome) {
  switch (outcome) {
    case Against::Outcome::slower:
      return "b-slower";
    case Against::Outcome::faster:
      return "b-faster";
    case Against::Outcome::no_difference:
      return "no-difference";
    case Against::Outcome::too_few_pairs:
      break;
  }
  return "too-few-pairs";
}

std::string microseconds(double us) { return us < 10 ? fmt::format("{:.2f}", us) : significant(us, 3); }

std::string microseconds(std::optional<double> us) { return us ? microseconds(*us) : "-"; }

std::string gigabits(double gbit_s) {
  if (gbit_s >= 10) return fmt::format("{:.1f}", gbit_s);
  if (gbit_s >= 0.1) return fmt::format("{:.2f}", gbit_s);
  return significant(gbit_s, 2);
}

std::string percent(double fraction) {
  const double value = fraction * 100;
  return value >= 10 || value == 0 ? fmt::format("{:.0f} %", value) : fmt::format("{:.1f} %", value);
}

std::string times(double factor) { return factor < 2 ? fmt::format("{:.2f}", factor) : significant(factor, 3); }

}  // namespace rocekit::pingpong
