#include "tools/roce-pingpong/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/text/sizes.h"
#include "core/text/table.h"
#include "core/text/utf8.h"
#include "probes/report/finding_text.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/report/tables.h"
#include "tools/roce-pingpong/report/verdict_line.h"
#include "tools/roce-pingpong/report/warning_lines.h"

namespace rocekit::pingpong {
namespace {

using text::Cell;
using text::Style;
using text::Tone;

constexpr int label_width = 7;
/// Paths whose every detail fits on a screen.
constexpr std::size_t few_paths = 2;

class Text {
 public:
  Text(const Report& report, const Style& style, const TextOptions& options)
      : report_(report), style_(style), options_(options), layout_{style, options.width, options.verbose} {}

  std::string render() {
    nodes();
    paths();
    settings();
    notes();
    tables();
    blank_before_remarks_ = true;
    proof();
    warnings();
    report::FindingsLayout findings;
    findings.width = options_.width;
    findings.verbose = options_.verbose;
    findings.evidence_label = "seen";
    out_ += report::render_findings(report_.findings, style_, findings);
    out_ += '\n' + verdict_line(report_, style_, options_.width);
    return std::move(out_);
  }

 private:
  /// "NODES  spark-1 and spark-2" with further lines under the first; an empty label continues.
  void labelled(std::string_view label, std::string_view words, Tone tone = Tone::plain) {
    if (blank_before_remarks_) {
      out_ += '\n';
      blank_before_remarks_ = false;
    }
    bool first = true;
    for (const std::string& line : text::wrap(words, options_.width, label_width, label_width)) {
      const std::string body = line.substr(std::min<std::size_t>(label_width, line.size()));
      const std::string head = first ? fmt::format("{:<{}}", label, label_width) : std::string(label_width, ' ');
      out_ += style_.paint(Tone::faint, head) + style_.paint(tone, body) + '\n';
      first = false;
    }
  }

  // ---- who and over what ----

  void nodes() {
    std::vector<std::string> names;
    constexpr std::size_t most_names = 8;
    for (std::size_t rank = 0; rank < report_.hosts.size() && rank < most_names; ++rank) {
      names.push_back(rank_name(report_, static_cast<int>(rank)));
    }
    if (report_.hosts.size() > most_names) names.push_back(fmt::format("{} more", report_.hosts.size() - most_names));
    labelled("NODES", fmt::format("{} ({}{:.1f} s)", join_words(names),
                                  report_.door.empty() ? "" : fmt::format("{}, ", report_.door), report_.elapsed_s));
  }

  std::string bound_words(const Path& path) const {
    if (!path.bound_gbit_s) return is_soft(path) ? "none: software" : "unknown";
    std::string words = gigabits(*path.bound_gbit_s) + " Gb/s";
    if (path.limited_by) words += *path.limited_by == "pcie" ? ", PCIe" : ", link";
    return words;
  }

  void paths() {
    if (report_.paths.empty()) return;
    const bool pair = report_.hosts.size() == 2;
    const bool all = options_.verbose || pair;
    if (!all) {
      path_summary();
    } else {
      path_table(pair);
    }
    combined_bound();
    if (std::any_of(report_.paths.begin(), report_.paths.end(), is_soft)) {
      labelled("", "Soft-RoCE is RDMA in software: the figures prove that it works, and nothing about its speed.",
               Tone::warn);
    }
    const bool one_host = std::all_of(report_.paths.begin(), report_.paths.end(),
                                      [](const Path& path) { return path.a.host == path.b.host; });
    if (one_host) labelled("", "Both ends are on one host: no wire is measured.", Tone::warn);
  }

  void path_table(bool pair) {
    const bool mtu =
        std::any_of(report_.paths.begin(), report_.paths.end(), [](const Path& p) { return p.path_mtu > 0; });
    const auto title = [&](int rank, const char* otherwise) {
      std::string name = pair ? rank_name(report_, rank) : std::string(otherwise);
      return "ON " + name;
    };
    text::Table table({{"PATH", 0, true},
                       {title(0, "ONE END")},
                       {"IPV4", 2},
                       {title(1, "THE OTHER")},
                       {"IPV4", 2},
                       {mtu ? "PATH MTU" : "MTU", 1, true},
                       {"BOUND"}});
    const auto name = [&](const End& end) {
      return pair ? port_name(end) : fmt::format("{} {}", rank_name(report_, end.rank), port_name(end));
    };
    for (std::size_t i = 0; i < report_.paths.size(); ++i) {
      const Path& path = report_.paths[i];
      const int netdev_mtu = std::min(path.a.netdev_mtu, path.b.netdev_mtu);
      const int shown_mtu = mtu ? path.path_mtu : netdev_mtu;
      table.add_row({{std::to_string(i)},
                     {name(path.a), Tone::strong},
                     {path.a.ip},
                     {name(path.b), Tone::strong},
                     {path.b.ip},
                     {shown_mtu > 0 ? std::to_string(shown_mtu) : "-"},
                     {bound_words(path)}});
    }
    out_ += table.render(style_, options_.width);
    if (!options_.verbose) return;
    for (std::size_t i = 0; i < report_.paths.size(); ++i) {
      if (!report_.paths[i].bound_why.empty()) {
        labelled("", fmt::format("bound of path {}: {}", i, report_.paths[i].bound_why), Tone::faint);
      }
    }
  }

  void path_summary() {
    std::map<std::string, std::size_t> kinds;
    for (const Path& path : report_.paths) {
      std::string words = is_soft(path) ? "Soft-RoCE" : is_rdma(path) ? "RDMA" : "TCP only";
      if (path.path_mtu > 0) words += fmt::format(", path MTU {}", path.path_mtu);
      words += ", bound " + bound_words(path);
      ++kinds[words];
    }
    std::vector<std::string> groups;
    for (const auto& [words, count] : kinds) {
      groups.push_back(fmt::format("{} {} ({})", count, count == 1 ? "path" : "paths", words));
    }
    labelled("PATHS", fmt::format("{}; -v lists them", join_words(groups)));
  }

  /// Two paths through one cage cannot carry twice what one can.
  void combined_bound() {
    const Result* most = nullptr;
    for (const Result& result : report_.results) {
      if (result.paths.size() < 2 || !result.bound_gbit_s || result.transport == verbs::Transport::tcp) continue;
      if (most == nullptr || result.paths.size() > most->paths.size()) most = &result;
    }
    if (most == nullptr) return;
    double sum = 0;
    for (const std::size_t path : most->paths) sum += report_.paths[path].bound_gbit_s.value_or(0);
    const bool less = *most->bound_gbit_s < 0.999 * sum;
    labelled("", fmt::format("paths {} together: {} Gb/s{}", path_numbers(most->paths), gigabits(*most->bound_gbit_s),
                             less ? ", they share a link" : ""));
  }

  void descriptions(std::string_view label, std::string Path::*field) {
    std::vector<std::string> seen;
    for (const Path& path : report_.paths) {
      const std::string& words = path.*field;
      if (words.empty() || std::find(seen.begin(), seen.end(), words) != seen.end()) continue;
      seen.push_back(words);
    }
    const std::size_t shown = options_.verbose ? seen.size() : std::min(seen.size(), few_paths);
    for (std::size_t i = 0; i < shown; ++i) labelled(i == 0 ? label : "", seen[i]);
    if (shown < seen.size()) labelled("", fmt::format("and {} more (-v lists them)", seen.size() - shown), Tone::faint);
  }

  void settings() {
    descriptions("RC", &Path::rc_description);
    if (options_.verbose) descriptions("TCP", &Path::tcp_description);
    std::vector<std::string> words;
    words.push_back(report_.wait_mode == verbs::WaitMode::poll    ? "polling"
                    : report_.wait_mode == verbs::WaitMode::block ? "blocking"
                                                                  : "waiting for events");
    if (report_.memory != verbs::MemoryKind::host) {
      words.push_back(fmt::format("{} memory", verbs::to_string(report_.memory)));
    }
    if (report_.queue_pairs > 1) words.push_back(fmt::format("{} queue pairs", report_.queue_pairs));
    if (report_.loop_overhead_ns > 0) {
      words.push_back(fmt::format("the loop itself takes {} ns a sample",
                                  report_.loop_overhead_ns < 10 ? fmt::format("{:.1f}", report_.loop_overhead_ns)
                                                                : fmt::format("{:.0f}", report_.loop_overhead_ns)));
    }
    labelled("LOOP", fmt::format("{}", fmt::join(words, ", ")));
    if (!options_.verbose) return;
    for (const Host& host : report_.hosts) {
      std::string line =
          fmt::format("{}: {}", rank_name(report_, host.rank), host.cpu.empty() ? "CPU unknown" : host.cpu);
      if (host.measuring_cpu >= 0) line += fmt::format(", core {}", host.measuring_cpu);
      if (host.numa_node) line += fmt::format(", NUMA node {}", *host.numa_node);
      if (host.governor) line += ", governor " + *host.governor;
      if (!host.clock.empty()) line += ", " + host.clock;
      labelled("", line, Tone::faint);
    }
  }

  void notes() {
    for (std::size_t i = 0; i < report_.notes.size(); ++i) labelled(i == 0 ? "NOTE" : "", report_.notes[i]);
  }

  // ---- figures ----

  void tables() {
    const std::vector<Pair> pairs = pairs_of(report_);
    const bool many = report_.hosts.size() > 2;
    if (many) out_ += matrices(report_, layout_);
    if (many && !options_.verbose) return;
    for (const Pair& pair : pairs) {
      if (many) {
        out_ += '\n' +
                style_.paint(Tone::accent, fmt::format("{} - {}", text::printable(rank_name(report_, pair.a)),
                                                       text::printable(rank_name(report_, pair.b)))) +
                '\n';
      }
      out_ += latency_table(report_, pair, layout_);
      out_ += bandwidth_table(report_, pair, layout_);
      if (options_.verbose) out_ += statistics_table(report_, pair, layout_) + budget_table(report_, pair, layout_);
    }
  }

  // ---- what supports them ----

  struct Proofs {
    std::size_t count[3] = {0, 0, 0};
    const Result* largest[3] = {nullptr, nullptr, nullptr};  ///< by verdict, the one that moved most
  };

  void proof() {
    std::vector<verbs::Transport> order;
    std::map<verbs::Transport, Proofs> by_transport;
    for (const Result& result : report_.results) {
      if (std::find(order.begin(), order.end(), result.transport) == order.end()) order.push_back(result.transport);
      Proofs& proofs = by_transport[result.transport];
      const auto verdict = static_cast<std::size_t>(result.proof.verdict);
      ++proofs.count[verdict];
      const Result*& largest = proofs.largest[verdict];
      if (largest == nullptr || result.proof.expected_bytes > largest->proof.expected_bytes) largest = &result;
    }
    std::string_view label = "PROOF";
    for (const verbs::Transport transport : order) {
      const Proofs& proofs = by_transport[transport];
      const std::size_t all = proofs.count[0] + proofs.count[1] + proofs.count[2];
      for (const auto verdict : {Proof::Verdict::contradicted, Proof::Verdict::unproven, Proof::Verdict::proven}) {
        const auto index = static_cast<std::size_t>(verdict);
        if (proofs.count[index] == 0) continue;
        const Tone tone = verdict == Proof::Verdict::contradicted ? Tone::bad
                          : verdict == Proof::Verdict::unproven   ? Tone::warn
                                                                  : Tone::plain;
        const std::string share = proofs.count[index] == all
                                      ? fmt::format(" ({} series)", all)
                                      : fmt::format(" in {} of {} series", proofs.count[index], all);
        const std::string& sentence = proofs.largest[index]->proof.sentence;
        labelled(label,
                 fmt::format("{} {}{}: {}", in_capitals(transport), to_string(verdict), share,
                             sentence.empty() ? "no counter tells" : sentence),
                 tone);
        label = "";
      }
    }
    if (!options_.verbose) return;
    for (const Result& result : report_.results) {
      std::string line = fmt::format("{}: {}", name_of(result), to_string(result.proof.verdict));
      if (!result.proof.sentence.empty()) line += ", " + result.proof.sentence;
      if (result.lost_messages) {
        line += fmt::format(", {} datagrams sent again beside {} samples", *result.lost_messages, result.samples);
      }
      labelled("", line, Tone::faint);
    }
  }

  /// "RC send latency, 8 B, path 0"
  std::string name_of(const Result& result) const {
    std::string name =
        fmt::format("{} {}, {}", series_name(result), to_string(result.metric), text::exact_size(result.size_bytes));
    if (report_.paths.size() > 1) name += fmt::format(", path {}", path_numbers(result.paths));
    return name;
  }

  void warnings() {
    std::vector<Noticed> noticed;
    for (const Result& result : report_.results) {
      for (const measure::Warning& warning : result.warnings) noticed.push_back({name_of(result), warning});
    }
    std::string_view label = "WARN";
    for (const std::string& line : warning_lines(noticed, options_.verbose)) {
      labelled(label, line, Tone::warn);
      label = "";
    }
  }

  const Report& report_;
  const Style& style_;
  const TextOptions& options_;
  TableLayout layout_;
  std::string out_;
  bool blank_before_remarks_ = false;
};

}  // namespace

std::string render_text(const Report& report, const Style& style, const TextOptions& options) {
  return Text(report, style, options).render();
}

}  // namespace rocekit::pingpong
