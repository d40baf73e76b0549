#include "tools/roce-preflight/report/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/text/utf8.h"
#include "probes/checks/check.h"

namespace rocekit::preflight {
namespace {

using checks::Severity;
using checks::Verdict;

using Labels = std::vector<std::pair<const char*, std::string>>;

/// Backslash, quote and line end are escaped, nothing else (Prometheus' text format).
std::string label_value(const std::string& text) {
  std::string escaped;
  for (const char c : text::valid_utf8(text)) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

class Metrics {
 public:
  void family(const char* name, const char* help) {
    out_ += fmt::format("# HELP roce_preflight_{} {}\n# TYPE roce_preflight_{} gauge\n", name, help, name);
    name_ = name;
  }
  void sample(double value, const Labels& labels = {}) {
    if (!std::isfinite(value)) return;
    std::string words;
    for (const auto& [name, text] : labels) {
      words += fmt::format("{}{}=\"{}\"", words.empty() ? "" : ",", name, label_value(text));
    }
    const std::string series = fmt::format("roce_preflight_{}{}", name_, words.empty() ? "" : "{" + words + "}");
    // The same series twice makes the collector refuse the whole file.
    if (seen_.insert(series).second) out_ += fmt::format("{} {:.12g}\n", series, value);
  }
  std::string take() { return std::move(out_); }

 private:
  const char* name_ = "";
  std::set<std::string> seen_;
  std::string out_;
};

int number_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
    case Severity::skipped:
      return 0;
    case Severity::warning:
      return 1;
    case Severity::critical:
      return 2;
    case Severity::unknown:
      break;
  }
  return 3;
}

/// The worst of each check and host; checks that do not apply have no series.
std::map<std::pair<std::string, std::string>, Severity> by_host(const Report& report) {
  std::map<std::pair<std::string, std::string>, Severity> worst;
  for (const checks::Finding& finding : report.all) {
    if (finding.severity == Severity::skipped) continue;
    const auto [at, fresh] = worst.emplace(std::pair{finding.id, finding.host}, finding.severity);
    if (!fresh && checks::weight(finding.severity) > checks::weight(at->second)) at->second = finding.severity;
  }
  return worst;
}

void add_figures(const Report& report, Metrics& metrics) {
  const auto add = [&](const char* name, const char* help, Figure::Kind kind, double unit) {
    metrics.family(name, help);
    for (const Figure& figure : report.figures) {
      if (figure.kind != kind || !figure.from.empty()) continue;
      for (const auto& [transport, value] : {std::pair{"rdma", figure.rdma}, std::pair{"socket", figure.socket}}) {
        if (!value) continue;
        Labels labels{{"transport", transport}};
        if (kind == Figure::Kind::time) {
          labels.emplace_back("operation", figure.what);
        } else {
          labels.emplace_back("rail", figure.rail);
          labels.emplace_back("size_bytes", fmt::format("{}", figure.size_bytes));
        }
        metrics.sample(*value * unit, labels);
      }
    }
  };
  add("rail_latency_seconds", "Half a round trip, median.", Figure::Kind::latency, 1e-6);
  add("rail_bandwidth_bits_per_second", "Payload.", Figure::Kind::bandwidth, 1e9);
  metrics.family("rail_bound_bits_per_second", "Payload that link and PCIe allow.");
  for (const Figure& figure : report.figures) {
    if (figure.kind != Figure::Kind::bandwidth || !figure.bound_gbit_s || !figure.from.empty()) continue;
    metrics.sample(*figure.bound_gbit_s * 1e9,
                   {{"rail", figure.rail}, {"size_bytes", fmt::format("{}", figure.size_bytes)}});
  }
  metrics.family("rail_direction_bandwidth_bits_per_second", "Payload over RDMA in one direction alone.");
  for (const Figure& figure : report.figures) {
    if (figure.from.empty() || !figure.rdma) continue;
    metrics.sample(*figure.rdma * 1e9, {{"rail", figure.rail}, {"from", figure.from}, {"to", figure.to}});
  }
  add("collective_seconds", "One operation, or a whole step of the model.", Figure::Kind::time, 1e-6);
}

/// Control characters are no part of XML, whatever they are written as.
std::string xml(const std::string& text) {
  std::string escaped;
  for (const char c : text::printable(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string details(const Report& report, const std::string& id, Severity severity) {
  std::string lines;
  for (const Found& found : report.findings) {
    if (found.finding.id != id || found.finding.severity != severity) continue;
    lines +=
        xml(fmt::format("{}{}{}", fmt::join(found.hosts, ", "), found.hosts.empty() ? "" : ": ", found.finding.title)) +
        '\n';
    for (const checks::Evidence& item : found.finding.evidence) {
      lines += xml(fmt::format("  {}: {} {}", item.what, item.value, item.source)) + '\n';
    }
    lines += xml("  " + found.finding.cause) + '\n';
    for (const std::string& line : found.finding.remedy) lines += xml("  " + line) + '\n';
  }
  return lines;
}

}  // namespace

std::string render_prometheus(const Report& report, std::int64_t now_unix_s) {
  Metrics metrics;
  metrics.family("last_run_timestamp_seconds", "When the last run ended.");
  metrics.sample(static_cast<double>(now_unix_s));
  metrics.family("duration_seconds", "What the last run took.");
  metrics.sample(report.elapsed_s);
  metrics.family("verdict", "1 for the verdict of the last run.");
  for (const Verdict verdict : {Verdict::ready, Verdict::degraded, Verdict::not_ready, Verdict::unknown}) {
    metrics.sample(report.verdict == verdict ? 1 : 0, {{"verdict", checks::to_string(verdict)}});
  }
  metrics.family("step_done", "1 for a step that was done.");
  for (const StepRecord& record : report.steps) {
    metrics.sample(record.state == State::done ? 1 : 0, {{"step", to_string(record.step)}});
  }
  metrics.family("check", "0 passed, 1 warning, 2 critical, 3 could not be checked.");
  for (const auto& [key, severity] : by_host(report)) {
    metrics.sample(number_of(severity), {{"check", key.first}, {"host", key.second}});
  }
  add_figures(report, metrics);
  if (!report.baseline.compared.empty()) {
    metrics.family("slowdown_against_baseline", "Above 1: slower than the median of the baseline's runs.");
    for (const Compared& compared : report.baseline.compared) {
      const Quantity& q = compared.quantity;
      metrics.sample(compared.change.slowdown, {{"kind", to_string(q.kind)},
                                                {"transport", q.transport},
                                                {"rail", q.rail},
                                                {"from", q.from},
                                                {"to", q.to},
                                                {"what", q.what}});
    }
  }
  return metrics.take();
}

std::string render_junit(const Report& report) {
  const auto worst = worst_of(report);
  int failures = 0;
  int errors = 0;
  int skipped = 0;
  std::string cases;
  for (const auto& [id, severity] : worst) {
    const checks::Check* check = checks::find_check(id);
    cases += fmt::format("  <testcase classname=\"roce-preflight\" name=\"{}\"",
                         xml(check == nullptr ? id : fmt::format("{} {}", id, check->title)));
    if (severity == Severity::ok) {
      cases += "/>\n";
      continue;
    }
    const char* element = severity == Severity::unknown ? "error" : "failure";
    if (severity == Severity::skipped) {
      ++skipped;
      cases += "><skipped/></testcase>\n";
      continue;
    }
    ++(severity == Severity::unknown ? errors : failures);
    std::string message;
    for (const Found& found : report.findings) {
      if (message.empty() && found.finding.id == id && found.finding.severity == severity)
        message = found.finding.title;
    }
    cases += fmt::format(">\n    <{} type=\"{}\" message=\"{}\">{}</{}>\n  </testcase>\n", element,
                         checks::to_string(severity), xml(message), details(report, id, severity), element);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"roce-preflight\" tests=\"{}\" failures=\"{}\" "
      "errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\" timestamp=\"{}\">\n{}</testsuite>\n",
      worst.size(), failures, errors, skipped, report.elapsed_s, xml(report.started_at), cases);
}

}  // namespace rocekit::preflight
