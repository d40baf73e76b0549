#include "tools/nccl-pattern/labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/sizes.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pattern {

using collectives::Timing;

std::string plural(std::uint64_t number, const char* word) {
  return fmt::format("{} {}{}", number, word, number == 1 ? "" : "s");
}

std::string size_words(std::uint64_t bytes) { return text::rounded_size(static_cast<double>(bytes)); }

std::string duration(double microseconds) {
  if (microseconds < 1000) return pingpong::microseconds(microseconds) + " us";
  if (microseconds < 1e6) return pingpong::microseconds(microseconds / 1e3) + " ms";
  return pingpong::microseconds(microseconds / 1e6) + " s";
}

std::string token_rate(double tok_s) { return fmt::format("{:.{}f}", tok_s, tok_s < 10'000 ? 1 : 0); }

std::string step_words(const Plan& plan, const traffic::Step& step) {
  const traffic::StepRequest& request = step.request;
  std::string words = fmt::format("{} of {}, {}, ", request.mode.name(), plan.model.name, to_string(request.phase));
  words += request.phase == traffic::Phase::decode
               ? plural(request.batch, "request")
               : fmt::format("a chunk of {}", plural(request.prefill_tokens, "token"));
  if (request.draft_tokens > 0) words += fmt::format(", EAGLE3 with {}", plural(request.draft_tokens, "draft token"));
  if (request.microbatches > 1) words += fmt::format(", {} microbatches", request.microbatches);
  if (request.form) words += fmt::format(": as {}", to_string(*request.form));
  return words;
}

std::vector<Issuer> issuers_of(const traffic::Step& step) {
  std::vector<Issuer> issuers;
  for (const traffic::Operation& operation : step.operations) {
    auto issuer = std::find_if(issuers.begin(), issuers.end(),
                               [&](const Issuer& known) { return known.setting == operation.issued_by; });
    if (issuer == issuers.end()) issuer = issuers.insert(issuer, Issuer{operation.issued_by, {}});
    std::vector<traffic::OpKind>& kinds = issuer->operations;
    if (std::find(kinds.begin(), kinds.end(), operation.kind) == kinds.end()) kinds.push_back(operation.kind);
  }
  return issuers;
}

std::string operation_words(const Subject& subject) {
  if (!subject.kind) return subject.name;
  return traffic::to_string(*subject.kind) + (subject.form.empty() ? "" : ' ' + subject.form);
}

std::string rank_name(const Report& report, std::size_t rank) {
  if (rank >= report.hosts.size()) return fmt::format("rank {}", rank);
  const std::string& name = report.hosts[rank].name;
  const auto same =
      std::count_if(report.hosts.begin(), report.hosts.end(), [&](const Host& host) { return host.name == name; });
  if (name.empty()) return fmt::format("rank {}", rank);
  return same > 1 ? fmt::format("{} (rank {})", name, rank) : name;
}

std::string side_name(const Report& report, std::size_t side) {
  return side < report.sides.size() ? report.sides[side].name : fmt::format("side {}", side);
}

std::string transport_of(const SideResult& side) {
  if (!side.transport.empty()) return side.transport;
  return side.proof.verdict == Proof::Verdict::proven && !side.proof.transport.empty() ? side.proof.transport
                                                                                       : side.name;
}

bool is_floor(const Report& report, std::size_t side) { return side < report.sides.size() && report.sides[side].floor; }

const Result* find_result(const Report& report, std::size_t subject, std::size_t side, Timing timing) {
  for (const Result& result : report.results) {
    if (result.subject == subject && result.side == side && result.timing == timing) return &result;
  }
  return nullptr;
}

const Comparison* find_comparison(const Report& report, std::size_t subject, std::size_t b, Timing timing) {
  const Comparison* found = nullptr;
  for (const Comparison& comparison : report.comparisons) {
    if (comparison.subject != subject || comparison.b != b || comparison.timing != timing) continue;
    if (found == nullptr || comparison.a < found->a) found = &comparison;
  }
  return found;
}

bool was_timed(const Report& report, Timing timing) {
  return std::any_of(report.results.begin(), report.results.end(),
                     [&](const Result& result) { return result.timing == timing; });
}

std::optional<Timing> told_timing(const Report& report, std::size_t subject) {
  std::optional<Timing> told;
  std::size_t most = 0;
  for (const Timing timing : {report.predicted_from, Timing::graph, Timing::back_to_back, Timing::isolated}) {
    std::size_t sides = 0;
    for (std::size_t side = 0; side < report.sides.size(); ++side) {
      // A floor alone is better than nothing, and outweighs no side that was asked for.
      if (find_result(report, subject, side, timing) != nullptr) sides += is_floor(report, side) ? 1 : 1000;
    }
    const std::size_t asked_for = sides / 1000 > 0 ? sides - sides % 1000 : sides;
    if (asked_for > most) {
      most = asked_for;
      told = timing;
    }
  }
  return told;
}

double typical_us(const Result& result) {
  if (result.latency_us.p50) return *result.latency_us.p50;
  return result.mean_us > 0 ? result.mean_us : result.latency_us.mean;
}

std::string typical_words(const Result& result) {
  return (result.latency_us.p50 ? "" : "~") + pingpong::microseconds(typical_us(result));
}

const char* timing_words(Timing timing) {
  switch (timing) {
    case Timing::graph:
      return "CUDA graph";
    case Timing::back_to_back:
      return "back to back";
    case Timing::isolated:
      break;
  }
  return "one by one";
}

std::optional<std::size_t> whole_step_of(const Report& report, std::size_t step) {
  for (std::size_t i = 0; i < report.subjects.size(); ++i) {
    if (report.subjects[i].whole_step && report.subjects[i].step == step) return i;
  }
  return std::nullopt;
}

std::vector<std::size_t> operations_of(const Report& report, std::optional<std::size_t> step) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < report.subjects.size(); ++i) {
    const Subject& subject = report.subjects[i];
    if (subject.whole_step) continue;
    if (step ? subject.count_in_step > 0 && subject.step == *step : subject.count_in_step == 0) found.push_back(i);
  }
  return found;
}

}  // namespace rocekit::pattern
