#include "tools/roce-preflight/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text/table.h"
#include "core/text/utf8.h"
#include "probes/checks/check.h"
#include "probes/report/finding_text.h"
#include "probes/report/serving_text.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::preflight {
namespace {

using checks::Severity;
using checks::Verdict;
using text::Tone;

constexpr const char* nothing = "-";

text::Tone tone_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ready:
      return Tone::good;
    case Verdict::degraded:
    case Verdict::unknown:
      return Tone::warn;
    case Verdict::not_ready:
      break;
  }
  return Tone::bad;
}

std::string value_of(Figure::Kind kind, double value) {
  switch (kind) {
    case Figure::Kind::latency:
      return pingpong::microseconds(value) + " us";
    case Figure::Kind::bandwidth:
      return pingpong::gigabits(value) + " Gb/s";
    case Figure::Kind::time:
      break;
  }
  return pattern::duration(value);
}

std::string value_of(const Figure& figure, const std::optional<double>& value) {
  return value ? value_of(figure.kind, *value) : nothing;
}

std::string against(const Figure& figure) {
  if (!figure.ratio) return nothing;
  const auto metric = figure.kind == Figure::Kind::bandwidth ? pingpong::Metric::bandwidth : pingpong::Metric::latency;
  const pingpong::Against found = pingpong::against(*figure.ratio, metric);
  return found.outcome == pingpong::Against::Outcome::too_few_pairs ? nothing : pingpong::in_words(found);
}

std::string name_of(const Figure& figure) {
  return figure.rail.empty() ? figure.what : fmt::format("{}, {}", figure.rail, figure.what);
}

std::vector<std::string> passed_of(const Report& report) {
  std::vector<std::string> passed;
  for (const auto& [id, severity] : worst_of(report)) {
    if (severity == Severity::ok) passed.push_back(id);
  }
  return passed;
}

class TextReport {
 public:
  TextReport(const Report& report, const text::Style& style, const TextOptions& options)
      : report_(report), style_(style), options_(options) {}

  std::string render() {
    head();
    findings();
    if (options_.verbose) passed();
    measured();
    baseline();
    notes();
    if (options_.timings) timings();
    last_line();
    return std::move(out_);
  }

 private:
  void labelled(std::string_view label, const std::string& words, Tone tone = Tone::plain) {
    bool first = true;
    for (const std::string& line : text::wrap(words, options_.width, 8, 8)) {
      const std::string body = line.substr(std::min<std::size_t>(line.size(), 8));
      out_ += style_.paint(Tone::strong, fmt::format("{:<8}", first ? label : "")) + style_.paint(tone, body) + '\n';
      first = false;
    }
  }

  void head() {
    labelled("NODES",
             fmt::format("{} ({}, {:.1f} s)", fmt::join(report_.ranks, ", "), report_.door, report_.elapsed_s));
    std::vector<std::string> words;
    for (const StepRecord& record : report_.steps) {
      words.push_back(fmt::format("{} {}", to_string(record.step),
                                  record.state == State::done     ? "done"
                                  : record.state == State::failed ? "FAILED"
                                                                  : "NOT RUN"));
    }
    labelled("STEPS", fmt::format("{}", fmt::join(words, ", ")));
    const char* label = "PROC";
    for (const Node& node : report_.nodes) {
      if (!node.probe.node.serving) continue;
      labelled(label,
               text::printable(fmt::format("{}: {}; {}", node.name, report::serving_in_words(*node.probe.node.serving),
                                           report::nccl_in_words(node.probe.nccl))));
      label = "";
    }
  }

  void findings() {
    std::vector<checks::Finding> unknown;
    for (std::size_t i = 0; i < report_.findings.size();) {
      std::vector<checks::Finding> group;
      const checks::Finding& first = report_.findings[i].finding;
      for (; i < report_.findings.size() && report_.findings[i].finding.id == first.id &&
             report_.findings[i].finding.severity == first.severity;
           ++i) {
        group.push_back(titled(report_.findings[i]));
      }
      report::FindingsLayout layout;
      layout.width = options_.width;
      layout.verbose = options_.verbose;
      out_ += report::render_findings(group, style_, layout);
    }
  }

  /// Who has it, where the title does not say so.
  static checks::Finding titled(const Found& found) {
    checks::Finding finding = found.finding;
    const auto named = [&](const std::string& host) { return finding.title.find(host) != std::string::npos; };
    const bool all_named = std::all_of(found.hosts.begin(), found.hosts.end(), named);
    if (!all_named && !found.hosts.empty()) {
      finding.title = fmt::format("{}: {}", pingpong::join_words(found.hosts), finding.title);
    }
    return finding;
  }

  void passed() {
    out_ += '\n';
    for (const std::string& id : passed_of(report_)) {
      const checks::Check* check = checks::find_check(id);
      out_ += fmt::format("{}        {:<13}  none: {}\n", style_.paint(Tone::good, "ok"), id,
                          check == nullptr ? "" : check->title);
    }
  }

  void measured() {
    if (report_.figures.empty()) return;
    out_ += '\n';
    // Without a bound (Soft-RoCE) its columns would push out what there is.
    const bool bounds = std::any_of(report_.figures.begin(), report_.figures.end(),
                                    [](const Figure& figure) { return figure.bound_gbit_s.has_value(); });
    std::vector<text::Column> columns{{"MEASURED"}, {"RDMA", 0, true}, {"SOCKET", 0, true}, {"SOCKET AGAINST RDMA", 2}};
    if (bounds) columns.insert(columns.end(), {{"BOUND", 4, true}, {"OF BOUND", 1, true}});
    columns.push_back({"PROOF", 3});
    text::Table table(std::move(columns));
    for (const Figure& figure : report_.figures) {
      const Tone tone = figure.proof == "contradicted" ? Tone::bad : Tone::plain;
      std::vector<text::Cell> row{{text::shortened(name_of(figure), 40)},
                                  {value_of(figure, figure.rdma)},
                                  {value_of(figure, figure.socket)},
                                  {against(figure)}};
      if (bounds) {
        row.push_back({figure.bound_gbit_s ? pingpong::gigabits(*figure.bound_gbit_s) + " Gb/s" : nothing});
        row.push_back({figure.fraction_of_bound ? pingpong::percent(*figure.fraction_of_bound) : nothing});
      }
      row.push_back({figure.proof.empty() ? nothing : figure.proof, tone});
      table.add_row(std::move(row));
    }
    out_ += table.render(style_, options_.width);
  }

  void baseline() {
    const BaselineOutcome& past = report_.baseline;
    if (past.file.empty() || !past.why_not.empty()) return;
    std::size_t slower = 0;
    std::size_t faster = 0;
    for (const Compared& one : past.compared) {
      slower += one.change.outcome == measure::Change::Outcome::slower;
      faster += one.change.outcome == measure::Change::Outcome::faster;
    }
    out_ += '\n';
    labelled("PAST", fmt::format("{}: {} until {}; {} compared, {} slower, {} faster", past.file,
                                 pattern::plural(past.runs, "run"), past.last,
                                 pattern::plural(past.compared.size(), "figure"), slower, faster));
    if (!options_.verbose) return;
    text::Table table({{"AGAINST THE BASELINE"},
                       {"BEFORE", 0, true},
                       {"NOW", 0, true},
                       {"TIMES SLOWER", 0, true},
                       {"COUNTS FROM", 1, true}});
    for (const Compared& one : past.compared) {
      const bool is_slower = one.change.outcome == measure::Change::Outcome::slower;
      table.add_row(
          {{text::shortened(name_of(one.quantity), 66)},
           {value_of(one.quantity.kind, one.change.before)},
           {value_of(one.quantity.kind, one.change.now)},
           {fmt::format("{:.2f}", one.change.slowdown), is_slower ? Tone::warn : Tone::plain},
           {one.change.outcome == measure::Change::Outcome::unknown ? nothing
                                                                    : fmt::format("{:.2f}", one.change.limit)}});
    }
    out_ += table.render(style_, options_.width);
    for (const std::string& change : past.changes) labelled("changed", change);
  }

  void notes() {
    std::set<std::string> seen;
    if (!report_.notes.empty()) out_ += '\n';
    for (const std::string& note : report_.notes) {
      if (seen.insert(note).second) labelled(seen.size() == 1 ? "NOTE" : "", note, Tone::faint);
    }
  }

  void timings() {
    out_ += '\n';
    text::Table table({{"STEP"}, {"SECONDS", 0, true}, {"MEASURING", 0, true}, {"OVERHEAD", 0, true}});
    double measuring = 0;
    for (const StepRecord& record : report_.steps) {
      measuring += record.measuring_s;
      table.add_row({{to_string(record.step)},
                     {fmt::format("{:.2f}", record.seconds)},
                     {fmt::format("{:.2f}", record.measuring_s)},
                     {fmt::format("{:.2f}", std::max(0.0, record.seconds - record.measuring_s))}});
    }
    table.add_row({{"all"},
                   {fmt::format("{:.2f}", report_.elapsed_s)},
                   {fmt::format("{:.2f}", measuring)},
                   {fmt::format("{:.2f}", std::max(0.0, report_.elapsed_s - measuring))}});
    out_ += table.render(style_, options_.width);
  }

  void last_line() {
    const std::string word = std::string(verdict_word(report_.verdict)) + ":";
    const auto lines = text::wrap(word + " " + verdict_words(report_), options_.width, 0, 2);
    out_ += '\n';
    for (std::size_t i = 0; i < lines.size(); ++i) {
      out_ += i == 0 ? style_.paint(tone_of(report_.verdict), word) + lines[i].substr(word.size()) : lines[i];
      out_ += '\n';
    }
  }

  const Report& report_;
  const text::Style& style_;
  const TextOptions& options_;
  std::string out_;
};

}  // namespace

const char* verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::ready:
      return "READY";
    case Verdict::degraded:
      return "DEGRADED";
    case Verdict::not_ready:
      return "NOT READY";
    case Verdict::unknown:
      break;
  }
  return "UNKNOWN";
}

std::string verdict_words(const Report& report) {
  std::vector<std::string> words;
  if (!report.findings.empty() && report.verdict != Verdict::ready) {
    // What makes it unknown, where that is it.
    const auto decides = std::find_if(report.findings.begin(), report.findings.end(), [&](const Found& found) {
      return (found.finding.severity == Severity::unknown) == (report.verdict == Verdict::unknown);
    });
    const Found& told = decides == report.findings.end() ? report.findings.front() : *decides;
    const checks::Finding& first = told.finding;
    words.push_back(fmt::format("{}: {}", first.id, first.title));
    if (report.findings.size() > 1)
      words.push_back(fmt::format("and {}", pattern::plural(report.findings.size() - 1, "other finding")));
  }
  // The rails together, or the one there is; and the step.
  const Figure* rails = nullptr;
  const Figure* step = nullptr;
  for (const Figure& figure : report.figures) {
    if (figure.kind == Figure::Kind::bandwidth && figure.rdma && figure.from.empty()) rails = &figure;
    if (figure.kind == Figure::Kind::time && figure.rdma && (figure.whole_step || step == nullptr)) step = &figure;
  }
  if (rails != nullptr) {
    words.push_back(fmt::format("{} {} over RDMA{}", rails->rail, value_of(*rails, rails->rdma),
                                rails->fraction_of_bound
                                    ? fmt::format(" ({} of the bound)", pingpong::percent(*rails->fraction_of_bound))
                                    : ""));
  }
  if (step != nullptr) {
    words.push_back(fmt::format("{}: {}{}", step->what, value_of(*step, step->rdma),
                                step->socket ? fmt::format(", over sockets {}", value_of(*step, step->socket)) : ""));
  }
  words.push_back(fmt::format("{} checks passed", passed_of(report).size()));
  return fmt::format("{}", fmt::join(words, "; "));
}

std::string render_text(const Report& report, const text::Style& style, const TextOptions& options) {
  return TextReport(report, style, options).render();
}

}  // namespace rocekit::preflight
