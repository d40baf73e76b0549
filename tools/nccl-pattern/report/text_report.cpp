#include "tools/nccl-pattern/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/sizes.h"
#include "probes/report/finding_text.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/nccl-pattern/report/headline.h"
#include "tools/nccl-pattern/report/tables.h"
#include "tools/nccl-pattern/report/writer.h"
#include "tools/roce-pingpong/labels.h"
#include "tools/roce-pingpong/report/warning_lines.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;
using text::Tone;

constexpr std::size_t most_names = 8;

class Text {
 public:
  Text(const Report& report, const text::Style& style, const TextOptions& options)
      : report_(report), style_(style), options_(options), writer_(style, options.width) {}

  std::string render() {
    write_answer(writer_, report_);
    findings();
    writer_.blank();
    ranks();
    sides();
    notes();
    tables();
    writer_.blank();
    proof();
    verification();
    warnings();
    assumptions();
    write_verdict(writer_, report_);
    return writer_.take();
  }

 private:
  void findings() {
    report::FindingsLayout layout;
    layout.width = options_.width;
    layout.verbose = options_.verbose;
    layout.evidence_label = "seen";
    writer_.raw(report::render_findings(report_.findings, style_, layout));
  }

  // ---- who, and over what ----

  void ranks() {
    std::vector<std::string> names;
    const bool one_device = std::all_of(report_.hosts.begin(), report_.hosts.end(),
                                        [&](const Host& host) { return host.device == report_.hosts.front().device; });
    for (std::size_t rank = 0; rank < report_.hosts.size() && rank < most_names; ++rank) {
      const std::string& device = report_.hosts[rank].device;
      names.push_back(rank_name(report_, rank) + (one_device || device.empty() ? "" : fmt::format(": {}", device)));
    }
    if (report_.hosts.size() > most_names) names.push_back(fmt::format("{} more", report_.hosts.size() - most_names));
    std::string words = pingpong::join_words(names, one_device ? " and " : "; ");
    if (one_device && !report_.hosts.empty() && !report_.hosts.front().device.empty()) {
      words += fmt::format(", {}{}", report_.hosts.size() > 1 ? "each " : "", report_.hosts.front().device);
    }
    writer_.labelled(
        "RANKS", fmt::format("{} ({}{:.1f} s)", words, report_.door.empty() ? "" : fmt::format("{}, ", report_.door),
                             report_.elapsed_s));
  }

  void sides() {
    std::string_view label = "SIDES";
    for (std::size_t i = 0; i < report_.sides.size(); ++i) {
      const SideResult& side = report_.sides[i];
      if (side.floor && !options_.verbose) continue;
      std::string words = fmt::format(
          "{}: {}", side.name,
          side.details.library.empty() ? collectives::to_string(side.backend) : side.details.library.c_str());
      if (!side.details.communicator.empty()) words += ", " + side.details.communicator;
      if (!side.environment.empty()) words += fmt::format("; with {}", fmt::join(side.environment, " "));
      if (is_floor(report_, i)) words += "; what the wire allows without NCCL";
      if (options_.verbose) {
        words += fmt::format("; connected in {}, first call {}", duration(side.connect_ms * 1e3),
                             duration(side.first_call_ms * 1e3));
      }
      writer_.labelled(label, words);
      label = "";
      for (const std::string& note : side.details.notes) writer_.labelled("", "  " + note, Tone::faint);
    }
  }

  void notes() {
    for (std::size_t i = 0; i < report_.notes.size(); ++i) writer_.labelled(i == 0 ? "NOTE" : "", report_.notes[i]);
  }

  // ---- figures ----

  std::string timings() const {
    std::vector<std::string> words;
    if (was_timed(report_, Timing::isolated)) {
      const bool means = std::any_of(report_.results.begin(), report_.results.end(), [&](const Result& result) {
        return result.timing == Timing::isolated && !result.latency_us.p50 &&
               (options_.verbose || !is_floor(report_, result.side));
      });
      words.push_back(fmt::format("p50 and p99 of single runs{}", means ? " (~: mean, of too few for a median)" : ""));
    }
    if (was_timed(report_, Timing::back_to_back)) words.emplace_back("b2b: back to back");
    if (was_timed(report_, Timing::graph)) words.emplace_back("graph: replayed from a CUDA graph");
    return fmt::format("{}", fmt::join(words, "; "));
  }

  void tables() {
    for (std::size_t step = 0; step < report_.plan.steps.size(); ++step) {
      TableRequest request{operations_of(report_, step), true, options_.verbose};
      const auto whole = whole_step_of(report_, step);
      if (whole) request.subjects.push_back(*whole);
      if (request.subjects.empty()) continue;
      // The columns are explained once.
      const std::string columns = step == 0 ? "us; " + timings() : "";
      const traffic::Step& which = report_.plan.steps[step];
      const std::string form = which.request.form ? fmt::format("as {}", to_string(*which.request.form)) : "";
      writer_.heading("STEP", form + (form.empty() || columns.empty() ? "" : "; ") + columns);
      issuers(which);
      write_latencies(writer_, report_, request);
      if (whole) bubble(*whole);
      supplements(request);
    }
    TableRequest request{operations_of(report_, std::nullopt), false, options_.verbose};
    if (request.subjects.empty()) return;
    writer_.heading("SIZES", fmt::format("us; {}; bandwidths in GB/s", timings()));
    write_latencies(writer_, report_, request);
    supplements(request);
  }

  /// Which setting of the engine issues which operations.
  void issuers(const traffic::Step& step) {
    const std::vector<Issuer> all = issuers_of(step);
    for (const Issuer& issuer : all) {
      std::vector<std::string> operations;
      for (const traffic::OpKind kind : issuer.operations) operations.push_back(traffic::to_string(kind));
      writer_.line(
          fmt::format("{}issued by {}", all.size() > 1 ? pingpong::join_words(operations) + ' ' : "", issuer.setting),
          Tone::faint);
    }
  }

  void supplements(const TableRequest& request) {
    write_budget(writer_, report_, request);
    if (options_.verbose) write_statistics(writer_, report_, request);
  }

  /// What a pipeline waits, beyond the compute that no schedule avoids.
  void bubble(std::size_t whole) {
    const double ideal_us = report_.subjects[whole].ideal_pipeline_ms * 1e3;
    const auto told = told_timing(report_, whole);
    if (ideal_us <= 0 || !told) return;
    std::vector<std::string> words;
    for (std::size_t side = 0; side < report_.sides.size(); ++side) {
      const Result* result = find_result(report_, whole, side, *told);
      if (result == nullptr || typical_us(*result) <= 0) continue;
      const double share = std::max(1 - ideal_us / typical_us(*result), 0.0);
      words.push_back(fmt::format("{} of the step on {}", pingpong::percent(share), side_name(report_, side)));
    }
    writer_.line(fmt::format("without any bubble the pipeline would take {}: bubble and sends are {}",
                             duration(ideal_us), pingpong::join_words(words)));
  }

  // ---- what supports them ----

  void proof() {
    std::string_view label = "PROOF";
    for (const SideResult& side : report_.sides) {
      if (side.floor && !options_.verbose) continue;
      const Proof& proof = side.proof;
      const Tone tone = proof.verdict == Proof::Verdict::contradicted ? Tone::bad
                        : proof.verdict == Proof::Verdict::unproven   ? Tone::warn
                                                                      : Tone::plain;
      const std::string& sentence = proof.sentence;
      std::string words =
          fmt::format("{} {}: {}", side.name, to_string(proof.verdict), sentence.empty() ? "nothing tells" : sentence);
      const bool named = std::all_of(proof.rails.begin(), proof.rails.end(),
                                     [&](const std::string& rail) { return sentence.find(rail) != std::string::npos; });
      if (!named) words += fmt::format("; over {}", pingpong::join_words(proof.rails));
      if (!proof.idle_rails.empty()) words += fmt::format("; idle: {}", pingpong::join_words(proof.idle_rails));
      if (proof.gpu_direct) words += *proof.gpu_direct ? "; with GPUDirect RDMA" : "; without GPUDirect RDMA";
      if (options_.verbose) words += fmt::format("; {} had to cross", size_words(proof.expected_bytes));
      writer_.labelled(label, words, tone);
      label = "";
      connections(proof);
      algorithms(proof);
      if (options_.verbose) details(proof);
    }
  }

  /// The words, or the first few of them and how many more there are.
  std::vector<std::string> few(std::vector<std::string> words) const {
    if (options_.verbose || words.size() <= most_names) return words;
    const std::size_t more = words.size() - most_names;
    words.resize(most_names);
    words.push_back(fmt::format("{} more", more));
    return words;
  }

  void connections(const Proof& proof) {
    std::vector<std::string> lines;
    for (const proof::Connection& connection : proof.connections) {
      std::vector<std::string> words;
      if (connection.gid_index) words.push_back(fmt::format("GID {}", *connection.gid_index));
      if (!connection.addresses.empty()) words.push_back(pingpong::join_words(few(connection.addresses)));
      if (connection.mtu_bytes) words.push_back(fmt::format("MTU {}", *connection.mtu_bytes));
      if (connection.queue_pairs > 0) words.push_back(plural(connection.queue_pairs, "queue pair"));
      lines.push_back(fmt::format("{}{}: {}", connection.device,
                                  connection.link_layer.empty() ? "" : fmt::format(" ({})", connection.link_layer),
                                  fmt::join(words, ", ")));
    }
    for (const std::string& line : few(lines)) writer_.labelled("", "  " + line);
  }

  void algorithms(const Proof& proof) {
    for (const auto& use : proof.algorithms) {
      writer_.labelled("", fmt::format("  {} {}: {}, {} ({}x)", use.operation, size_words(use.size_bytes),
                                       use.algorithm, use.protocol, use.count));
    }
  }

  void details(const Proof& proof) {
    for (const CounterDelta& delta : proof.counters) {
      if (delta.delta == 0) continue;
      writer_.labelled(
          "", fmt::format("  {} of {} on {}: +{} {}", delta.counter, delta.source, delta.host, delta.delta, delta.unit),
          Tone::faint);
    }
    for (const std::string& line : proof.log_lines) writer_.labelled("", "  " + line, Tone::faint);
  }

  void verification() {
    if (report_.results.empty()) return;
    if (report_.verifications.empty()) {
      writer_.labelled("VERIFY", "results were not verified", Tone::faint);
      return;
    }
    std::vector<std::string> right;
    double tolerance = 0;
    for (const Verification& item : report_.verifications) {
      tolerance = std::max(tolerance, item.tolerance);
      if (item.wrong_calls == 0) {
        right.push_back(fmt::format("{} over {}", plural(item.calls, "call"), side_name(report_, item.side)));
        continue;
      }
      writer_.labelled("VERIFY",
                       fmt::format("{} of {} on {} gave wrong results; {}", item.wrong_calls,
                                   plural(item.calls, "call"), side_name(report_, item.side), item.first_wrong),
                       Tone::bad);
    }
    if (right.empty()) return;
    writer_.labelled("VERIFY",
                     fmt::format("every element is right: {} ({})", pingpong::join_words(right),
                                 tolerance > 0 ? fmt::format("sums within {:g}", tolerance) : "sums exactly"));
  }

  std::string name_of(const Result& result) const {
    const Subject& subject = report_.subjects[result.subject];
    std::string name = subject.whole_step ? std::string("whole step")
                                          : operation_words(subject) + ' ' + size_words(subject.size_bytes);
    if (subject.whole_step && report_.plan.steps.size() > 1) {
      if (const auto& form = report_.plan.steps.at(subject.step).request.form)
        name += fmt::format(" as {}", to_string(*form));
    }
    if (report_.sides.size() > 1) name += " over " + side_name(report_, result.side);
    return fmt::format("{}, {}", name, collectives::to_string(result.timing));
  }

  void warnings() {
    std::vector<pingpong::Noticed> noticed;
    for (const Result& result : report_.results) {
      for (const measure::Warning& warning : result.warnings) noticed.push_back({name_of(result), warning});
    }
    std::string_view label = "WARN";
    for (const std::string& line : pingpong::warning_lines(noticed, options_.verbose)) {
      writer_.labelled(label, line, Tone::warn);
      label = "";
    }
  }

  /// What the tokens per second rest on; the warnings of each step always, the rest with -v.
  void assumptions() {
    std::vector<std::string> beware;
    std::vector<std::string> assumed;
    const auto add = [](std::vector<std::string>& list, const std::vector<std::string>& more) {
      for (const std::string& sentence : more) {
        if (std::find(list.begin(), list.end(), sentence) == list.end()) list.push_back(sentence);
      }
    };
    for (const predict::Prediction& prediction : report_.predictions) {
      if (!report_.function_only.empty() && !prediction.measured_tok_s) continue;
      add(beware, prediction.warnings);
      add(beware, prediction.extrapolations);
      add(assumed, prediction.assumptions);
    }
    std::string_view label = "TOK/S";
    for (const std::string& sentence : beware) {
      writer_.labelled(label, sentence);
      label = "";
    }
    if (!options_.verbose) {
      if (!assumed.empty()) {
        writer_.labelled(label, fmt::format("rests on {} (-v lists them)", plural(assumed.size(), "assumption")),
                         Tone::faint);
      }
      return;
    }
    if (report_.predictions.empty()) {
      for (const traffic::Step& step : report_.plan.steps) add(assumed, step.notes);
    }
    writer_.sentences("Assumed", assumed, Tone::strong);
  }

  const Report& report_;
  const text::Style& style_;
  const TextOptions& options_;
  Writer writer_;
};

}  // namespace

std::string render_text(const Report& report, const text::Style& style, const TextOptions& options) {
  return Text(report, style, options).render();
}

}  // namespace rocekit::pattern
