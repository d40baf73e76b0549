#include "tools/roce-preflight/judge/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "tools/roce-preflight/figures.h"

namespace rocekit::preflight {
namespace {

using checks::Evidence;
using checks::Finding;
using checks::Severity;

std::string_view area_of(const Finding& finding) {
  const std::string_view id = finding.id;
  const std::size_t begin = id.find('-');
  const std::size_t end = begin == std::string_view::npos ? begin : id.find('-', begin + 1);
  return end == std::string_view::npos ? std::string_view{} : id.substr(begin + 1, end - begin - 1);
}

bool is_one_of(const std::string& id, std::initializer_list<std::string_view> ids) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// What another fault brings about: it is told after its causes.
bool is_consequence(const Finding& finding) {
  const std::string_view area = area_of(finding);
  return area == "PERF" || area == "CTR" || is_one_of(finding.id, {"ROCE-PAIR-003", "ROCE-PAIR-011", "ROCE-PAIR-022"});
}

/// True today, and in the way another day.
bool is_minor(const Finding& finding) {
  return area_of(finding) == "CFG" ||
         is_one_of(finding.id, {"ROCE-PAIR-006", "ROCE-PAIR-007", "ROCE-PAIR-008", "ROCE-PAIR-016", "ROCE-PAIR-017",
                                "ROCE-PAIR-018", "ROCE-PERF-014"});
}

/// Nearer to the cause: lower.
int rank_of(const Finding& finding) {
  constexpr std::array<std::string_view, 14> areas{"DEV", "ACC", "LNK", "NET", "GID",  "MTU", "PAIR",
                                                   "PCI", "ENV", "SRV", "CTR", "PERF", "CFG", ""};
  // How NCCL's choices on two nodes go together follows from what each node is set to, and a slow direction from
  // losses.
  const bool of_choices = is_one_of(finding.id, {"ROCE-PAIR-009", "ROCE-PAIR-010", "ROCE-PAIR-012", "ROCE-PAIR-013"});
  const bool of_losses = finding.id == "ROCE-PAIR-022";
  const std::string_view area = of_choices                                   ? "SRV"
                                : of_losses || finding.id == "ROCE-PERF-003" ? "CTR"
                                                                             : area_of(finding);
  const auto place = std::find(areas.begin(), areas.end() - 1, area) - areas.begin();
  return 2 * static_cast<int>(place) + (of_choices || of_losses ? 1 : 0);
}

int tier_of(const Found& found) {
  const Finding& finding = found.finding;
  if (finding.severity == Severity::unknown) return finding.id == "ROCE-PERF-016" ? 4 : finding.essential ? 5 : 6;
  if (found.of_a_step || is_consequence(finding))
    return finding.severity == Severity::critical ? 2 : is_minor(finding) ? 3 : 2;
  if (is_minor(finding) && finding.severity != Severity::critical) return 3;
  return finding.severity == Severity::critical ? 0 : 1;
}

bool is_fault(const Finding& finding) {
  return finding.severity == Severity::critical || finding.severity == Severity::warning ||
         finding.severity == Severity::unknown;
}

void add_evidence(Finding& to, const Finding& from) {
  for (Evidence item : from.evidence) {
    if (std::find(to.evidence.begin(), to.evidence.end(), item) != to.evidence.end()) continue;
    item.what += fmt::format(" ({})", from.host);
    to.evidence.push_back(std::move(item));
  }
  if (from.remedy != to.remedy && !from.remedy.empty()) {
    to.remedy.push_back(fmt::format("# on {}:", from.host));
    to.remedy.insert(to.remedy.end(), from.remedy.begin(), from.remedy.end());
  }
}

}  // namespace

std::vector<Found> merge(const std::vector<Finding>& findings) {
  std::vector<Found> merged;
  for (const Finding& finding : findings) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Found& other) {
      return other.finding.id == finding.id && other.finding.severity == finding.severity &&
             other.finding.subject == finding.subject && other.finding.title == finding.title;
    });
    if (same == merged.end()) {
      merged.push_back({finding, {}, false});
      if (!finding.host.empty()) merged.back().hosts.push_back(finding.host);
      continue;
    }
    if (std::find(same->hosts.begin(), same->hosts.end(), finding.host) != same->hosts.end()) continue;
    add_evidence(same->finding, finding);
    if (!finding.host.empty()) same->hosts.push_back(finding.host);
  }
  return merged;
}

void order(std::vector<Found>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Found& a, const Found& b) {
    const int tier_a = tier_of(a);
    const int tier_b = tier_of(b);
    if (tier_a != tier_b) return tier_a < tier_b;
    const int weight_a = checks::weight(a.finding.severity);
    const int weight_b = checks::weight(b.finding.severity);
    if (weight_a != weight_b) return weight_a > weight_b;
    return rank_of(a.finding) != rank_of(b.finding) ? rank_of(a.finding) < rank_of(b.finding)
                                                    : a.finding.id < b.finding.id;
  });
}

void conclude(Report& report, const BaselineFiles& baselines) {
  // What facts have told of the pair is not told again by those who measure it.
  const auto told = [&](const Finding& finding) {
    return is_one_of(finding.id, {"ROCE-PAIR-001", "ROCE-PAIR-002", "ROCE-PAIR-003", "ROCE-PAIR-004"}) &&
           std::any_of(report.all.begin(), report.all.end(),
                       [&](const Finding& other) { return other.id == finding.id && is_fault(other); });
  };
  std::vector<Finding> measured;
  if (report.rails) measured = report.rails->findings;
  if (report.collectives) {
    measured.insert(measured.end(), report.collectives->findings.begin(), report.collectives->findings.end());
  }
  measured.erase(std::remove_if(measured.begin(), measured.end(), told), measured.end());
  report.all.insert(report.all.end(), measured.begin(), measured.end());
  report.figures = figures_of(report);
  judge_requirements(report, report.all);
  judge_baseline(report, baselines, report.all);
  std::vector<Finding> of_steps;
  judge_steps(report, of_steps);
  report.all.insert(report.all.end(), of_steps.begin(), of_steps.end());
  for (Found& found : merge(report.all)) {
    if (!is_fault(found.finding)) continue;
    found.of_a_step = std::any_of(of_steps.begin(), of_steps.end(), [&](const Finding& finding) {
      return finding.id == found.finding.id && finding.subject == found.finding.subject;
    });
    report.findings.push_back(std::move(found));
  }
  order(report.findings);
  report.verdict = checks::judge(report.all);
}

}  // namespace rocekit::preflight
