#include "tools/nccl-pattern/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/text/sizes.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;
using pingpong::Against;
using pingpong::microseconds;
using text::Cell;
using text::Column;
using text::Tone;

constexpr std::array<Timing, 3> timings{Timing::isolated, Timing::back_to_back, Timing::graph};
/// Lines of a budget beyond which only the smallest and the largest size are told.
constexpr std::size_t most_budget_lines = 8;

/// GB/s in three digits.
std::string gigabytes(double gb_s) { return pingpong::gigabits(gb_s); }

bool has_side(const Report& report, const TableRequest& request, std::size_t side) {
  return std::any_of(report.results.begin(), report.results.end(), [&](const Result& result) {
    return result.side == side &&
           std::find(request.subjects.begin(), request.subjects.end(), result.subject) != request.subjects.end();
  });
}

std::vector<std::size_t> sides_of(const Report& report, const TableRequest& request) {
  std::vector<std::size_t> sides;
  for (std::size_t side = 0; side < report.sides.size(); ++side) {
    if (has_side(report, request, side)) sides.push_back(side);
  }
  return sides;
}

/// The side that others are compared with.
std::optional<std::size_t> base_of(const Report& report, const TableRequest& request) {
  std::optional<std::size_t> base;
  for (const Comparison& comparison : report.comparisons) {
    if (std::find(request.subjects.begin(), request.subjects.end(), comparison.subject) == request.subjects.end()) {
      continue;
    }
    if (!base || comparison.a < *base) base = comparison.a;
  }
  return base;
}

Cell against_cell(const Comparison* comparison, const Report& report, std::optional<std::size_t> base) {
  if (comparison == nullptr) return {""};
  const Against found = pingpong::against(comparison->ratio, pingpong::Metric::latency);
  const bool b_loses = found.outcome == Against::Outcome::slower;
  const bool a_loses = found.outcome == Against::Outcome::faster;
  std::string words = pingpong::in_words(found);
  if (base != comparison->a) words += " than " + side_name(report, comparison->a);
  return {words, b_loses ? Tone::good : a_loses ? Tone::warn : Tone::faint};
}

/// Time of all operations of a step on one side in one way of timing; absent when one was not timed so.
std::optional<double> sum_us(const Report& report, const TableRequest& request, std::size_t side, Timing timing) {
  double sum = 0;
  for (const std::size_t subject : request.subjects) {
    if (report.subjects[subject].whole_step) continue;
    const Result* result = find_result(report, subject, side, timing);
    if (result == nullptr) return std::nullopt;
    sum += typical_us(*result) * static_cast<double>(report.subjects[subject].count_in_step);
  }
  return sum;
}

class LatencyTable {
 public:
  LatencyTable(const Report& report, const TableRequest& request)
      : report_(report), request_(request), sides_(sides_of(report, request)), base_(base_of(report, request)) {
    for (const std::size_t subject : request.subjects) {
      for (const Timing timing : timings) {
        for (const std::size_t side : sides_) {
          const Result* result = find_result(report, subject, side, timing);
          if (result == nullptr) continue;
          timed_[static_cast<std::size_t>(timing)] = true;
          bound_ = bound_ || result->fraction_of_bound.has_value();
        }
      }
    }
  }

  void write(Writer& writer) const {
    std::vector<Column> columns;
    if (request_.of_step) {
      columns.push_back({"COUNT", 0, true});
      columns.push_back({"OPERATION"});
      if (request_.verbose) columns.push_back({"WHAT", 9});
    }
    columns.push_back({"SIZE", 0, true});
    if (sides_.size() > 1) columns.push_back({"OVER"});
    if (timed(Timing::isolated)) {
      columns.push_back({"P50", 0, true});
      columns.push_back({"P99", 3, true});
    }
    if (timed(Timing::back_to_back)) columns.push_back({"B2B", 4, true});
    if (timed(Timing::graph)) columns.push_back({"GRAPH", 0, true});
    if (request_.of_step) {
      columns.push_back({"OF STEP", 2, true});
    } else {
      columns.push_back({"ALGBW", 5, true});
      columns.push_back({"BUSBW", 0, true});
      if (bound_) columns.push_back({"OF BOUND", 1, true});
    }
    if (base_) columns.push_back({"AGAINST " + side_name(report_, *base_)});
    text::Table table(std::move(columns));
    for (const std::size_t subject : request_.subjects) add(table, subject);
    writer.table(table, 0);
  }

 private:
  bool timed(Timing timing) const { return timed_[static_cast<std::size_t>(timing)]; }

  void add(text::Table& table, std::size_t index) const {
    const Subject& subject = report_.subjects[index];
    const std::optional<Timing> told = told_timing(report_, index);
    if (!told) return;
    bool first = true;
    for (const std::size_t side : sides_) {
      // A floor is no side of the comparison, and what was not measured has no line.
      if ((is_floor(report_, side) && !request_.verbose) || !was_measured(index, side)) continue;
      std::vector<Cell> row;
      if (request_.of_step) {
        row.push_back({first && !subject.whole_step ? std::to_string(subject.count_in_step) : ""});
        row.push_back(
            {first ? (subject.whole_step ? std::string("whole step") : operation_words(subject)) : "", Tone::accent});
        if (request_.verbose) row.push_back({first ? subject.what : "", Tone::faint});
      }
      row.push_back({first && !subject.whole_step ? size_of(subject) : ""});
      if (sides_.size() > 1) row.push_back({side_name(report_, side)});
      first = false;
      add_latencies(row, index, side, *told);
      const Result* result = find_result(report_, index, side, *told);
      if (request_.of_step) {
        row.push_back({subject.whole_step || result == nullptr ? "" : share(subject, *result, side, *told)});
      } else {
        row.push_back({result == nullptr ? "-" : gigabytes(result->algbw_gb_s)});
        row.push_back({result == nullptr ? "-" : gigabytes(result->busbw_gb_s), Tone::strong});
        if (bound_) {
          const bool known = result != nullptr && result->fraction_of_bound;
          row.push_back({known ? pingpong::percent(*result->fraction_of_bound) : "-"});
        }
      }
      if (base_) row.push_back(against_cell(find_comparison(report_, index, side, *told), report_, base_));
      table.add_row(std::move(row));
    }
  }

  bool was_measured(std::size_t subject, std::size_t side) const {
    return std::any_of(timings.begin(), timings.end(),
                       [&](Timing timing) { return find_result(report_, subject, side, timing) != nullptr; });
  }

  std::string size_of(const Subject& subject) const {
    return request_.of_step ? size_words(subject.size_bytes) : text::exact_size(subject.size_bytes);
  }

  void add_latencies(std::vector<Cell>& row, std::size_t subject, std::size_t side, Timing told) const {
    const auto tone = [&](Timing timing) { return timing == told ? Tone::strong : Tone::plain; };
    if (timed(Timing::isolated)) {
      const Result* result = find_result(report_, subject, side, Timing::isolated);
      row.push_back({result == nullptr ? "-" : typical_words(*result), tone(Timing::isolated)});
      row.push_back({result == nullptr ? "-" : microseconds(result->latency_us.p99)});
    }
    for (const Timing timing : {Timing::back_to_back, Timing::graph}) {
      if (!timed(timing)) continue;
      const Result* result = find_result(report_, subject, side, timing);
      row.push_back({result == nullptr ? "-" : microseconds(typical_us(*result)), tone(timing)});
    }
  }

  std::string share(const Subject& subject, const Result& result, std::size_t side, Timing told) const {
    const std::optional<double> sum = sum_us(report_, request_, side, told);
    if (!sum || *sum <= 0) return "-";
    return pingpong::percent(typical_us(result) * static_cast<double>(subject.count_in_step) / *sum);
  }

  const Report& report_;
  const TableRequest& request_;
  std::vector<std::size_t> sides_;
  std::optional<std::size_t> base_;
  std::array<bool, 3> timed_{};
  bool bound_ = false;
};

/// The host backend over the budget's transport, beside NCCL.
const Result* floor_of(const Report& report, const LatencyBudget& budget) {
  for (std::size_t side = 0; side < report.sides.size(); ++side) {
    if (!is_floor(report, side) || report.sides[side].transport != report.sides[budget.side].transport) continue;
    if (const Result* found = find_result(report, budget.subject, side, Timing::isolated)) return found;
  }
  return nullptr;
}

std::string subject_words(const Subject& subject) {
  return subject.whole_step ? std::string("whole step")
                            : fmt::format("{} {}", operation_words(subject), size_words(subject.size_bytes));
}

}  // namespace

void write_latencies(Writer& writer, const Report& report, const TableRequest& request) {
  LatencyTable(report, request).write(writer);
}

void write_statistics(Writer& writer, const Report& report, const TableRequest& request) {
  text::Table table({{"OF"},
                     {"OVER"},
                     {"TIMED"},
                     {"MIN", 7, true},
                     {"P50", 0, true},
                     {"P90", 8, true},
                     {"P99", 2, true},
                     {"P99.9", 6, true},
                     {"MAX", 5, true},
                     {"MEAN", 4, true},
                     {"STDDEV", 9, true},
                     {"N", 3, true},
                     {"AGAINST"}});
  for (const std::size_t subject : request.subjects) {
    bool first = true;
    for (const std::size_t side : sides_of(report, request)) {
      for (const Timing timing : timings) {
        const Result* result = find_result(report, subject, side, timing);
        if (result == nullptr) continue;
        const measure::Distribution& d = result->latency_us;
        table.add_row({{first ? subject_words(report.subjects[subject]) : "", Tone::accent},
                       {side_name(report, side)},
                       {collectives::to_string(timing)},
                       {microseconds(d.min)},
                       {microseconds(d.p50), Tone::strong},
                       {microseconds(d.p90)},
                       {microseconds(d.p99)},
                       {microseconds(d.p999)},
                       {microseconds(d.max)},
                       {microseconds(result->mean_us > 0 ? result->mean_us : d.mean)},
                       {microseconds(d.stddev)},
                       {std::to_string(d.count)},
                       against_cell(find_comparison(report, subject, side, timing), report, base_of(report, request))});
        first = false;
      }
    }
  }
  if (table.empty()) return;
  writer.heading(
      "STATISTICS",
      "in us; isolated: of single runs, on the slowest rank in each; back-to-back and graph: of the means of "
      "blocks; - more than n samples can tell");
  writer.table(table, 0);
}

void write_budget(Writer& writer, const Report& report, const TableRequest& request) {
  std::vector<const LatencyBudget*> lines;
  for (const std::size_t subject : request.subjects) {
    for (const LatencyBudget& budget : report.budgets) {
      if (budget.subject != subject || is_floor(report, budget.side)) continue;
      // The host backend is its own floor: without a bound there is nothing to part.
      const bool host = report.sides[budget.side].backend == collectives::Backend::host;
      if (budget.serialization_us || (budget.wire_us && !host)) lines.push_back(&budget);
    }
  }
  if (lines.empty()) return;
  const bool brief = !request.verbose && !request.of_step && lines.size() > most_budget_lines;
  const auto size_of = [&](const LatencyBudget* budget) { return report.subjects[budget->subject].size_bytes; };
  const auto [smallest, largest] =
      std::minmax_element(lines.begin(), lines.end(),
                          [&](const LatencyBudget* x, const LatencyBudget* y) { return size_of(x) < size_of(y); });
  text::Table table({{"OF"},
                     {"OVER"},
                     {"P50", 0, true},
                     {"BITS AT THE BOUND", 0, true},
                     {"WIRE", 0, true},
                     {"REST", 0, true},
                     {"OF P50", 1, true}});
  bool means = false;
  for (const LatencyBudget* budget : lines) {
    if (brief && size_of(budget) != size_of(*smallest) && size_of(budget) != size_of(*largest)) continue;
    const Result* result = find_result(report, budget->subject, budget->side, Timing::isolated);
    const double whole = result == nullptr ? 0 : typical_us(*result);
    const Result* floor = floor_of(report, *budget);
    const bool wire_of_mean = budget->wire_us && floor != nullptr && !floor->latency_us.p50;
    means = means || wire_of_mean || (whole > 0 && !result->latency_us.p50);
    table.add_row({{subject_words(report.subjects[budget->subject]), Tone::accent},
                   {side_name(report, budget->side)},
                   {whole > 0 ? typical_words(*result) : "-", Tone::strong},
                   {microseconds(budget->serialization_us)},
                   {(wire_of_mean ? "~" : "") + microseconds(budget->wire_us)},
                   {microseconds(budget->rest_us)},
                   {whole > 0 ? pingpong::percent(std::max(budget->rest_us, 0.0) / whole) : "-"}});
  }
  const bool nccl = std::any_of(report.sides.begin(), report.sides.end(),
                                [](const SideResult& side) { return side.backend == collectives::Backend::nccl; });
  writer.heading("BUDGET",
                 fmt::format("us of one operation's median{}: bits at the bound of the rails; wire, adapters and "
                             "kernel, by the host backend over the same transport; {}{}",
                             means ? " (~: mean, of too few runs for a median)" : "",
                             nccl ? "the rest, NCCL and its launches" : "the rest",
                             brief ? " (smallest and largest size, -v lists all)" : ""));
  writer.table(table, 0);
}

}  // namespace rocekit::pattern
