#include "tools/roce-pingpong/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "core/text/sizes.h"
#include "core/text/table.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

using text::Cell;
using text::Column;
using text::Tone;

/// Lines of a table beyond which single rails are told at the largest size alone.
constexpr std::size_t most_lines = 20;

struct Series {
  verbs::Transport transport = verbs::Transport::rc;
  verbs::Operation operation = verbs::Operation::send;
  friend bool operator==(const Series&, const Series&) = default;
};

struct Line {
  std::size_t size_bytes = 0;
  std::vector<std::size_t> paths;
  bool bidirectional = false;
  friend bool operator==(const Line&, const Line&) = default;
};

template <class T>
void add_once(std::vector<T>& list, T item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

/// The results of one metric of a pair, as lines and columns.
class View {
 public:
  View(const Report& report, Pair pair, Metric metric) : report_(report), pair_(pair), metric_(metric) {
    for (const Result& result : report.results) {
      if (!holds(result)) continue;
      add_once(series_, Series{result.transport, result.operation});
      add_once(lines_, line_of(result));
      add_once(path_sets_, result.paths);
    }
    std::stable_sort(lines_.begin(), lines_.end(), [](const Line& x, const Line& y) {
      return std::tuple(x.size_bytes, x.paths.size(), x.paths) < std::tuple(y.size_bytes, y.paths.size(), y.paths);
    });
    for (const Comparison& comparison : report.comparisons) {
      if (!holds(comparison)) continue;
      add_once(compared_, std::pair(comparison.a, comparison.b));
    }
  }

  bool empty() const { return lines_.empty(); }
  const std::vector<Series>& series() const { return series_; }
  const std::vector<Line>& lines() const { return lines_; }
  const std::vector<std::vector<std::size_t>>& path_sets() const { return path_sets_; }
  const std::vector<std::pair<verbs::Transport, verbs::Transport>>& compared() const { return compared_; }
  bool names_paths() const { return path_sets_.size() > 1; }

  const Result* find(const Line& line, const Series& series) const {
    for (const Result& result : report_.results) {
      if (holds(result) && line_of(result) == line && Series{result.transport, result.operation} == series) {
        return &result;
      }
    }
    return nullptr;
  }

  const Comparison* find(const Line& line, const std::pair<verbs::Transport, verbs::Transport>& sides) const {
    for (const Comparison& comparison : report_.comparisons) {
      if (holds(comparison) && comparison.size_bytes == line.size_bytes && comparison.paths == line.paths &&
          std::pair(comparison.a, comparison.b) == sides) {
        return &comparison;
      }
    }
    return nullptr;
  }

 private:
  template <class T>
  bool holds(const T& item) const {
    return item.metric == metric_ && Pair{item.rank_a, item.rank_b} == pair_;
  }
  static Line line_of(const Result& result) { return {result.size_bytes, result.paths, result.bidirectional}; }

  const Report& report_;
  Pair pair_;
  Metric metric_;
  std::vector<Series> series_;
  std::vector<Line> lines_;
  std::vector<std::vector<std::size_t>> path_sets_;
  std::vector<std::pair<verbs::Transport, verbs::Transport>> compared_;
};

/// "12345" -> "12k": how many, not how many exactly.
std::string count_words(std::size_t count) {
  if (count < 10'000) return std::to_string(count);
  const double thousands = static_cast<double>(count) / 1e3;
  if (thousands < 1000) return fmt::format("{:.0f}k", thousands);
  return fmt::format("{:.{}f}M", thousands / 1e3, thousands < 10'000 ? 1 : 0);
}

std::string heading(const text::Style& style, std::string_view label, const std::string& words, int width) {
  std::string out = "\n";
  const std::string head = fmt::format("{:<11}", label);
  const auto lines = text::wrap(words, width, 11, 11);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += (i == 0 ? style.paint(Tone::strong, head) + lines[i].substr(std::min<std::size_t>(11, lines[i].size()))
                   : lines[i]) +
           '\n';
  }
  return out;
}

std::string series_words(const View& view) {
  std::vector<std::string> names;
  for (const Series& series : view.series()) names.push_back(series_name(series.transport, series.operation));
  return join_words(names) + (names.size() > 1 ? ", in alternating blocks" : "");
}

std::string path_words(const View& view) {
  if (view.names_paths()) return "";
  const auto& paths = view.path_sets().front();
  if (paths.empty()) return "";
  return fmt::format("; {} {}", paths.size() == 1 ? "path" : "paths", path_numbers(paths));
}

Cell against_cell(const Comparison* comparison) {
  if (comparison == nullptr) return {"-", Tone::faint};
  const Against result = against(*comparison);
  const Tone tone = result.outcome == Against::Outcome::slower   ? Tone::good
                    : result.outcome == Against::Outcome::faster ? Tone::warn
                                                                 : Tone::faint;
  return {in_words(result), tone};
}

void add_comparison_columns(std::vector<Column>& columns, const View& view) {
  for (const auto& [a, b] : view.compared()) {
    columns.push_back({fmt::format("{} AGAINST {}", in_capitals(b), in_capitals(a))});
  }
}

void add_comparison_cells(std::vector<Cell>& cells, const View& view, const Line& line) {
  for (const auto& sides : view.compared()) cells.push_back(against_cell(view.find(line, sides)));
}

std::vector<Column> leading_columns(const View& view) {
  std::vector<Column> columns{{"SIZE", 0, true}};
  if (view.names_paths()) columns.push_back({"PATH"});
  return columns;
}

std::vector<Cell> leading_cells(const View& view, const Line& line, std::optional<std::size_t>& last_size) {
  // A size that stands over several paths is told once.
  std::vector<Cell> cells{{last_size == line.size_bytes ? "" : text::exact_size(line.size_bytes)}};
  last_size = line.size_bytes;
  if (view.names_paths()) cells.push_back({path_numbers(line.paths)});
  return cells;
}

// ---- latency --------------------------------------------------------------------------------------------------------

struct Statistic {
  const char* title;
  std::string (*of)(const measure::Distribution&);
  int drop_order;  ///< in the first series
};

using measure::Distribution;
constexpr Statistic statistic_min{"MIN", [](const Distribution& d) { return microseconds(d.min); }, 4};
constexpr Statistic statistic_p50{"P50", [](const Distribution& d) { return microseconds(d.p50); }, 0};
constexpr Statistic statistic_p90{"P90", [](const Distribution& d) { return microseconds(d.p90); }, 7};
constexpr Statistic statistic_p99{"P99", [](const Distribution& d) { return microseconds(d.p99); }, 1};
constexpr Statistic statistic_p999{"P99.9", [](const Distribution& d) { return microseconds(d.p999); }, 5};
constexpr Statistic statistic_max{"MAX", [](const Distribution& d) { return microseconds(d.max); }, 6};

/// What there is room for: one transport in full, two with their tails, more with median and p99.
std::vector<std::vector<const Statistic*>> statistics_shown(std::size_t series) {
  if (series == 1) {
    return {{&statistic_min, &statistic_p50, &statistic_p90, &statistic_p99, &statistic_p999, &statistic_max}};
  }
  if (series == 2) {
    return {{&statistic_min, &statistic_p50, &statistic_p99, &statistic_p999},
            {&statistic_p50, &statistic_p99, &statistic_p999}};
  }
  return std::vector<std::vector<const Statistic*>>(series, {&statistic_p50, &statistic_p99});
}

std::string counts_of(const View& view, const Line& line) {
  std::vector<std::string> counts;
  for (const Series& series : view.series()) {
    const Result* result = view.find(line, series);
    counts.push_back(result == nullptr ? "-" : count_words(result->latency_us.count));
  }
  if (std::all_of(counts.begin(), counts.end(), [&](const std::string& count) { return count == counts.front(); })) {
    return counts.front();
  }
  return fmt::format("{}", fmt::join(counts, "/"));
}

/// Operations of which the sample is the whole, beside those of which it is half a round trip.
std::string what_is_timed(const View& view) {
  std::vector<std::string> whole;
  bool halves = false;
  for (const Series& series : view.series()) {
    if (verbs::is_one_sided_latency(series.operation)) {
      whole.push_back(series_name(series.transport, series.operation));
    } else {
      halves = true;
    }
  }
  if (whole.empty()) return "half a round trip in us";
  return halves ? fmt::format("us, half a round trip, of {} the whole operation", join_words(whole))
                : "the whole operation in us";
}

// ---- bandwidth ------------------------------------------------------------------------------------------------------

Cell fraction_cell(const Report& report, const Result& result, bool with_bound) {
  const auto fraction = fraction_of(report, result);
  const auto bound = bound_of(report, result);
  if (!fraction || !bound) return {"-", Tone::faint};
  const bool reported = std::any_of(report.findings.begin(), report.findings.end(), [](const checks::Finding& finding) {
    return finding.id == "ROCE-PERF-001" || finding.id == "ROCE-PERF-002";
  });
  const bool low = reported && result.transport == verbs::Transport::rc && *fraction < 0.9;
  const std::string of = fmt::format(" of {}", gigabits(result.bidirectional ? 2 * *bound : *bound));
  return {percent(*fraction) + (with_bound ? of : ""), low ? Tone::warn : Tone::plain};
}

std::string queue_words(const Report& report, const View& view) {
  std::string words = "payload in Gb/s, mean and slowest 100 ms";
  const bool both = !view.lines().empty() && view.lines().front().bidirectional;
  if (both) words += ", both directions together";
  if (report.queue_pairs > 1) words += fmt::format(", {} queue pairs", report.queue_pairs);
  return words;
}

}  // namespace

std::vector<Pair> pairs_of(const Report& report) {
  std::vector<Pair> pairs;
  for (const Result& result : report.results) add_once(pairs, Pair{result.rank_a, result.rank_b});
  return pairs;
}

std::string latency_table(const Report& report, Pair pair, const TableLayout& layout) {
  const View view(report, pair, Metric::latency);
  if (view.empty()) return {};
  const auto shown = statistics_shown(view.series().size());
  std::vector<Column> columns = leading_columns(view);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    for (const Statistic* statistic : shown[i]) {
      const bool named = statistic == &statistic_min || statistic == &statistic_p50;
      columns.push_back(
          {named ? fmt::format("{} {}", in_capitals(view.series()[i].transport), statistic->title) : statistic->title,
           i == 0 || statistic->drop_order == 0 ? statistic->drop_order : statistic->drop_order + 1, true});
    }
  }
  columns.push_back({"N", 3, true});
  add_comparison_columns(columns, view);
  text::Table table(std::move(columns));
  std::optional<std::size_t> last_size;
  for (const Line& line : view.lines()) {
    std::vector<Cell> cells = leading_cells(view, line, last_size);
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const Result* result = view.find(line, view.series()[i]);
      for (const Statistic* statistic : shown[i]) {
        const Tone tone = statistic == &statistic_p50 ? Tone::strong : Tone::plain;
        cells.push_back({result == nullptr ? "-" : statistic->of(result->latency_us), tone});
      }
    }
    cells.push_back({counts_of(view, line), Tone::faint});
    add_comparison_cells(cells, view, line);
    table.add_row(std::move(cells));
  }
  const bool unsupported = std::any_of(report.results.begin(), report.results.end(), [&](const Result& result) {
    return result.metric == Metric::latency && !(result.latency_us.p99 && result.latency_us.p999);
  });
  return heading(layout.style, "LATENCY",
                 fmt::format("{}: {}{}", what_is_timed(view), series_words(view), path_words(view)), layout.width) +
         table.render(layout.style, layout.width) +
         (unsupported ? layout.style.paint(Tone::faint, "- more than n samples can tell") + '\n' : "");
}

std::string bandwidth_table(const Report& report, Pair pair, const TableLayout& layout) {
  const View view(report, pair, Metric::bandwidth);
  if (view.empty()) return {};
  std::vector<Column> columns = leading_columns(view);
  int position = 0;
  for (const Series& series : view.series()) {
    columns.push_back({in_capitals(series.transport) + " MEAN", 0, true});
    columns.push_back({"SLOWEST", 4 + position, true});
    columns.push_back({"OF BOUND", 1 + position, true});
    if (layout.verbose) columns.push_back({"MSG/S", 8, true});
    ++position;
  }
  add_comparison_columns(columns, view);
  text::Table table(std::move(columns));

  std::size_t most_paths = 0;
  std::size_t largest = 0;
  for (const Line& line : view.lines()) {
    most_paths = std::max(most_paths, line.paths.size());
    largest = std::max(largest, line.size_bytes);
  }
  const bool brief = !layout.verbose && view.lines().size() > most_lines;
  std::optional<std::size_t> last_size;
  for (const Line& line : view.lines()) {
    if (brief && line.paths.size() < most_paths && line.size_bytes < largest) continue;
    std::vector<Cell> cells = leading_cells(view, line, last_size);
    for (const Series& series : view.series()) {
      const Result* result = view.find(line, series);
      if (result == nullptr) {
        cells.insert(cells.end(), layout.verbose ? 4 : 3, Cell{"-", Tone::faint});
        continue;
      }
      cells.push_back({gigabits(result->bandwidth.mean_gbit_s), Tone::strong});
      const auto& slowest = result->bandwidth.min_gbit_s;
      cells.push_back({slowest ? gigabits(*slowest) : "-"});
      cells.push_back(fraction_cell(report, *result, series == view.series().front()));
      if (layout.verbose) cells.push_back({count_words(static_cast<std::size_t>(result->bandwidth.messages_per_s))});
    }
    add_comparison_cells(cells, view, line);
    table.add_row(std::move(cells));
  }
  return heading(layout.style, "BANDWIDTH",
                 fmt::format("{}: {}{}", queue_words(report, view), series_words(view), path_words(view)),
                 layout.width) +
         table.render(layout.style, layout.width);
}

std::string statistics_table(const Report& report, Pair pair, const TableLayout& layout) {
  const View view(report, pair, Metric::latency);
  if (view.empty()) return {};
  std::vector<Column> columns{{"SIZE", 0, true}, {"PATH", 3}, {"OVER"}};
  for (const char* title : {"MIN", "P50", "P90", "P99", "P99.9", "MAX", "MEAN", "STDDEV"}) {
    columns.push_back({title, title == std::string_view("MEAN") || title == std::string_view("STDDEV") ? 2 : 0, true});
  }
  columns.push_back({"N", 0, true});
  columns.push_back({"BLOCKS", 1, true});
  text::Table table(std::move(columns));
  for (const Line& line : view.lines()) {
    for (const Series& series : view.series()) {
      const Result* result = view.find(line, series);
      if (result == nullptr) continue;
      const Distribution& d = result->latency_us;
      table.add_row({{text::exact_size(line.size_bytes)},
                     {path_numbers(line.paths)},
                     {series_name(*result)},
                     {microseconds(d.min)},
                     {microseconds(d.p50), Tone::strong},
                     {microseconds(d.p90)},
                     {microseconds(d.p99)},
                     {microseconds(d.p999)},
                     {microseconds(d.max)},
                     {microseconds(d.mean)},
                     {microseconds(d.stddev)},
                     {std::to_string(d.count)},
                     {std::to_string(result->blocks)}});
    }
  }
  return heading(layout.style, "STATISTICS", "of each latency, in us", layout.width) +
         table.render(layout.style, layout.width);
}

std::string budget_table(const Report& report, Pair pair, const TableLayout& layout) {
  const View view(report, pair, Metric::latency);
  text::Table table(
      {{"SIZE", 0, true}, {"PATH"}, {"OVER"}, {"P50", 0, true}, {"ON THE WIRE", 0, true}, {"REST", 0, true}});
  for (const Line& line : view.lines()) {
    for (const Series& series : view.series()) {
      const Result* result = view.find(line, series);
      if (result == nullptr || series.transport != verbs::Transport::rc || !result->latency_us.p50) continue;
      const auto bound = bound_of(report, *result);
      if (!bound || *bound <= 0) continue;
      // bits / (Gb/s) are nanoseconds
      const double wire_us = static_cast<double>(line.size_bytes) * 8 / *bound / 1e3;
      const double p50 = *result->latency_us.p50;
      table.add_row({{text::exact_size(line.size_bytes)},
                     {path_numbers(line.paths)},
                     {series_name(*result)},
                     {microseconds(p50), Tone::strong},
                     {fmt::format("{} ({})", microseconds(wire_us), percent(wire_us / p50))},
                     {microseconds(std::max(p50 - wire_us, 0.0))}});
    }
  }
  if (table.empty()) return {};
  return heading(layout.style, "BUDGET",
                 "where the median goes, in us: size / bound is the time on the wire; the rest is adapters, PCIe, "
                 "cable and "
                 "software",
                 layout.width) +
         table.render(layout.style, layout.width);
}

}  // namespace rocekit::pingpong
