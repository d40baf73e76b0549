#include "tools/roce-preflight/result.h"

namespace rocekit::preflight {

const char* to_string(State state) {
  switch (state) {
    case State::done:
      return "done";
    case State::failed:
      return "failed";
    case State::not_run:
      return "not-run";
  }
  return "not-run";
}

std::map<std::string, checks::Severity> worst_of(const Report& report) {
  std::map<std::string, checks::Severity> worst;
  for (const checks::Finding& finding : report.all) {
    const auto [at, fresh] = worst.emplace(finding.id, finding.severity);
    if (!fresh && checks::weight(finding.severity) > checks::weight(at->second)) at->second = finding.severity;
  }
  return worst;
}

}  // namespace rocekit::preflight
