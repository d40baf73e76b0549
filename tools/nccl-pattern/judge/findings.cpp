#include "tools/nccl-pattern/judge/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "probes/checks/check.h"
#include "tools/nccl-pattern/labels.h"
#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pattern {
namespace {

using checks::Evidence;
using checks::Finding;
using collectives::Backend;
using collectives::Timing;
using pingpong::verdicts_of;

/// Messages below it the host backend does not spread over rails.
constexpr std::uint64_t spread_bytes = 1U << 20;
constexpr double steady_ratio = 3;
constexpr std::size_t most_evidence = 12;

std::string first_host(const Report& report) { return report.hosts.empty() ? std::string() : report.hosts[0].name; }

bool several_hosts(const Report& report) {
  return std::any_of(report.hosts.begin(), report.hosts.end(),
                     [&](const Host& host) { return host.name != report.hosts.front().name; });
}

/// Real adapters, a GPU for each rank, several hosts: only there have speeds a meaning that physics gives.
bool speeds_count(const Report& report) { return report.function_only.empty() && several_hosts(report); }

std::string subject_words(const Report& report, std::size_t index) {
  const Subject& subject = report.subjects[index];
  if (!subject.whole_step) return fmt::format("{} {}", operation_words(subject), size_words(subject.size_bytes));
  return subject.step < report.plan.steps.size() ? step_words(report.plan, report.plan.steps[subject.step])
                                                 : subject.name;
}

/// Whole steps; of a pattern each size.
std::vector<std::size_t> judged_subjects(const Report& report) {
  std::vector<std::size_t> steps;
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < report.subjects.size(); ++i) {
    all.push_back(i);
    if (report.subjects[i].whole_step) steps.push_back(i);
  }
  return steps.empty() ? all : steps;
}

// ---- ROCE-PERF-009, -010 --------------------------------------------------------------------------------------------

std::vector<Evidence> evidence_of(const Proof& proof) {
  std::vector<Evidence> evidence;
  for (const std::string& line : proof.log_lines) {
    if (evidence.size() < most_evidence / 2) evidence.push_back({"NCCL's log", line, ""});
  }
  for (const CounterDelta& delta : proof.counters) {
    if (delta.delta == 0 || evidence.size() >= most_evidence) continue;
    evidence.push_back({fmt::format("{} of {} on {}", delta.counter, delta.source, delta.host),
                        fmt::format("+{} {}", delta.delta, delta.unit), ""});
  }
  return evidence;
}

std::vector<std::string> transport_remedy(const SideResult& side) {
  if (side.backend == Backend::nccl) {
    return {"# on each node, and in the container that serves: what NCCL will choose there, and why", "roce-probe",
            "roce-probe --check ENV,ACC"};
  }
  return {"# on each node: which way leads to the others", "ip route get PEER", "roce-probe --check NET-002,NET-003"};
}

bool is_over(const SideResult& side, const std::string& transport) { return side.transport == transport; }

void judge_required(const Report& report, std::vector<Finding>& out) {
  if (!report.required) return;
  const std::string& wanted = *report.required;
  const SideResult* side = nullptr;
  for (const SideResult& candidate : report.sides) {
    if (candidate.floor) continue;
    if (!is_over(candidate, wanted) && candidate.proof.transport != wanted) continue;
    // A plugin is proven by its channels, which do not carry its name.
    if (candidate.proof.verdict == Proof::Verdict::proven) return;
    if (side == nullptr || is_over(candidate, wanted)) side = &candidate;
  }
  const std::string host = first_host(report);
  if (side != nullptr) {
    verdicts_of("ROCE-PERF-010", host, out)
        .critical(side->name,
                  fmt::format("--require {}: the side is {}: {}", wanted, to_string(side->proof.verdict),
                              side->proof.sentence.empty() ? "nothing tells what carried it" : side->proof.sentence),
                  evidence_of(side->proof),
                  "What was required is not what is shown to have carried the data: the figures may be those of "
                  "another transport.",
                  transport_remedy(*side));
    return;
  }
  std::vector<Evidence> evidence;
  for (const std::string& note : report.notes) evidence.push_back({"note", note, ""});
  for (const SideResult& other : report.sides) {
    evidence.push_back({"measured", fmt::format("{}: {}", other.name, other.proof.sentence), ""});
  }
  verdicts_of("ROCE-PERF-010", host, out)
      .critical("run", fmt::format("--require {}: nothing was measured over it", wanted), std::move(evidence),
                "The transport that is required could not be used between these ranks.",
                {"# on each node: what is missing", "roce-probe"});
}

void judge_proof(const Report& report, std::vector<Finding>& out) {
  for (const SideResult& side : report.sides) {
    // A floor proves nothing about NCCL, and --require has said it.
    if (side.floor) continue;
    if (report.required && is_over(side, *report.required)) continue;
    const Proof& proof = side.proof;
    if (proof.verdict == Proof::Verdict::contradicted) {
      verdicts_of("ROCE-PERF-009", first_host(report), out)
          .critical(side.name, fmt::format("{}: {}", side.name, proof.sentence), evidence_of(proof),
                    fmt::format("What was measured as {} went another way: its figures are those of something else.",
                                side.name),
                    transport_remedy(side));
    } else if (proof.verdict == Proof::Verdict::unproven && several_hosts(report)) {
      verdicts_of("ROCE-PERF-010", first_host(report), out)
          .unknown(side.name, fmt::format("{}: nothing proves what carried it", side.name),
                   {facts::Why::not_read, proof.sentence}, transport_remedy(side));
    }
  }
}

// ---- ROCE-PERF-011 --------------------------------------------------------------------------------------------------

void judge_gain(const Report& report, std::vector<Finding>& out) {
  if (!speeds_count(report)) return;
  std::vector<Evidence> evidence;
  std::string first;
  for (const std::size_t subject : judged_subjects(report)) {
    const auto told = told_timing(report, subject);
    for (const Comparison& comparison : report.comparisons) {
      if (comparison.subject != subject || comparison.timing != told) continue;
      if (comparison.a >= report.sides.size() || comparison.b >= report.sides.size()) continue;
      const SideResult& a = report.sides[comparison.a];
      const SideResult& b = report.sides[comparison.b];
      const bool forwards = is_over(a, "rdma") && is_over(b, "socket");
      const bool backwards = is_over(a, "socket") && is_over(b, "rdma");
      if (!forwards && !backwards) continue;
      const pingpong::Against found = pingpong::against(comparison.ratio, pingpong::Metric::latency);
      if (found.outcome == pingpong::Against::Outcome::too_few_pairs) continue;
      const auto gain = forwards ? pingpong::Against::Outcome::slower : pingpong::Against::Outcome::faster;
      if (found.outcome == gain) continue;
      const std::string words = fmt::format("{} against {}: {}", b.name, a.name, pingpong::in_words(found));
      evidence.push_back({subject_words(report, subject), words, timing_words(*told)});
      if (first.empty()) first = fmt::format("{}: {}", subject_words(report, subject), words);
    }
  }
  if (evidence.empty()) return;
  const std::string more = evidence.size() > 1 ? fmt::format(" ({} in all)", evidence.size()) : "";
  verdicts_of("ROCE-PERF-011", first_host(report), out)
      .warning("rdma", fmt::format("RDMA is no faster than sockets{}: {}", more, first), std::move(evidence),
               "Over adapters small collectives are several times faster than over sockets; here serving gains nothing "
               "from RDMA.",
               {"# on both nodes: the wire alone, without NCCL", "roce-pingpong", "roce-probe"});
}

// ---- ROCE-PERF-012 --------------------------------------------------------------------------------------------------

void judge_rails(const Report& report, std::vector<Finding>& out) {
  if (!several_hosts(report)) return;
  std::uint64_t largest = 0;
  for (const Subject& subject : report.subjects) largest = std::max(largest, subject.size_bytes);
  for (const SideResult& side : report.sides) {
    const Proof& proof = side.proof;
    if (side.floor || proof.verdict != Proof::Verdict::proven || proof.transport != "rdma" || proof.idle_rails.empty())
      continue;
    if (side.backend == Backend::host && largest < spread_bytes) continue;
    std::vector<Evidence> evidence{
        {"carried data", fmt::format("{}", fmt::join(proof.rails, ", ")), "counters"},
        {"carried nothing", fmt::format("{}", fmt::join(proof.idle_rails, ", ")), "counters"}};
    verdicts_of("ROCE-PERF-012", first_host(report), out)
        .warning(side.name,
                 fmt::format("{}: {} of {} carried data, {} nothing", side.name, plural(proof.rails.size(), "rail"),
                             proof.rails.size() + proof.idle_rails.size(), pingpong::join_words(proof.idle_rails)),
                 std::move(evidence), "Large operations could use all rails at once: bandwidth stays unused.",
                 {"roce-probe --check ENV,LNK,GID", "env | grep NCCL_IB_HCA", "roce-pingpong --rails all"});
  }
}

// ---- ROCE-PERF-013 --------------------------------------------------------------------------------------------------

void judge_results(const Report& report, std::vector<Finding>& out) {
  for (const Verification& item : report.verifications) {
    if (item.wrong_calls == 0) continue;
    const std::string side = side_name(report, item.side);
    verdicts_of("ROCE-PERF-013", first_host(report), out)
        .critical(
            side,
            fmt::format("{} of {} over {} gave wrong results", item.wrong_calls, plural(item.calls, "call"), side),
            {{"first", item.first_wrong, "--verify"}, {"tolerance", fmt::format("{:g}", item.tolerance), "--verify"}},
            "Nothing that a model computes over this transport can be trusted.",
            {"# the same without NCCL, then over the other transport:", "nccl-pattern --backend host ...",
             "sudo dmesg | grep -iE 'xid|aer|pcie|mce|iommu'"});
  }
}

// ---- ROCE-PERF-014 --------------------------------------------------------------------------------------------------

void judge_steadiness(const Report& report, std::vector<Finding>& out) {
  if (!speeds_count(report)) return;
  for (std::size_t side = 0; side < report.sides.size(); ++side) {
    if (is_floor(report, side)) continue;
    std::vector<Evidence> evidence;
    std::vector<Evidence> causes;
    for (const std::size_t subject : judged_subjects(report)) {
      const std::string name = subject_words(report, subject);
      const Result* isolated = find_result(report, subject, side, Timing::isolated);
      if (isolated != nullptr && isolated->latency_us.p50 && isolated->latency_us.p99 &&
          *isolated->latency_us.p99 > steady_ratio * *isolated->latency_us.p50) {
        evidence.push_back(
            {name,
             fmt::format("p50 {}, p99 {}", duration(*isolated->latency_us.p50), duration(*isolated->latency_us.p99)),
             timing_words(Timing::isolated)});
      }
      const auto told = told_timing(report, subject);
      const Result* result = told ? find_result(report, subject, side, *told) : nullptr;
      if (result == nullptr) continue;
      for (const measure::Warning& warning : result->warnings) {
        if (warning.kind == measure::Warning::Kind::drift || warning.kind == measure::Warning::Kind::bimodal) {
          evidence.push_back({name, warning.text, timing_words(*told)});
        } else if (warning.kind == measure::Warning::Kind::slow_core) {
          causes.push_back({name, warning.text, timing_words(*told)});
        }
      }
    }
    if (evidence.empty()) continue;
    evidence.insert(evidence.end(), causes.begin(), causes.end());
    const std::string name = side_name(report, side);
    std::string title = fmt::format("{}: {}, {}", name, evidence.front().what, evidence.front().value);
    verdicts_of("ROCE-PERF-014", first_host(report), out)
        .warning(name, std::move(title), std::move(evidence),
                 "A step waits for its slowest operations, and figures that change while they are taken say little "
                 "about the next hour.",
                 {"sudo cpupower frequency-set -g performance", "# on both nodes: whether the wire alone is steady",
                  "roce-pingpong -v"});
  }
}

/// Losses on adapters while the sides were measured.
void judge_losses(const Report& report, std::vector<Finding>& out) {
  if (!speeds_count(report)) return;
  pingpong::Report counted;
  for (const SideResult& side : report.sides) {
    pingpong::Result result;
    result.proof.counters = side.proof.counters;
    counted.results.push_back(std::move(result));
  }
  pingpong::judge_losses(counted, out);
}

}  // namespace

void judge(Report& report) {
  std::vector<Finding> found;
  judge_required(report, found);
  judge_proof(report, found);
  judge_results(report, found);
  judge_gain(report, found);
  judge_rails(report, found);
  judge_steadiness(report, found);
  judge_losses(report, found);
  report.findings.insert(report.findings.end(), found.begin(), found.end());

  std::vector<Finding> for_verdict = report.findings;
  if (!report.results.empty()) {
    Finding measured;
    measured.severity = checks::Severity::ok;
    for_verdict.push_back(std::move(measured));
  }
  report.verdict = checks::judge(for_verdict);
  // Whatever is wrong, without a figure nothing was measured, and that is not a warning.
  if (report.results.empty() && report.verdict != checks::Verdict::not_ready) report.verdict = checks::Verdict::unknown;
}

}  // namespace rocekit::pattern
