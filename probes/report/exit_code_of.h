// A verdict as scripts see it.
#pragma once

#include "core/exit_code.h"
#include "probes/checks/finding.h"

namespace rocekit::report {

/// --fail-on: from which level a script sees an exit code other than 0.
enum class FailOn { warning, critical };

inline ExitCode exit_code_of(checks::Verdict verdict, FailOn fail_on) {
  switch (verdict) {
    case checks::Verdict::ready:
      return ExitCode::ready;
    case checks::Verdict::degraded:
      return fail_on == FailOn::critical ? ExitCode::ready : ExitCode::warning;
    case checks::Verdict::not_ready:
      return ExitCode::critical;
    case checks::Verdict::unknown:
      break;
  }
  return ExitCode::unknown;
}

}  // namespace rocekit::report
