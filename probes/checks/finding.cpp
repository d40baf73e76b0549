#include "probes/checks/finding.h"

#include <algorithm>

namespace rocekit::checks {

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::skipped:
      return "skipped";
    case Severity::unknown:
      return "unknown";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "unknown";
}

int weight(Severity severity) {
  switch (severity) {
    case Severity::skipped:
      return 0;
    case Severity::ok:
      return 1;
    case Severity::unknown:
      return 2;
    case Severity::warning:
      return 3;
    case Severity::critical:
      return 4;
  }
  return 4;
}

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ready:
      return "ready";
    case Verdict::degraded:
      return "degraded";
    case Verdict::not_ready:
      return "not-ready";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Verdict judge(const std::vector<Finding>& findings) {
  const auto any = [&](auto&& holds) { return std::any_of(findings.begin(), findings.end(), holds); };
  if (any([](const Finding& f) { return f.severity == Severity::critical; })) return Verdict::not_ready;
  if (any([](const Finding& f) { return f.severity == Severity::unknown && f.essential; })) return Verdict::unknown;
  if (any([](const Finding& f) { return f.severity == Severity::warning; })) return Verdict::degraded;
  if (any([](const Finding& f) { return f.severity == Severity::ok; })) return Verdict::ready;
  return Verdict::unknown;  // nothing was judged: a verdict would be a guess
}

}  // namespace rocekit::checks
