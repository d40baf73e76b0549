#include "tools/nccl-pattern/report/headline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/text/sizes.h"
#include "probes/report/finding_text.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pattern {
namespace {

using collectives::Timing;
using pingpong::Against;
using pingpong::times;
using text::Tone;

/// From here on the rate says more than the time.
constexpr std::uint64_t large_bytes = 4U << 20;

std::string figure(const Subject& subject, const Result& result) {
  if (subject.whole_step || subject.size_bytes < large_bytes || result.busbw_gb_s <= 0) {
    return duration(typical_us(result));
  }
  const std::string of =
      result.fraction_of_bound ? fmt::format(" ({} of the bound)", pingpong::percent(*result.fraction_of_bound)) : "";
  return fmt::format("{} GB/s{}", pingpong::gigabits(result.busbw_gb_s), of);
}

/// A side whose figures are another transport's is never told by its name alone.
std::string honest_name(const Report& report, std::size_t side) {
  if (side >= report.sides.size() || report.sides[side].proof.verdict != Proof::Verdict::contradicted) {
    return side_name(report, side);
  }
  const std::string& seen = report.sides[side].proof.transport;
  return fmt::format("{} ({})", side_name(report, side),
                     seen.empty() || seen == "unknown" ? "contradicted" : "in truth " + seen);
}

/// "socket is 3.61x slower (3.42-3.81)"
std::string comparison_words(const Report& report, const Comparison& comparison, bool name_both) {
  const Against found = pingpong::against(comparison.ratio, pingpong::Metric::latency);
  const std::string b = side_name(report, comparison.b);
  const std::string than = name_both ? " than " + side_name(report, comparison.a) : "";
  const std::string interval = fmt::format(" ({}-{})", times(found.low), times(found.high));
  switch (found.outcome) {
    case Against::Outcome::slower:
      return fmt::format("{} is {}x slower{}{}", b, times(found.factor), than, interval);
    case Against::Outcome::faster:
      return fmt::format("{} is {}x faster{}{}", b, times(found.factor), than, interval);
    case Against::Outcome::no_difference:
      return fmt::format("no difference between {} and {}{}", side_name(report, comparison.a), b, interval);
    case Against::Outcome::too_few_pairs:
      break;
  }
  return "too few pairs to compare";
}

std::string proof_words(const Proof& proof) {
  if (proof.verdict != Proof::Verdict::proven) return to_string(proof.verdict);
  if (proof.by_counters && proof.by_log) return "proven by counters and NCCL's log";
  if (proof.by_counters) return "proven by counters";
  return proof.by_log ? "proven by NCCL's log" : "proven";
}

/// "both proven by counters", or side by side.
std::string all_proof_words(const Report& report) {
  std::vector<std::string> words;
  std::vector<std::string> names;
  for (const SideResult& side : report.sides) {
    if (side.floor) continue;
    words.push_back(proof_words(side.proof));
    names.push_back(side.name);
  }
  if (words.empty()) return "";
  const bool same = std::all_of(words.begin(), words.end(), [&](const auto& word) { return word == words.front(); });
  if (same) return (words.size() == 1 ? "" : words.size() == 2 ? "both " : "all ") + words.front();
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = names[i] + ' ' + words[i];
  return fmt::format("{}", fmt::join(words, ", "));
}

Tone proof_tone(const Report& report) {
  Tone tone = Tone::plain;
  for (const SideResult& side : report.sides) {
    if (side.floor) continue;
    if (side.proof.verdict == Proof::Verdict::contradicted) return Tone::bad;
    if (side.proof.verdict == Proof::Verdict::unproven) tone = Tone::warn;
  }
  return tone;
}

std::string interval_words(const std::optional<predict::Interval>& interval) {
  if (!interval) return "";
  if (!std::isfinite(interval->high)) return fmt::format(" ({} or more)", token_rate(interval->low));
  return fmt::format(" ({}-{})", token_rate(interval->low), token_rate(interval->high));
}

void write_price(Writer& writer, const predict::Prediction& prediction) {
  const std::string& a = prediction.measured_on;
  const std::string& b = prediction.predicted_on;
  if (prediction.tok_s) {
    writer.line(fmt::format("{} tok/s on {} would be {} tok/s{} on {}, if only communication changes",
                            token_rate(*prediction.measured_tok_s), a, token_rate(*prediction.tok_s),
                            interval_words(prediction.interval), b),
                Tone::strong);
  } else if (prediction.measured_tok_s) {
    writer.line(fmt::format("nothing is predicted from {} tok/s on {}: {}", token_rate(*prediction.measured_tok_s), a,
                            prediction.warnings.empty() ? "the latencies contradict it" : prediction.warnings.front()),
                Tone::warn);
  }
  writer.line(fmt::format("communication alone would allow {} tok/s on {} and {} on {}{}",
                          token_rate(prediction.ceiling_b_tok_s), b, token_rate(prediction.ceiling_a_tok_s), a,
                          prediction.measured_tok_s ? "" : " (--tok-s with --measured-on predicts yours)"));
}

void write_step(Writer& writer, const Report& report, std::size_t step) {
  writer.title(step_words(report.plan, report.plan.steps[step]));
  const auto whole = whole_step_of(report, step);
  const std::string words = whole ? figures(report, *whole) : "";
  if (words.empty()) {
    writer.line("the step was not measured", Tone::warn);
  } else {
    writer.line(fmt::format("each step ({}): {}", timing_words(*told_timing(report, *whole)), words), Tone::strong);
  }
  if (step >= report.predictions.size()) return;
  // Ceilings of latencies that say nothing of speed would be taken for some.
  const predict::Prediction& price = report.predictions[step];
  if (report.function_only.empty() || price.measured_tok_s) write_price(writer, price);
}

void write_pattern(Writer& writer, const Report& report) {
  const std::vector<std::size_t> subjects = operations_of(report, std::nullopt);
  if (subjects.empty()) return;
  const Subject& first = report.subjects[subjects.front()];
  writer.title(fmt::format("{} on {}, {}", operation_words(first),
                           plural(static_cast<std::uint64_t>(first.ranks), "rank"),
                           to_string(report.plan.options.type)));
  const auto smaller = [&](std::size_t x, std::size_t y) {
    return report.subjects[x].size_bytes < report.subjects[y].size_bytes;
  };
  const auto [least, most] = std::minmax_element(subjects.begin(), subjects.end(), smaller);
  for (const auto& subject : {least, most}) {
    if (subject == most && most == least) continue;
    const std::string words = figures(report, *subject);
    if (words.empty()) continue;
    writer.line(fmt::format("{} ({}): {}", text::exact_size(report.subjects[*subject].size_bytes),
                            timing_words(*told_timing(report, *subject)), words),
                Tone::strong);
  }
}

/// The subject that the last line tells: the first step, or the smallest size.
std::optional<std::size_t> first_subject(const Report& report) {
  for (std::size_t step = 0; step < report.plan.steps.size(); ++step) {
    if (const auto whole = whole_step_of(report, step); whole && told_timing(report, *whole)) return whole;
  }
  for (std::size_t i = 0; i < report.subjects.size(); ++i) {
    if (told_timing(report, i)) return i;
  }
  return std::nullopt;
}

}  // namespace

std::string figures(const Report& report, std::size_t subject) {
  const std::optional<Timing> told = told_timing(report, subject);
  if (!told) return "";
  std::vector<std::string> sides;
  for (std::size_t side = 0; side < report.sides.size(); ++side) {
    const Result* result = find_result(report, subject, side, *told);
    if (result == nullptr || is_floor(report, side)) continue;
    sides.push_back(fmt::format("{} {}", honest_name(report, side), figure(report.subjects[subject], *result)));
  }
  std::vector<std::string> ratios;
  for (const Comparison& comparison : report.comparisons) {
    if (comparison.subject != subject || comparison.timing != *told) continue;
    ratios.push_back(comparison_words(report, comparison, sides.size() > 2));
  }
  if (ratios.empty()) return fmt::format("{}", fmt::join(sides, ", "));
  return fmt::format("{}: {}", fmt::join(sides, ", "), fmt::join(ratios, ", "));
}

void write_answer(Writer& writer, const Report& report) {
  for (const std::string& sentence : report.function_only) {
    writer.labelled(&sentence == &report.function_only.front() ? "FUNCTION" : "", ' ' + sentence, Tone::warn);
  }
  for (std::size_t step = 0; step < report.plan.steps.size(); ++step) write_step(writer, report, step);
  if (report.plan.steps.empty()) write_pattern(writer, report);
  const std::string proof = all_proof_words(report);
  if (!proof.empty()) writer.line("transport: " + proof, proof_tone(report));
}

void write_verdict(Writer& writer, const Report& report) {
  std::string words = "nothing was measured";
  if (const auto subject = first_subject(report)) {
    const Subject& told = report.subjects[*subject];
    words = fmt::format("{}: {}",
                        told.whole_step ? report.plan.options.mode + " step"
                                        : operation_words(told) + ' ' + size_words(told.size_bytes),
                        figures(report, *subject));
  }
  writer.blank();
  writer.raw(
      rocekit::report::render_measured_verdict(report.verdict, report.findings, words, writer.style(), writer.width()));
}

}  // namespace rocekit::pattern
