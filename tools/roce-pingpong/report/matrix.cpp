#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/text/sizes.h"
#include "core/text/table.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/report/tables.h"

namespace rocekit::pingpong {
namespace {

using text::Cell;
using text::Column;
using text::Tone;

/// A pair this far from the median of its grid stands out (the same marks as ROCE-PERF-008).
constexpr double slow_latency = 2.0;
constexpr double slow_bandwidth = 0.8;

using GridKey = std::pair<verbs::Transport, verbs::Operation>;

std::optional<double> value_of(const Result& result) {
  return result.metric == Metric::latency ? result.latency_us.p50 : std::optional(result.bandwidth.mean_gbit_s);
}

std::string shown(Metric metric, double value) {
  return metric == Metric::latency ? microseconds(value) : gigabits(value);
}

/// One grid: a transport, an operation, a size and a number of paths.
struct Grid {
  Metric metric = Metric::latency;
  GridKey series;
  std::size_t size_bytes = 0;
  std::size_t paths = 0;
  std::map<std::pair<int, int>, double> values;
};

/// Of each transport the grid that tells most: the smallest latency, the largest stream over most paths.
std::vector<Grid> grids_of(const Report& report, Metric metric) {
  std::vector<Grid> grids;
  for (const Result& result : report.results) {
    const std::optional<double> value = value_of(result);
    if (result.metric != metric || !value) continue;
    const GridKey series{result.transport, result.operation};
    auto grid = std::find_if(grids.begin(), grids.end(), [&](const Grid& g) { return g.series == series; });
    if (grid == grids.end()) grid = grids.insert(grids.end(), Grid{metric, series, result.size_bytes, 0, {}});
    const bool better = metric == Metric::latency ? result.size_bytes < grid->size_bytes
                                                  : std::tuple(result.size_bytes, result.paths.size()) >
                                                        std::tuple(grid->size_bytes, grid->paths);
    if (better || grid->values.empty()) {
      grid->size_bytes = result.size_bytes;
      grid->paths = result.paths.size();
      grid->values.clear();
    }
    if (result.size_bytes != grid->size_bytes || result.paths.size() != grid->paths) continue;
    // Several single paths of a pair: the slowest is the one to know.
    const auto [entry, added] = grid->values.emplace(std::pair(result.rank_a, result.rank_b), *value);
    if (!added) {
      entry->second = metric == Metric::latency ? std::max(entry->second, *value) : std::min(entry->second, *value);
    }
  }
  return grids;
}

std::string grid_heading(const Grid& grid) {
  const std::string name = series_name(grid.series.first, grid.series.second);
  if (grid.metric == Metric::latency) {
    return fmt::format("{}, {}: median in us, {}", name, text::exact_size(grid.size_bytes),
                       verbs::is_one_sided_latency(grid.series.second) ? "the whole operation" : "half a round trip");
  }
  return fmt::format("{}, {}: mean in Gb/s{}", name, text::exact_size(grid.size_bytes),
                     grid.paths > 1 ? fmt::format(", {} paths at once", grid.paths) : "");
}

std::string grid_table(const Report& report, const Grid& grid, const TableLayout& layout) {
  std::vector<double> values;
  for (const auto& [pair, value] : grid.values) values.push_back(value);
  const double median = measure::median(values);
  const int ranks = static_cast<int>(report.hosts.size());
  std::size_t name_width = 4;
  for (const Host& host : report.hosts) name_width = std::max(name_width, host.name.size());
  std::size_t cell_width = 3;
  for (const double value : values) cell_width = std::max(cell_width, shown(grid.metric, value).size());
  // Grids that are wider than the terminal stand in parts below each other.
  const int room = layout.width - static_cast<int>(name_width) - 6;
  const int columns_a_part = std::max(1, room / (static_cast<int>(cell_width) + 2));
  std::string out;
  for (int from = 1; from < ranks; from += columns_a_part) {
    const int end = std::min(ranks, from + columns_a_part);
    std::vector<Column> columns{{"RANK", 0, true}, {""}};
    for (int b = from; b < end; ++b) columns.push_back({std::to_string(b), 0, true});
    text::Table table(std::move(columns));
    for (int a = 0; a < end - 1; ++a) {
      std::vector<Cell> cells{{std::to_string(a)}, {report.hosts[static_cast<std::size_t>(a)].name}};
      for (int b = from; b < end; ++b) {
        const auto found = grid.values.find({a, b});
        if (found == grid.values.end()) {
          cells.push_back({a < b ? "-" : "", Tone::faint});
          continue;
        }
        const bool slow = grid.metric == Metric::latency ? found->second > slow_latency * median
                                                         : found->second < slow_bandwidth * median;
        cells.push_back({shown(grid.metric, found->second), slow ? Tone::warn : Tone::plain});
      }
      table.add_row(std::move(cells));
    }
    if (from > 1) out += '\n';
    out += table.render(layout.style, layout.width);
  }
  return out;
}

/// "1.42 - 1.61 (1.47)"
std::string spread(Metric metric, const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{} - {} ({})", shown(metric, *least), shown(metric, *most),
                     shown(metric, measure::median(values)));
}

std::string ratio_spread(const std::vector<const Comparison*>& comparisons) {
  std::vector<double> factors;
  std::size_t slower = 0;
  std::size_t unequal = 0;
  for (const Comparison* comparison : comparisons) {
    const Against result = against(*comparison);
    if (result.outcome == Against::Outcome::too_few_pairs) continue;
    if (result.outcome != Against::Outcome::no_difference) ++unequal;
    if (result.outcome == Against::Outcome::slower) ++slower;
    factors.push_back(result.factor);
  }
  if (factors.empty()) return "too few pairs to compare";
  if (unequal == 0) return "no difference";
  if (slower < factors.size() && slower > 0) return fmt::format("slower on {} of {}", slower, factors.size());
  const auto [least, most] = std::minmax_element(factors.begin(), factors.end());
  return fmt::format("{}x to {}x {}", times(*least), times(*most), slower > 0 ? "slower" : "faster");
}

/// By size: what the pairs have in common.
std::string spread_table(const Report& report, Metric metric, const TableLayout& layout) {
  std::vector<GridKey> series;
  std::map<std::pair<std::size_t, std::size_t>, std::map<GridKey, std::vector<double>>> lines;
  for (const Result& result : report.results) {
    const std::optional<double> value = value_of(result);
    if (result.metric != metric || !value) continue;
    const GridKey name{result.transport, result.operation};
    if (std::find(series.begin(), series.end(), name) == series.end()) series.push_back(name);
    lines[{result.size_bytes, result.paths.size()}][name].push_back(*value);
  }
  if (lines.empty()) return {};
  std::map<std::pair<verbs::Transport, verbs::Transport>,
           std::map<std::pair<std::size_t, std::size_t>, std::vector<const Comparison*>>>
      compared;
  for (const Comparison& comparison : report.comparisons) {
    if (comparison.metric != metric) continue;
    compared[{comparison.a, comparison.b}][{comparison.size_bytes, comparison.paths.size()}].push_back(&comparison);
  }
  const bool several = std::any_of(lines.begin(), lines.end(), [](const auto& line) { return line.first.second > 1; });
  std::vector<Column> columns{{"SIZE", 0, true}};
  if (several) columns.push_back({"PATHS", 0, true});
  for (const GridKey& name : series) {
    columns.push_back({series_name(name.first, name.second), name == series.front() ? 0 : 1});
  }
  for (const auto& [sides, found] : compared) {
    columns.push_back({fmt::format("{} AGAINST {}", in_capitals(sides.second), in_capitals(sides.first))});
  }
  text::Table table(std::move(columns));
  for (const auto& [line, by_series] : lines) {
    std::vector<Cell> cells{{text::exact_size(line.first)}};
    if (several) cells.push_back({std::to_string(line.second)});
    for (const GridKey& name : series) {
      const auto found = by_series.find(name);
      cells.push_back({found == by_series.end() ? "-" : spread(metric, found->second)});
    }
    for (const auto& [sides, by_line] : compared) {
      const auto found = by_line.find(line);
      cells.push_back({found == by_line.end() ? "-" : ratio_spread(found->second)});
    }
    table.add_row(std::move(cells));
  }
  return table.render(layout.style, layout.width);
}

}  // namespace

std::string matrices(const Report& report, const TableLayout& layout) {
  std::string out;
  const std::size_t pairs = pairs_of(report).size();
  for (const Metric metric : {Metric::latency, Metric::bandwidth}) {
    const std::vector<Grid> grids = grids_of(report, metric);
    if (grids.empty()) continue;
    const std::string label = metric == Metric::latency ? "LATENCY" : "BANDWIDTH";
    for (const Grid& grid : grids) {
      out += '\n' + layout.style.paint(Tone::strong, fmt::format("{:<11}", label)) + grid_heading(grid) + '\n' +
             grid_table(report, grid, layout);
    }
    out += fmt::format("\nOver {} pair{}, least - most (median), in {}:\n", pairs, pairs == 1 ? "" : "s",
                       metric == Metric::latency ? "us" : "Gb/s") +
           spread_table(report, metric, layout);
  }
  return out;
}

}  // namespace rocekit::pingpong
