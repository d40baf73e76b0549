#include "tools/roce-pingpong/judge/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "tools/roce-pingpong/judge/judging.h"
#include "tools/roce-pingpong/labels.h"

namespace rocekit::pingpong {
namespace {

/// From here on a message is many packets, and neither the rate of messages (millions a second on adapters) nor the
/// cost of posting one decides: 64 KiB at 400 Gb/s is one message in 1.3 us.
constexpr std::size_t large_bytes = 64U << 10;
/// What must be under way to fill a path: 400 Gb/s for 10 us, the round trip through some switches, is 500 KB.
constexpr std::uint64_t least_in_flight = 1U << 20;
/// Fits into one packet at every path MTU, and below what adapters take inline or in one read of PCIe.
constexpr std::size_t small_bytes = 256;

bool is_push(verbs::Operation operation) {
  return operation == verbs::Operation::send || operation == verbs::Operation::write ||
         operation == verbs::Operation::write_imm;
}

}  // namespace

bool is_large_stream(const Report& report, const Result& result) {
  return result.metric == Metric::bandwidth && result.transport == verbs::Transport::rc && is_push(result.operation) &&
         result.size_bytes >= large_bytes &&
         static_cast<std::uint64_t>(result.size_bytes) * static_cast<std::uint64_t>(std::max(report.window, 1)) *
                 static_cast<std::uint64_t>(std::max(report.queue_pairs, 1)) >=
             least_in_flight &&
         all_on_wire(report, result.paths);
}

bool is_small_message(const Report& report, const Result& result) {
  const bool host_memory = report.memory == verbs::MemoryKind::host || report.memory == verbs::MemoryKind::hugepages;
  return result.metric == Metric::latency && result.transport == verbs::Transport::rc && result.latency_us.p50 &&
         result.size_bytes <= small_bytes && report.wait_mode == verbs::WaitMode::poll && host_memory &&
         all_on_wire(report, result.paths);
}

checks::Verdicts verdicts_of(std::string_view check_id, const std::string& host, std::vector<checks::Finding>& out) {
  const checks::Check* check = checks::find_check(check_id);
  if (check == nullptr) throw std::logic_error(fmt::format("there is no check {}", check_id));
  return {*check, host, out};
}

void judge(Report& report) {
  std::vector<checks::Finding> found;
  judge_pairs(report, found);
  judge_directions(report, found);
  judge_speed(report, found);
  judge_cohort(report, found);
  judge_counters(report, found);
  report.findings.insert(report.findings.end(), found.begin(), found.end());

  std::vector<checks::Finding> for_verdict = report.findings;
  if (!report.results.empty()) {
    checks::Finding measured;
    measured.severity = checks::Severity::ok;
    for_verdict.push_back(std::move(measured));
  }
  report.verdict = checks::judge(for_verdict);
  // Whatever is wrong with the pair, without a figure nothing was measured, and that is not a warning.
  if (report.results.empty() && report.verdict != checks::Verdict::not_ready) report.verdict = checks::Verdict::unknown;
}

}  // namespace rocekit::pingpong
